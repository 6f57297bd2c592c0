"""One container of a pod: starts its program, watches it with probes, stops it with grace.

Keeps a `containers.Container` value up to date and calls `changed` after every change; when to start and stop
is the worker's decision (`lifecycle`).
"""

import asyncio
import contextlib
import os
import signal
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from hyperpod_inference.local import images
from hyperpod_inference.local.agent import launching, prober, waits
from hyperpod_inference.local.agent.backoff import Backoff
from hyperpod_inference.local.agent.containers import Container, Running, Terminated, Waiting, is_sidecar
from hyperpod_inference.local.agent.context import Context
from hyperpod_inference.local.agent.environment import ConfigError, Sources
from hyperpod_inference.local.agent.logs import Log
from hyperpod_inference.local.agent.probes import Probe
from hyperpod_inference.local.agent.probing import Probing
from hyperpod_inference.local.agent.process import Launch, Process, StartError
from hyperpod_inference.local.agent.storage import Backing
from hyperpod_inference.local.extras.known import image_table
from hyperpod_inference.local.paths import cache_dir

Body = Mapping[str, Any]

_KEPT_LOGS = 2  # this run's and the one before, as `kubectl logs --previous` asks
_MESSAGE_LIMIT = 4096


class Runner:
    """Runs one container of one pod over its restarts."""

    def __init__(
        self, context: Context, pod: Body, spec: Body, container: Container, changed: Callable[[], None]
    ) -> None:
        self._context, self.pod, self.spec = context, pod, spec
        self.container = container
        init = spec in (pod["spec"].get("initContainers") or ())
        self._field = "spec.initContainers" if init else "spec.containers"
        self._changed = changed
        self._process: Process | None = None
        self._follower: asyncio.Task[None] | None = None
        self._probing: Probing | None = None
        self._target: prober.Target | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self.logs: list[Log] = []

    # --- starting ----------------------------------------------------------------------------------------

    async def start(self, sources: Sources, backings: Mapping[str, Backing]) -> None:
        """Start the program; on failure the container's state says what is wrong and until when it waits."""
        try:
            image = images.find(self.spec["image"], image_table(cache_dir(os.environ)))
        except images.UnknownImage as error:
            self._cannot(waits.pull_failed(self.spec["image"], str(error)))
            return
        if not self.container.ever_ran:
            present = f'Container image "{self.spec["image"]}" already present on machine'
            self._tell([("Normal", "Pulled", present)])
        try:
            launch = await launching.launch(self._context, self.pod, self.spec, image, sources, backings)
        except ConfigError as error:
            self._cannot(waits.config_failed(str(error)))
            return
        await self._execute(launch, sources)

    async def _execute(self, launch: Launch, sources: Sources) -> None:
        restarts = self.container.restarts + self.container.ever_ran
        log = Log(self._context.log_directory(self.pod) / self.container.name / f"{restarts}.log")
        self.logs.insert(0, log)
        while len(self.logs) > _KEPT_LOGS:
            self.logs.pop().path.unlink(missing_ok=True)
        identity = f"hyperpod-local://{uuid.uuid4().hex}"
        started = self._context.now()
        last = self.container.ended
        changes = {"last": last, "restarts": restarts, "container_id": identity}
        try:
            process = await Process.start(launch, log.write)
        except StartError as error:
            log.close()
            ended = Terminated(128, "StartError", str(error), started, self._context.now(), identity)
            self._tell([("Warning", "Failed", f"Error: {error}")])
            self._ended(ended, changes)
            return
        self._process = process
        self._hurry.clear()
        name = self.container.name
        created = ("Normal", "Created", f"Created container: {name}")
        self._tell([created, ("Normal", "Started", f"Started container {name}")])
        started_already = not self.spec.get("startupProbe")
        ready = started_already and not self.spec.get("readinessProbe")
        self._set(Running(started), **changes, pull=Backoff(), started=started_already, ready=ready)
        self._target = prober.Target(sources.pod_ip, self.spec, process.pid, launch.env)
        floor = self._context.settings.probe_timeout_floor
        self._probing = Probing(self._context.http, self.spec, self._target, floor, self)
        self._follower = asyncio.create_task(self._follow(process, log, started, identity))
        self._context.spawn(self._hook("postStart"))

    def hold(self) -> None:
        """Show that the container waits for its back-off."""
        shown = waits.held(self.pod, self.container, self.spec["image"], self._context.settings.restarts)
        if shown is not None:
            last = self.container.ended
            self._tell(shown[1])
            self._set(shown[0], last=last)

    def _cannot(self, shown: tuple[Waiting, list[waits.Told]]) -> None:
        policy = self._context.settings.restarts
        pull = waits.next_look(self.container.pull, self._context.now(), policy)
        self._tell(shown[1])
        self._set(shown[0], pull=pull, last=self.container.ended)

    # --- running -----------------------------------------------------------------------------------------

    async def _follow(self, process: Process, log: Log, started: datetime, identity: str) -> None:
        code = await process.ended
        log.close()
        if self._probing is not None:
            await self._probing.close()
        reason = "Completed" if code == 0 else "Error"
        message = self._message(code, log)
        self._process = None
        self._ended(Terminated(code, reason, message, started, self._context.now(), identity), {})

    def _message(self, code: int, log: Log) -> str:
        try:
            written = launching.message_file(self._context, self.pod, self.container.name).read_bytes()
        except OSError:
            written = b""
        text = written[:_MESSAGE_LIMIT].decode(errors="replace")
        return text or (log.last_lines if code else "")

    def _ended(self, ended: Terminated, changes: Mapping[str, Any]) -> None:
        policy = self._context.settings.restarts
        crashes = self.container.crashes.after(ended.finished, ended.finished - ended.started, policy)
        self._set(ended, **{**changes, "crashes": crashes})

    # What `probing` reports.

    def probe_failed(self, probe: Probe, message: str) -> None:
        """One failure, before any threshold."""
        if self._stopping is None:
            self._tell([("Warning", "Unhealthy", f"{probe.kind.capitalize()} probe failed: {message}")])

    def passed_startup(self) -> None:
        """The startup probe passed."""
        self._set(self.container.state, started=True, ready=not self.spec.get("readinessProbe"))

    def became_ready(self, ready: bool) -> None:
        """The readiness probe's verdict."""
        if self.container.running and ready != self.container.ready:
            self._set(self.container.state, ready=ready)

    def unhealthy(self, probe: Probe) -> None:
        """A startup or liveness probe failed for good: the container is restarted."""
        text = f"Container {self.container.name} failed {probe.kind} probe, will be restarted"
        self._tell([("Normal", "Killing", text)])
        self.stop(self._grace() if probe.grace is None else probe.grace)

    # --- stopping ----------------------------------------------------------------------------------------

    def _grace(self) -> float:
        return float(self.pod["spec"].get("terminationGracePeriodSeconds", 30))

    def stop(self, grace: float | None = None) -> "asyncio.Task[None] | None":
        """Begin to stop the program, once; returns the task that ends when it has ended."""
        if self._process is None:
            return None
        if self._stopping is None:
            seconds = self._grace() if grace is None else grace
            self._stopping = asyncio.create_task(self._stop(self._process, seconds))
        return self._stopping

    def hurry(self) -> None:
        """Kill now what is being stopped."""
        self._hurry.set()

    async def _stop(self, process: Process, grace: float) -> None:
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._hook("preStop")
                    process.send(signal.SIGTERM)
                    await self._ended_or_hurried(process)
            process.send(signal.SIGKILL)
            await asyncio.shield(process.ended)
            if self._follower is not None:
                await asyncio.shield(self._follower)
        finally:
            self._stopping = None
            self._changed()

    async def _ended_or_hurried(self, process: Process) -> None:
        hurried = asyncio.ensure_future(self._hurried())
        ended = asyncio.ensure_future(asyncio.shield(process.ended))
        try:
            await asyncio.wait([ended, hurried], return_when=asyncio.FIRST_COMPLETED)
        finally:
            hurried.cancel()

    async def _hurried(self) -> int:
        await self._hurry.wait()
        return 0

    async def _hook(self, name: str) -> None:
        action = (self.spec.get("lifecycle") or {}).get(name)
        if not action or self._target is None:
            return
        if "sleep" in action:
            await asyncio.sleep(action["sleep"]["seconds"])
            return
        result = await prober.check(self._context.http, action, self._target, max(self._grace(), 1))
        if not result.success:
            reason = "FailedPreStopHook" if name == "preStop" else "FailedPostStartHook"
            self._tell([("Warning", reason, f"{name} hook failed: {result.message}")])

    # --- telling -----------------------------------------------------------------------------------------

    def _set(self, state: Waiting | Running | Terminated, **changes: Any) -> None:
        self.container = self.container.now(state, **changes)
        self._changed()

    def _tell(self, told: list[waits.Told]) -> None:
        for kind, reason, message in told:
            self._context.event(self.pod, kind, reason, message, f"{self._field}{{{self.container.name}}}")

    def log(self, previous: bool = False) -> Log | None:
        """The log of this run, or of the one before; None if there was none.

        A container that waits for its restart has no run now: its newest log is the last run's, as on a node.
        """
        number = 1 if previous and not self._waits_for_restart() else 0
        return self.logs[number] if len(self.logs) > number else None

    def _waits_for_restart(self) -> bool:
        return isinstance(self.container.state, Waiting) and self.container.ever_ran

    @property
    def sidecar(self) -> bool:
        """Whether it runs beside the main containers."""
        return is_sidecar(self.spec)
