"""All pods of all our nodes: one watch, one worker per pod."""

import asyncio
import logging
import shutil
from collections.abc import Mapping
from typing import Any

from hyperpod_inference.kube.reflector import Reflector
from hyperpod_inference.kube.resources import PODS
from hyperpod_inference.kube.store import Store
from hyperpod_inference.local.agent.context import Context
from hyperpod_inference.local.agent.worker import Worker

Body = Mapping[str, Any]

logger = logging.getLogger(__name__)


class Manager:
    """Keeps one `Worker` running for each pod that is bound to a node of ours."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.store = Store()
        self._workers: dict[str, tuple[Worker, asyncio.Task[None]]] = {}
        self.reflector = Reflector(
            context.client,
            PODS,
            field_selector="spec.nodeName!=",
            store=self.store,
            on_change=self._on_change,
        )

    def worker(self, namespace: str, name: str) -> Worker | None:
        """The worker of a pod, None if the pod is not ours."""
        pod = self.store.get(namespace, name)
        entry = self._workers.get(pod["metadata"]["uid"]) if pod else None
        return entry[0] if entry else None

    def pods(self, node: str) -> list[Body]:
        """The pods bound to one node."""
        return [pod for pod in self.store.list() if pod["spec"].get("nodeName") == node]

    async def run(self) -> None:
        """Run until cancelled; then every container is killed."""
        cleaner = asyncio.create_task(self._forget_old_pods())
        try:
            await self.reflector.run()
        finally:
            cleaner.cancel()
            await self.stop()

    async def stop(self) -> None:
        """Kill everything that runs."""
        tasks = [task for _, task in self._workers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _forget_old_pods(self) -> None:
        await self.reflector.synced()
        known = {pod["metadata"]["uid"] for pod in self.store.list()}
        for directory in ("pods", "logs"):
            for path in (self._context.directory / directory).glob("*"):
                if path.name.rsplit("_", 1)[-1] not in known:
                    shutil.rmtree(path, ignore_errors=True)

    def _on_change(self, event: str, old: Body | None, new: Body | None) -> None:
        if new is None:
            if old is not None:
                self._gone(old)
            return
        if new["spec"].get("nodeName") not in self._context.nodes:
            return
        uid = new["metadata"]["uid"]
        if uid in self._workers:
            self._workers[uid][0].update(new)
        else:
            worker = Worker(self._context, new)
            task = asyncio.create_task(worker.run())
            task.add_done_callback(_log_failure)
            self._workers[uid] = (worker, task)

    def _gone(self, pod: Body) -> None:
        entry = self._workers.pop(pod["metadata"]["uid"], None)
        if entry is not None:
            self._context.spawn(self._bury(*entry))

    async def _bury(self, worker: Worker, task: asyncio.Task[None]) -> None:
        if not worker.confirming:  # gone from the API without our word: nothing to be gentle for
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        worker.forget()


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.error("a pod's worker failed; the pod stays as it is", exc_info=task.exception())
