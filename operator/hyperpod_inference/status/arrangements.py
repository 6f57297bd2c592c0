"""The verdict on parts that live inside the model's pods: ready when they are set up and the pods serve."""

from hyperpod_inference.api import conditions
from hyperpod_inference.status.observed import Observed
from hyperpod_inference.status.parts import Arrangement
from hyperpod_inference.status.verdict import Verdict, no, yes


def arrangements(observed: Observed, workload: Verdict) -> dict[str, Verdict]:
    """One condition for each of them. `workload`: the verdict on the pods."""
    return {each.part.value: _verdict(each, workload) for each in observed.arrangements}


def _verdict(arranged: Arrangement, workload: Verdict) -> Verdict:
    if not arranged.works:
        return no(arranged.reason, arranged.message)
    if workload.status == "True":
        return yes(arranged.reason, arranged.message)
    waiting = "Not all replicas serve yet: see the condition WorkloadReady."
    return no(conditions.PROGRESSING, f"{arranged.message} {waiting}")
