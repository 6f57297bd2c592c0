"""The verdict on what is put on nodes ahead of time: how many are warm, and what holds up the others."""

from hyperpod_inference.api import conditions
from hyperpod_inference.status.causes import is_ready
from hyperpod_inference.status.observed import Body, Observed
from hyperpod_inference.status.parts import Part
from hyperpod_inference.status.refusal import told
from hyperpod_inference.status.verdict import Verdict, no, yes
from hyperpod_inference.status.workload import causes_of

NO_NODES = "NoNodes"
WARM = "Warm"
_COLD = "Pods on the others read from the model source."


def model_cache(observed: Observed) -> dict[str, Verdict]:
    """ModelCacheReady, of an endpoint whose nodes are warmed."""
    arranged = [each for each in observed.arrangements if each.part is Part.MODEL_CACHE and each.works]
    return {Part.MODEL_CACHE.value: _verdict(observed, arranged[0].message)} if arranged else {}


def _verdict(observed: Observed, what: str) -> Verdict:
    refused = [error for error in observed.apply_errors if error.part is Part.MODEL_CACHE]
    if refused:
        return no(conditions.APPLY_FAILED, told(refused[0]))
    if observed.node_cache is None:
        return no(conditions.NOT_CREATED, f"{what} The DaemonSet that does it does not exist yet.")
    wanted, warm = _counts(observed.node_cache)
    if wanted == 0:
        look = "compare spec.instanceTypes or spec.nodeAffinity with `kubectl get nodes --show-labels`."
        return no(NO_NODES, f"{what} No node is there that the pods may use: {look}")
    state = f"{what} {warm} of {wanted} {'node is' if wanted == 1 else 'nodes are'} warm"
    if warm >= wanted:
        return yes(WARM, f"{state}, and new pods prefer them.")
    found = causes_of([pod for pod in observed.node_cache_pods if not is_ready(pod)], observed.events)
    if found:
        first = found[0]
        said = f"Pod {first.pod} {first.happened} {first.next_step}"
        return no(first.reason, f"{state}. {_COLD} {said}")
    return no(conditions.PROGRESSING, f"{state}. {_COLD} They are being filled.")


def _counts(daemon_set: Body) -> tuple[int, int]:
    """Nodes to warm, and warm with what is asked for now."""
    status = daemon_set.get("status", {})
    wanted = status.get("desiredNumberScheduled", 0)
    if status.get("observedGeneration", 0) < daemon_set["metadata"].get("generation", 0):
        return max(1, wanted), 0  # the controller has not seen what is asked for now
    return wanted, min(status.get("numberReady", 0), status.get("updatedNumberScheduled", 0))
