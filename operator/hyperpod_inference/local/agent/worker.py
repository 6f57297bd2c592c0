"""One pod, from the moment it is bound to one of our nodes until its deletion is confirmed.

A level-triggered loop: look at the pod and its containers, ask `lifecycle` for the next step, do it, publish
the status, wait for the next change. `manager` makes one worker per pod.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any

from hyperpod_inference.kube.client import STRATEGIC_MERGE_PATCH
from hyperpod_inference.kube.errors import ApiError, Conflict, NotFound
from hyperpod_inference.kube.resources import PODS
from hyperpod_inference.local.agent import environment, lifecycle, podstatus
from hyperpod_inference.local.agent.containers import Container, all_specs, restored, timestamp
from hyperpod_inference.local.agent.context import Context
from hyperpod_inference.local.agent.environment import Sources
from hyperpod_inference.local.agent.runner import Runner
from hyperpod_inference.local.agent.storage import MountError
from hyperpod_inference.local.agent.volumes import Volumes

Body = Mapping[str, Any]

logger = logging.getLogger(__name__)

_STATUS_RETRY = 1.0
_TERMINAL = ("Succeeded", "Failed")


class Worker:
    """Runs one pod; `run` as a task, `update` on every change of the pod."""

    def __init__(self, context: Context, pod: Body) -> None:
        self._context, self.pod = context, pod
        self._node = context.nodes[pod["spec"]["nodeName"]]
        self._wake, self._dirty = asyncio.Event(), asyncio.Event()
        metadata, status = pod["metadata"], pod.get("status") or {}
        self._uid = metadata["uid"]
        self._ip = context.addresses.claim(self._uid, status.get("podIP"))
        self._start_time = status.get("startTime") or timestamp(context.now())
        self._over = status.get("phase") in _TERMINAL
        self._mounted = False
        self.confirming = False
        self.volumes = Volumes(context.client, context.pod_directory(self._uid), context.state, context.now)
        self.runners = {
            spec["name"]: Runner(context, pod, spec, restored(pod, spec, context.now()), self._changed)
            for spec in all_specs(pod)
        }

    @property
    def deleting(self) -> bool:
        """Whether someone asked for the pod's deletion."""
        return bool(self.pod["metadata"].get("deletionTimestamp"))

    def update(self, pod: Body) -> None:
        """The pod changed in the API."""
        before = self.pod["metadata"].get("deletionGracePeriodSeconds")
        self.pod = pod
        after = pod["metadata"].get("deletionGracePeriodSeconds")
        for runner in self.runners.values():
            runner.pod = pod
            if before is not None and after is not None and after < before:
                runner.hurry()
        self._wake.set()

    async def run(self) -> None:
        """Run the pod to its end. Cancelling kills what still runs: the pod is gone from the API."""
        side = [asyncio.create_task(self._publish()), asyncio.create_task(self._refresh())]
        try:
            await self._prepare()
            await self._work()
            await self._terminate()
        finally:
            for task in side:
                task.cancel()
            await asyncio.gather(*side, return_exceptions=True)
            await self._clean()
        if self.deleting:
            await self._confirm()

    def _changed(self) -> None:
        self._wake.set()
        self._dirty.set()

    # --- before the containers ---------------------------------------------------------------------------

    def _sources(self) -> Sources:
        spec = self.pod["spec"]
        links = environment.service_links(
            self._context.known_services(),
            self.pod["metadata"]["namespace"],
            spec.get("enableServiceLinks", True),
        )
        return Sources(self._ip, self._node.address, services=links, allocatable=self._node.allocatable())

    async def _prepare(self) -> None:
        if self._over:
            return
        self._dirty.set()
        while not self.deleting:
            self._wake.clear()
            try:
                await self.volumes.prepare(self.pod, self._sources())
                self._mounted = True
                return
            except MountError as error:
                self._context.event(self.pod, "Warning", "FailedMount", str(error))
            await self._wait(self._context.settings.mount_retry)

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(self._context.settings.refresh)
            if self._mounted:
                await self._remount()

    async def _remount(self) -> None:
        try:
            await self.volumes.refresh(self.pod, self._sources())
        except (ApiError, environment.ConfigError) as error:
            logger.warning("volumes of pod %s not refreshed: %s", self.pod["metadata"]["name"], error)

    # --- the containers ----------------------------------------------------------------------------------

    def containers(self) -> dict[str, Container]:
        """The containers as they are now."""
        return {name: runner.container for name, runner in self.runners.items()}

    async def _work(self) -> None:
        while not self.deleting:
            self._wake.clear()
            if not self._over:
                step = lifecycle.plan(self.pod, self.containers(), self._context.now())
                self._over = step.finished
                await self._perform(step)
                delay = (step.wake - self._context.now()).total_seconds() if step.wake else None
            else:
                delay = None
            await self._wait(delay)

    async def _perform(self, step: lifecycle.Plan) -> None:
        for name in step.stop:
            self.runners[name].stop()
        for name, _ in step.held:
            self.runners[name].hold()
        for name in step.start:
            if self.deleting:
                return
            if self.runners[name].container.ever_ran:
                await self._remount()  # some programs end to read their files anew
            try:
                await self.runners[name].start(self._sources(), self.volumes.backings)
            except ApiError as error:
                logger.warning(
                    "container %s of %s not started: %s", name, self.pod["metadata"]["name"], error
                )
                await asyncio.sleep(error.retry_after or _STATUS_RETRY)
                self._wake.set()

    async def _wait(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if seconds is None else max(seconds, 0.0)):
                await self._wake.wait()

    # --- the end -----------------------------------------------------------------------------------------

    async def _terminate(self) -> None:
        grace = self.pod["metadata"].get("deletionGracePeriodSeconds")
        order = [name for name, runner in self.runners.items() if runner.sidecar]
        mains = [name for name in self.runners if name not in order]
        await self._stop_together(mains, grace)
        for name in reversed(order):
            await self._stop_together([name], grace)

    async def _stop_together(self, names: list[str], grace: float | None) -> None:
        tasks = []
        for name in names:
            task = self.runners[name].stop(grace)
            if task is not None:
                self._context.event(self.pod, "Normal", "Killing", f"Stopping container {name}")
                tasks.append(task)
        await asyncio.gather(*tasks)

    async def _clean(self) -> None:
        for runner in self.runners.values():
            runner.hurry()
        tasks = [runner.stop(0) for runner in self.runners.values()]
        await asyncio.gather(*(task for task in tasks if task is not None))

    def forget(self) -> None:
        """Drop the pod's files and address: it is gone from the API."""
        self.volumes.remove()
        self._context.remove_logs(self.pod)
        self._context.addresses.release(self._uid)

    async def _confirm(self) -> None:
        name, namespace = self.pod["metadata"]["name"], self.pod["metadata"]["namespace"]
        self.confirming = True
        while True:
            try:
                await self._write(self._status())
                await self._context.client.delete(
                    PODS, name, namespace, uid=self._uid, grace_period_seconds=0
                )
                return
            except (NotFound, Conflict):
                return
            except ApiError as error:
                logger.warning("deletion of pod %s/%s not confirmed yet: %s", namespace, name, error)
                await asyncio.sleep(error.retry_after or _STATUS_RETRY)

    # --- the status --------------------------------------------------------------------------------------

    def _status(self) -> dict[str, Any]:
        facts = podstatus.Facts(self._ip, self._node.address, self._start_time, created=self._mounted)
        return podstatus.pod_status(self.pod, self.containers(), facts, self._context.now())

    async def _publish(self) -> None:
        written: dict[str, Any] = {}
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            status = self._status()
            if status == written:
                continue
            try:
                await self._write(status)
                written = status
            except (NotFound, Conflict):
                continue
            except ApiError as error:
                logger.warning("status of pod %s not written: %s", self.pod["metadata"]["name"], error)
                await asyncio.sleep(error.retry_after or _STATUS_RETRY)
                self._dirty.set()

    async def _write(self, status: dict[str, Any]) -> None:
        metadata = self.pod["metadata"]
        body = {"metadata": {"uid": self._uid}, "status": status}
        await self._context.client.patch(
            PODS, metadata["name"], metadata["namespace"], body, STRATEGIC_MERGE_PATCH, subresource="status"
        )
