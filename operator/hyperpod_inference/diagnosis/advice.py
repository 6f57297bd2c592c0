"""What works and could be better: the warnings of `kubectl apply`, and what only a running endpoint shows."""

from hyperpod_inference.api import names
from hyperpod_inference.api.parse import InvalidResource, parse
from hyperpod_inference.api.warnings import warnings
from hyperpod_inference.diagnosis.observed import Body, Cluster, Findings, key_of, ok


def advice(cluster: Cluster, body: Body) -> Findings:
    """Advice only; none of it is a cause."""
    spec = body["spec"]
    try:
        for each in warnings(parse(dict(body), tolerant=True)):
            yield ok("spec", each.path, each.message)
    except InvalidResource:
        pass  # the condition Accepted says so
    if not (spec.get("metrics") or {}).get("enabled", body["kind"] == names.KIND_JUMPSTART):
        yield ok("metrics", "switched off", "Dashboards show nothing of it: set spec.metrics.enabled.")
    if (spec.get("intelligentRoutingSpec") or {}).get("enabled"):
        namespace, name = key_of(body)
        service = f"{names.routing_service_name(name, namespace)}.{cluster.settings.namespace}"
        fix = (
            f"Inside the cluster it speaks plain HTTP on port 443: http://{service}:443. HTTPS is the load "
            "balancer's."
        )
        yield ok("router", "has a Service of its own", fix)
    if not (spec.get("endpointName") or (spec.get("sageMakerEndpoint") or {}).get("name")):
        field = "spec.sageMakerEndpoint.name" if body["kind"] == names.KIND_JUMPSTART else "spec.endpointName"
        yield ok(
            "SageMaker endpoint",
            "not asked for",
            f"It is reached by its load balancer only; {field} asks for one.",
        )
    yield from _one_node(cluster, body)


def _one_node(cluster: Cluster, body: Body) -> Findings:
    namespace, name = key_of(body)
    labels = {names.LABEL_APP: name, names.LABEL_DEPLOYING_SERVICE: names.DEPLOYING_SERVICE}
    nodes = [pod["spec"].get("nodeName") for pod in cluster.pods(namespace, labels)]
    if len(nodes) > 1 and len(set(nodes)) == 1 and nodes[0]:
        fix = "They end together with it: name a second instance type, or add nodes of this one."
        yield ok("placement", f"all {len(nodes)} replicas are on node {nodes[0]}", fix)
