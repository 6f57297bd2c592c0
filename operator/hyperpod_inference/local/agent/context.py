"""What every pod worker shares: the cluster's client, the node table, addresses, settings and the clock."""

import asyncio
import ipaddress
import logging
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.store import Store
from hyperpod_inference.local.agent.backoff import Policy
from hyperpod_inference.local.agent.events import News, Recorder
from hyperpod_inference.local.nodes import LocalNode

Body = Mapping[str, Any]
logger = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set about the agent.

    Attributes:
        restarts: back-off of crashing containers and of unknown images.
        probe_timeout_floor: seconds; a shorter timeoutSeconds is raised to it, because all "nodes" share one
            machine and a second can pass while a neighbour loads its model.
        refresh: seconds between two looks at the ConfigMaps and Secrets that volumes are made of.
        mount_retry: seconds between two tries to mount a pod's volumes.
    """

    restarts: Policy = field(default_factory=Policy)
    probe_timeout_floor: float = 5.0
    refresh: float = 60.0
    mount_retry: float = 2.0


class PodAddresses:
    """Gives each pod an address of its own and takes it back; the pods' statuses are the memory of it."""

    def __init__(self, first: str = "10.244.1.1", last: str = "10.244.254.254") -> None:
        self._first, self._last = (int(ipaddress.IPv4Address(each)) for each in (first, last))
        self._next = self._first
        self._held: dict[str, str] = {}

    def claim(self, uid: str, wanted: str | None = None) -> str:
        """The pod's address: the one it had, the one wanted if free, or the next that nobody holds.

        Addresses are handed out in turn, so that one is not reused soon after its pod has gone.
        """
        if uid in self._held:
            return self._held[uid]
        taken = set(self._held.values())
        if wanted and wanted not in taken and self._mine(wanted):
            self._held[uid] = wanted
            return wanted
        for _ in range(self._last - self._first + 1):
            address = str(ipaddress.IPv4Address(self._next))
            self._next = self._next + 1 if self._next < self._last else self._first
            if address not in taken:
                self._held[uid] = address
                return address
        raise RuntimeError("no pod address is free; delete pods")

    def release(self, uid: str) -> None:
        """The pod is gone."""
        self._held.pop(uid, None)

    def _mine(self, address: str) -> bool:
        try:
            return self._first <= int(ipaddress.IPv4Address(address)) <= self._last
        except ValueError:
            return False


@dataclass(slots=True)
class Context:
    """Shared by all workers of one agent."""

    client: Client
    http: aiohttp.ClientSession
    state: Path
    nodes: Mapping[str, LocalNode]
    services: Store
    recorder: Recorder
    settings: Settings = field(default_factory=Settings)
    addresses: PodAddresses = field(default_factory=PodAddresses)
    now: Callable[[], datetime] = utc_now
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def directory(self) -> Path:
        """The agent's own files."""
        return self.state / "agent"

    def pod_directory(self, uid: str) -> Path:
        """Volumes of one pod."""
        return self.directory / "pods" / uid

    def log_directory(self, pod: Body) -> Path:
        """Logs of one pod, named as a node names them."""
        metadata = pod["metadata"]
        return self.directory / "logs" / f"{metadata['namespace']}_{metadata['name']}_{metadata['uid']}"

    def remove_logs(self, pod: Body) -> None:
        """Delete one pod's logs."""
        shutil.rmtree(self.log_directory(pod), ignore_errors=True)

    def event(self, about: Body, kind: str, reason: str, message: str, field: str = "") -> None:
        """Have an Event written, without waiting for it."""
        self.recorder.tell(News(about, kind, reason, message, field))

    def spawn(self, work: Any) -> None:
        """Run a coroutine on the side; its failure is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("background work failed", exc_info=task.exception())

    def known_services(self) -> Iterable[Body]:
        """All Services, for the variables that containers get."""
        return self.services.list()
