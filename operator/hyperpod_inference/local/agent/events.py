"""Events about pods, counted as a kubelet counts them: one Event per message, repeats raise its count.

The nodes' rights allow to create and patch Events but not to read them, so what was written is remembered
here. Repeats are gathered for a few seconds, since a probe can fail every second.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hyperpod_inference.kube.client import MERGE_PATCH, Client
from hyperpod_inference.kube.errors import ApiError, NotFound
from hyperpod_inference.kube.resources import EVENTS
from hyperpod_inference.local.agent.containers import timestamp

Body = Mapping[str, Any]

logger = logging.getLogger(__name__)

COMPONENT = "kubelet"
REMEMBERED = 2000
GATHER = 5.0
"""Seconds for which repeats of an Event are gathered before its count is raised."""
_MESSAGE_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class News:
    """What happened to whom; `field` names the container as in `spec.containers{web}`."""

    about: Body
    kind: str
    reason: str
    message: str
    field: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """Equal for repeats."""
        return (self.about["metadata"]["uid"], self.field, self.kind, self.reason, self.message)


@dataclass(slots=True)
class _Written:
    name: str
    namespace: str
    count: int
    gathering: bool = False


class Recorder:
    """Writes Events in order, without holding anyone up: `tell` queues, `run` writes."""

    def __init__(self, client: Client, now: Callable[[], datetime]) -> None:
        self._client, self._now = client, now
        self._queue: asyncio.Queue[News] = asyncio.Queue()
        self._written: dict[tuple[str, ...], _Written] = {}

    def tell(self, news: News) -> None:
        """Have it written after what was told before."""
        known = self._written.get(news.key)
        if known is None:
            self._queue.put_nowait(news)
            return
        known.count += 1
        if not known.gathering:
            known.gathering = True
            asyncio.get_running_loop().call_later(GATHER, self._queue.put_nowait, news)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            news = await self._queue.get()
            try:
                await self._write(news)
            except ApiError as error:
                logger.warning("event %s of %s not written: %s", news.reason, _name(news), error)

    async def _write(self, news: News) -> None:
        known = self._written.get(news.key)
        if known is not None:
            known.gathering = False
            change = {"count": known.count, "lastTimestamp": timestamp(self._now())}
            try:
                await self._client.patch(EVENTS, known.name, known.namespace, change, MERGE_PATCH)
                return
            except NotFound:  # Events live for an hour
                del self._written[news.key]
        body = event(news, uuid.uuid4().hex[:16], self._now())
        while len(self._written) >= REMEMBERED:
            del self._written[next(iter(self._written))]
        metadata = body["metadata"]
        self._written[news.key] = _Written(metadata["name"], metadata["namespace"], 1)
        await self._client.create(EVENTS, body)


def event(news: News, suffix: str, now: datetime) -> dict[str, Any]:
    """The Event's body."""
    metadata = news.about["metadata"]
    about = {key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion") if key in metadata}
    about |= {"apiVersion": "v1", "kind": "Pod"} | ({"fieldPath": news.field} if news.field else {})
    host = news.about["spec"].get("nodeName", "")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name'][:230]}.{suffix}", "namespace": metadata["namespace"]},
        "involvedObject": about,
        "type": news.kind,
        "reason": news.reason,
        "message": news.message[:_MESSAGE_LIMIT],
        "count": 1,
        "firstTimestamp": timestamp(now),
        "lastTimestamp": timestamp(now),
        "source": {"component": COMPONENT, "host": host},
        "reportingComponent": COMPONENT,
        "reportingInstance": host,
    }


def _name(news: News) -> str:
    return f"{news.about['metadata']['namespace']}/{news.about['metadata']['name']}"
