"""What the status of an endpoint says, decided by pure functions of what was observed.

    judge(endpoint, observed, now) -> the body of .status
    events(previous, new)          -> what to tell as Kubernetes Events
    due(endpoint, status)          -> when to judge again although nothing happened

`controllers` observes and writes; nothing here reads a clock or a cluster. A verdict is made per part
(workload, model_source, arrangements, deadline, parts), `causes` finds out why a pod is not ready and
`advice` what to do.
"""

from hyperpod_inference.status.deadline import due
from hyperpod_inference.status.events import EventRecord, events
from hyperpod_inference.status.judge import deleting, judge, refused, unresolved
from hyperpod_inference.status.observed import ApplyError, Observed
from hyperpod_inference.status.parts import NotBuilt, Part

__all__ = [
    "ApplyError",
    "EventRecord",
    "NotBuilt",
    "Observed",
    "Part",
    "deleting",
    "due",
    "events",
    "judge",
    "refused",
    "unresolved",
]
