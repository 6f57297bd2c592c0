"""What is said of an endpoint, on its status and as Events: after a look at what the caches hold of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hyperpod_inference.api.meta import ObjectMeta
from hyperpod_inference.api.parse import InvalidResource
from hyperpod_inference.controllers.caches import Caches
from hyperpod_inference.controllers.observing import NOTHING, observe
from hyperpod_inference.controllers.statuses import Status, StatusWriter
from hyperpod_inference.kube.apply import ApplyFailure
from hyperpod_inference.kube.events import EventRecorder
from hyperpod_inference.kube.resources import Body
from hyperpod_inference.kube.store import key_of
from hyperpod_inference.render import Rendered
from hyperpod_inference.status import ApplyError, Observed, deleting, events, refused, unresolved


@dataclass(frozen=True, kw_only=True)
class Reporter:
    """Observes the endpoints of one kind and writes their statuses.

    caches: those of this kind.
    blind: errors about kinds that the operator may not even see, asked for at each look.
    """

    caches: Caches
    statuses: StatusWriter
    recorder: EventRecorder
    now: Callable[[], datetime]
    blind: Callable[[], Iterable[ApplyError]] = tuple

    def previous(self, body: Body) -> Status:
        """The newest known status, {} when there is none."""
        return self.statuses.previous(body)

    def observe(self, body: Body, rendered: Rendered = NOTHING, **seen: Any) -> Observed:
        """What there is to judge; `seen` as `observing.observe` takes it."""
        return observe(self.caches, key_of(body), self.previous(body), rendered, blind=self.blind(), **seen)

    async def report(self, body: Body, status: Status) -> None:
        """Write a status, and an Event for each thing that became another."""
        previous = self.previous(body)
        if await self.statuses.write(body, status):
            for event in events(previous, status):
                await self.recorder.record(body, event.type, event.reason, event.message)

    async def refuse(self, body: Body, invalid: InvalidResource) -> None:
        """A resource that does not parse: say which field, and leave alone what runs."""
        observed = self.observe(body, problems=tuple(str(problem) for problem in invalid.problems))
        await self.report(body, refused(_metadata(body), observed, self.now()))

    async def tell_unresolved(self, body: Body, why: str) -> None:
        """AWS did not say what there is to serve: say why, and leave alone what runs."""
        await self.report(body, unresolved(_metadata(body), self.observe(body), why, self.now()))

    async def tell_deletion(self, body: Body, failures: Sequence[ApplyFailure], why: str = "") -> None:
        """A deletion that waits, and for what."""
        observed = self.observe(body, failures=failures)
        await self.report(body, deleting(_metadata(body), observed, self.now(), why))


def _metadata(body: Body) -> ObjectMeta:
    return ObjectMeta.model_validate(body["metadata"], extra="ignore")
