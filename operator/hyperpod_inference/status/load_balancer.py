"""The verdict on the load balancer: its address, or why there is none. It never keeps an endpoint from Ready.

The AWS Load Balancer Controller makes it from the Ingress. Clients inside the cluster do not need it.
"""

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.status.observed import Body, Observed
from hyperpod_inference.status.parts import Part
from hyperpod_inference.status.refusal import told
from hyperpod_inference.status.verdict import Verdict, no, yes

INGRESS_CLASS_MISSING = "IngressClassMissing"


def load_balancer(endpoint: InferenceEndpointConfig, observed: Observed) -> Verdict:
    """LoadBalancerReady, of every endpoint."""
    refused = [error for error in observed.apply_errors if error.part is Part.LOAD_BALANCER]
    if refused:
        return no(conditions.APPLY_FAILED, told(refused[0]))
    ingress = observed.ingress
    if ingress is None:
        return no(conditions.NOT_CREATED, "The Ingress does not exist yet; the operator is creating it.")
    if host := host_of(ingress):
        path = endpoint.spec.invocation_endpoint.lstrip("/")
        return yes(conditions.AVAILABLE, f"Serving at {_scheme(ingress)}://{host}/{path} inside the VPC.")
    if names.INGRESS_CLASS not in observed.ingress_classes:
        return no(
            INGRESS_CLASS_MISSING,
            f"No load balancer is made: IngressClass {names.INGRESS_CLASS} does not exist. Install the AWS "
            "Load Balancer Controller (alb.enabled in the add-on's configuration), or put an Ingress of your "
            "own in front of the endpoint's Service. Inside the cluster the endpoint is reached without it.",
        )
    where = f"{ingress['metadata']['name']} -n {ingress['metadata']['namespace']}"
    return no(
        conditions.PROGRESSING,
        "The load balancer has no address yet. If it stays so, the Ingress says why: "
        f"`kubectl describe ingress {where}`.",
    )


def host_of(ingress: Body | None) -> str:
    """The host name of the load balancer, '' before it has one."""
    hosts = [each.get("hostname") or each.get("ip") for each in _addresses(ingress or {})]
    return str(hosts[0]) if hosts else ""


def _addresses(ingress: Body) -> list[Body]:
    found: list[Body] = ingress.get("status", {}).get("loadBalancer", {}).get("ingress") or []
    return found


def _scheme(ingress: Body) -> str:
    annotations = ingress["metadata"].get("annotations") or {}
    return "https" if names.ALB_CERTIFICATE in annotations else "http"
