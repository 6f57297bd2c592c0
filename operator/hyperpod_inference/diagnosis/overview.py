"""All endpoints of a cluster at once: what they need of others, and which of them is not well."""

from functools import partial

from hyperpod_inference.api import conditions, names
from hyperpod_inference.diagnosis.observed import Body, Cluster, Findings, checked, key_of, ok, wrong
from hyperpod_inference.diagnosis.others import drivers, keda, load_balancers
from hyperpod_inference.installation.preflight import Finding

SERVED = (names.KIND_ENDPOINT, names.KIND_JUMPSTART)


def named(cluster: Cluster, namespace: str, name: str) -> Body | None:
    """The endpoint of this name, of either kind; None when there is none. Raises NotSeen."""
    return next((each for kind in SERVED if (each := cluster.of(kind).find(name, namespace))), None)


def overview(cluster: Cluster) -> list[Finding]:
    """A finding for each endpoint, then what endpoints need of others."""
    found = [each for kind in SERVED for each in cluster.of(kind).items]
    needs = (("drivers", drivers), ("load balancers", load_balancers), ("keda", keda))
    return checked(
        [
            ("endpoints", partial(_endpoints, cluster)),
            *((name, partial(check, cluster, found)) for name, check in needs),
        ]
    )


def _endpoints(cluster: Cluster) -> Findings:
    found = [each for kind in SERVED for each in cluster.of(kind).all()]
    bad = [each for each in found if not conditions.is_true(_conditions(each), conditions.READY)]
    for each in bad:
        namespace, name = key_of(each)
        told = conditions.find(_conditions(each), conditions.READY) or {}
        why = told.get("message") or "the operator has not looked at it yet"
        yield wrong(f"endpoint {namespace}/{name}", why, f"`hyperpod-inference doctor {name} -n {namespace}`")
    yield ok("endpoints", f"{len(found) - len(bad)} of {len(found)} are ready")


def _conditions(endpoint: Body) -> tuple[Body, ...]:
    return tuple((endpoint.get("status") or {}).get("conditions") or ())
