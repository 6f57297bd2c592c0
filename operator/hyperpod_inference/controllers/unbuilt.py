"""Kinds that are installed but not reconciled yet: each gets one valid status that says so.

A status that some other operator wrote is left alone, so that this one can be tried beside it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from hyperpod_inference.api import conditions, names
from hyperpod_inference.controllers.controller import Result
from hyperpod_inference.controllers.statuses import Status, StatusWriter
from hyperpod_inference.kube.events import EventRecorder
from hyperpod_inference.kube.resources import Body
from hyperpod_inference.kube.store import Key, Store

# What to use instead, where there is something.
ADVICE: Mapping[str, str] = {
    names.KIND_GATEWAY: "Put a Gateway of your own in front of the models' Services.",
}


class UnbuiltReconciler:
    """Tells the owner of a resource of such a kind that nothing will happen to it."""

    def __init__(
        self,
        kind: str,
        store: Store,
        statuses: StatusWriter,
        recorder: EventRecorder,
        now: Callable[[], datetime],
    ) -> None:
        self._kind, self._store, self._statuses, self._recorder, self._now = (
            kind,
            store,
            statuses,
            recorder,
            now,
        )

    async def __call__(self, key: Key) -> Result:
        """Write the status, once per generation."""
        body = self._store.get(*key)
        if body is None or body["metadata"].get("deletionTimestamp") or _is_anothers(body):
            return Result()
        message = f"{self._kind} is not reconciled by this version of the operator. {ADVICE[self._kind]}"
        status = not_built(body, message, self._now())
        if await self._statuses.write(body, status):
            await self._recorder.record(body, "Warning", conditions.NOT_BUILT, message)
        return Result()


def _is_anothers(body: Body) -> bool:
    """Whether the status was written by an operator that does reconcile this kind."""
    status: Mapping[str, Any] = body.get("status") or {}
    accepted = conditions.find(status.get("conditions") or (), conditions.ACCEPTED)
    return bool(status) and (accepted is None or accepted.get("reason") != conditions.NOT_BUILT)


def not_built(body: Body, message: str, now: datetime) -> Status:
    """The whole status of a resource of such a kind, valid under its schema and for AWS's own client."""
    previous = body.get("status") or {}
    before, generation = previous.get("conditions") or (), body["metadata"].get("generation")
    entries = [
        conditions.condition(kind, "False", conditions.NOT_BUILT, message, generation, now, before)
        for kind in (conditions.ACCEPTED, conditions.READY)
    ]
    return {"conditions": entries, "observedGeneration": generation}
