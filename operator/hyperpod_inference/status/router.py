"""The verdict on the router in front of the replicas: does it run, where is it, and if not, why not."""

from hyperpod_inference.api import conditions
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.status.observed import Observed
from hyperpod_inference.status.parts import Part
from hyperpod_inference.status.refusal import told
from hyperpod_inference.status.rollout import Rollout, refusal_of_pods
from hyperpod_inference.status.verdict import Verdict, count, no, sentence, yes
from hyperpod_inference.status.workload import PODS_REFUSED, causes_of

# Where a person finds what the router's pods need: not in the endpoint's spec.
_ADVICE = {
    conditions.UNSCHEDULABLE: "A router pod needs 250m CPU and 256Mi of memory: free them, or add a node.",
    conditions.IMAGE_PULL_FAILED: "Set ROUTER_IMAGE of the operator to an image that the nodes can pull.",
}


def router(endpoint: InferenceEndpointConfig, observed: Observed) -> dict[str, Verdict]:
    """RouterReady, of an endpoint that has a router: True as soon as one of its replicas answers."""
    if not endpoint.spec.routed:
        return {}
    return {conditions.ROUTER_READY: _router(endpoint, observed)}


def address(observed: Observed) -> str | None:
    """Where the router is reached inside the cluster, without a path; None without its Service."""
    if observed.router_service is None:
        return None
    metadata = observed.router_service["metadata"]
    port = observed.router_service["spec"]["ports"][0]["port"]
    return f"http://{metadata['name']}.{metadata['namespace']}.svc:{port}"


def _router(endpoint: InferenceEndpointConfig, observed: Observed) -> Verdict:
    refused = [error for error in observed.apply_errors if error.part is Part.ROUTER]
    if refused:
        return no(conditions.APPLY_FAILED, told(refused[0]))
    if observed.router is None:
        return no(conditions.NOT_CREATED, "The router does not exist yet; the operator is creating it.")
    rollout = Rollout.of(observed.router)
    reason, trouble = _trouble(observed, rollout)
    if rollout.desired == 0:
        return no(conditions.SCALED_TO_ZERO, "No router replica is asked for, so nothing routes.")
    ready = f"{rollout.ready} of {count(rollout.desired, 'router replica')} ready"
    if not rollout.available:
        return no(reason, f"{ready}. {trouble or 'They are starting.'}")
    where = f"routing by {endpoint.spec.routing_strategy} at {address(observed)}"
    return yes(conditions.AVAILABLE, f"{sentence(f'{ready}, {where}')} {trouble}".rstrip())


def _trouble(observed: Observed, rollout: Rollout) -> tuple[str, str]:
    """What keeps replicas from being ready: a reason and two sentences, the latter empty if nothing does."""
    refusal = refusal_of_pods(observed.router or {})
    if refusal is not None:
        step = "Have the quota raised, or change what it names."
        return PODS_REFUSED, f"The API server refuses more pods: {sentence(refusal)} {step}"
    found = [] if rollout.complete else causes_of(observed.router_pods, observed.events)
    if not found:
        return conditions.PROGRESSING, ""
    step = _ADVICE.get(found[0].reason, found[0].next_step)
    return found[0].reason, f"Pod {found[0].pod} {found[0].happened} {step}"
