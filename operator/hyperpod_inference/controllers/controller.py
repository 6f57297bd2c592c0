"""From changes to work: watch callbacks become keys in a queue, workers take keys and reconcile them.

A reconciler gets a key and nothing else: what happened does not matter, only what is. It reads caches,
writes, and returns; when it raises, its key alone is tried again with back-off, all other keys go on.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from hyperpod_inference.cloud.errors import CloudError
from hyperpod_inference.kube.errors import ApiError
from hyperpod_inference.kube.metrics import Metrics, QueueMetrics
from hyperpod_inference.kube.reflector import OnChange
from hyperpod_inference.kube.resources import Body
from hyperpod_inference.kube.store import Key, key_of
from hyperpod_inference.kube.workqueue import QueueShutDown, WorkQueue

logger = logging.getLogger(__name__)


LOUD_FROM = 1.0
"""Seconds of back-off from which a failure is a warning."""
CLOUD_PAUSE = 1.0
"""Seconds at least between two tries of what AWS failed: its client has tried several times by then."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a reconcile asks for: nothing, or another look after so many seconds."""

    requeue_after: float | None = None


Reconcile = Callable[[Key], Awaitable[Result]]
Mapper = Callable[[Body], Iterable[Key]]
"""The keys of the resources that an object concerns."""


def itself(obj: Body) -> tuple[Key]:
    """The mapper of the kind that is reconciled."""
    return (key_of(obj),)


def each_of(*callbacks: OnChange) -> OnChange:
    """A reflector's callback that tells several of a change."""

    def changed(kind: str, old: Body | None, new: Body | None) -> None:
        for callback in callbacks:
            callback(kind, old, new)

    return changed


class Controller:
    """The queue and the workers of one kind."""

    def __init__(self, name: str, reconcile: Reconcile, metrics: Metrics, *, workers: int = 4) -> None:
        self.name = name
        self._reconcile, self._metrics, self._workers = reconcile, metrics, workers
        observer = QueueMetrics(metrics, name)
        self.queue: WorkQueue[Key] = WorkQueue(observer=observer)
        observer.watch(self.queue.processing_for)
        metrics.workers.labels(name).set(workers)
        metrics.errors.labels(name)  # 0 before the first one, as controller-runtime has it

    def on_change(self, mapper: Mapper = itself) -> OnChange:
        """A reflector's callback that queues whatever `mapper` names, for the object before and after."""

        def changed(kind: str, old: Body | None, new: Body | None) -> None:
            for obj in (old, new):
                if obj is not None:
                    for key in mapper(obj):
                        self.queue.add(key)

        return changed

    async def run(self) -> None:
        """Work until the queue is shut down."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            try:
                key = await self.queue.get()
            except QueueShutDown:
                return
            started = time.monotonic()
            self._metrics.active.labels(self.name).inc()
            try:
                outcome = await self._one(key)
            finally:
                self.queue.done(key)
                self._metrics.active.labels(self.name).dec()
                self._metrics.time.labels(self.name).observe(time.monotonic() - started)
            self._metrics.reconciles.labels(self.name, outcome).inc()

    async def _one(self, key: Key) -> str:
        """Reconcile one key; returns the outcome in controller-runtime's words."""
        try:
            result = await self._reconcile(key)
        except ApiError as error:
            if error.progress:
                self.queue.forget(key)
            self._again(key, error, error.retry_after or 0.0)
        except CloudError as error:
            self._again(key, error, CLOUD_PAUSE)
        except Exception:
            pause = self.queue.add_failed(key)
            logger.exception("%s %s/%s failed unexpectedly, next try in %.3g s", self.name, *key, pause)
        else:
            self.queue.forget(key)
            if result.requeue_after is None:
                return "success"
            self.queue.add_after(key, result.requeue_after)
            return "requeue_after"
        self._metrics.errors.labels(self.name).inc()
        return "error"

    def _again(self, key: Key, error: Exception, at_least: float) -> None:
        pause = self.queue.add_failed(key, at_least=at_least)
        level = logging.WARNING if pause >= LOUD_FROM else logging.INFO  # the first tries often do it
        logger.log(level, "%s %s/%s: next try in %.3g s: %s", self.name, *key, pause, error)
