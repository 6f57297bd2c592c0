"""What the caches hold of one endpoint, as `status` judges it."""

from collections.abc import Iterable, Sequence

from hyperpod_inference.api import names
from hyperpod_inference.controllers.caches import Caches
from hyperpod_inference.controllers.kinds import REGISTRATIONS
from hyperpod_inference.controllers.statuses import Status
from hyperpod_inference.kube.apply import ApplyFailure, Identity, identity_of
from hyperpod_inference.kube.resources import (
    DAEMON_SETS,
    DEPLOYMENTS,
    INGRESSES,
    PERSISTENT_VOLUME_CLAIMS,
    SCALED_OBJECTS,
    SERVICES,
    Body,
    Resource,
)
from hyperpod_inference.kube.store import Key, version_of
from hyperpod_inference.render import Rendered
from hyperpod_inference.status import ApplyError, Observed
from hyperpod_inference.status.dns import record_of
from hyperpod_inference.status.tls import Certificate, certificate_of

NOTHING = Rendered(manifests=())
"""What is rendered of a resource that cannot be understood, or that goes."""


def observe(
    caches: Caches,
    key: Key,
    previous: Status,
    rendered: Rendered = NOTHING,
    *,
    problems: Sequence[str] = (),
    applied: Iterable[Body] = (),
    failures: Iterable[ApplyFailure] = (),
    blind: Iterable[ApplyError] = (),
) -> Observed:
    """What the caches hold, and the answers of the API server (`applied`) where they are behind."""
    everything = _newest((*applied, *caches.children_of(*key)))
    pods = caches.pods_of(*key)
    routers = [obj for obj in everything if _is_routers(obj)]
    seen = [obj for obj in everything if not _is_routers(obj)]
    keepers = caches.node_cache_pods_of(*key)
    return Observed(
        deployment=next((obj for obj in _of_kind(seen, DEPLOYMENTS) if not _role(obj)), None),
        roles={_role(obj): obj for obj in _of_kind(seen, DEPLOYMENTS) if _role(obj)},
        router=next(iter(_of_kind(routers, DEPLOYMENTS)), None),
        router_service=next(iter(_of_kind(routers, SERVICES)), None),
        router_pods=tuple(pod for pod in pods if _is_routers(pod)),
        pods=tuple(pod for pod in pods if not _is_routers(pod)),
        services=tuple(_of_kind(seen, SERVICES)),
        claims=tuple(_of_kind(seen, PERSISTENT_VOLUME_CLAIMS)),
        registration=next(iter(_of_kind(seen, REGISTRATIONS)), None),
        ingress=next(iter(_of_kind(everything, INGRESSES)), None),
        ingress_classes=caches.names_of_ingress_classes(),
        scaled_object=next(iter(_of_kind(seen, SCALED_OBJECTS)), None),
        dependencies=rendered.dependencies,
        node_cache=next(iter(_of_kind(seen, DAEMON_SETS)), None),
        node_cache_pods=tuple(keepers),
        events=tuple(caches.events_of([*pods, *keepers])),
        instance_type_of_node=caches.instance_types(),
        not_built=rendered.not_built,
        arrangements=rendered.arrangements,
        certificate=certificate_made(previous),
        record=record if (record := record_of(previous)).health else None,
        problems=tuple(problems),
        apply_errors=(*(_apply_error(each, rendered) for each in failures), *blind),
        previous_status=previous,
    )


def certificate_made(previous: Status) -> Certificate | None:
    """What the last status says of the certificate; a status without it would lose what was made."""
    found = certificate_of(previous)
    return found if found != Certificate() else None


def _is_routers(obj: Body) -> bool:
    """Whether a child belongs to the router, not to the model."""
    labels = obj["metadata"].get("labels") or {}
    return labels.get(names.LABEL_COMPONENT) == names.COMPONENT_ROUTER


def _role(obj: Body) -> str:
    """'prefill' or 'decode' of a child that belongs to one of them, else ''."""
    return str((obj["metadata"].get("labels") or {}).get(names.LABEL_DPD_ROLE, ""))


def _newest(objects: Iterable[Body]) -> list[Body]:
    """Every object once, in its newest version: a cache may lag behind the answer to an apply."""
    newest: dict[Identity, Body] = {}
    for obj in objects:
        known = newest.get(identity_of(obj))
        if known is None or version_of(known) < version_of(obj):
            newest[identity_of(obj)] = obj
    return [*newest.values()]


def _of_kind(objects: Iterable[Body], resource: Resource) -> list[Body]:
    return [obj for obj in objects if obj["kind"] == resource.kind]


def _apply_error(failure: ApplyFailure, rendered: Rendered) -> ApplyError:
    """RBAC's own message names verb and kind; a failure without an answer has only its request to show."""
    error = failure.error
    prefix = "" if failure.verb == "apply" else f"cannot {failure.verb} it: "
    message = error.message if error.status and error.message else str(error)
    return ApplyError(
        kind=failure.kind,
        name=failure.name,
        message=prefix + message,
        status=error.status,
        reason=error.reason,
        part=rendered.parts.get((failure.kind, failure.name)),
    )
