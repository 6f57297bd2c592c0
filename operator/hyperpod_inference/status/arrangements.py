"""The verdict on parts that live inside the model's pods: ready when they are set up and the pods serve."""

from dataclasses import replace

from hyperpod_inference.api import conditions
from hyperpod_inference.status.observed import Observed
from hyperpod_inference.status.parts import Arrangement
from hyperpod_inference.status.verdict import Verdict, no, yes


def arrangements(observed: Observed, workload: Verdict) -> dict[str, Verdict]:
    """One condition for each part. `workload`: the verdict on the pods."""
    found: dict[str, Verdict] = {}
    for each in observed.arrangements:
        verdict, before = _verdict(each, workload), found.get(each.part.value)
        if before is not None:  # one that does not work is what there is to say first
            first, second = sorted((before, verdict), key=lambda one: one.status)
            verdict = replace(first, message=f"{first.message} {second.message}")
        found[each.part.value] = verdict
    return found


def _verdict(arranged: Arrangement, workload: Verdict) -> Verdict:
    if not arranged.works:
        return no(arranged.reason, arranged.message)
    if workload.status == "True":
        return yes(arranged.reason, arranged.message)
    waiting = "Not all replicas serve yet: see the condition WorkloadReady."
    return no(conditions.PROGRESSING, f"{arranged.message} {waiting}")
