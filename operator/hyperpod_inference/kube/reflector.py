"""Keeps a store equal to what the API server holds for one kind and one selector, whatever goes wrong.

List, then watch from there. The watch is resumed where it stopped; the list is read again only when the
server has forgotten that point (410, as an HTTP status or as an ERROR event) or when watching keeps failing.
A list is compared with the store, so an object deleted while nobody watched is reported as DELETED too.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Protocol

from hyperpod_inference.kube.client import WATCH_SILENCE, Client, Scope
from hyperpod_inference.kube.errors import ApiError, Gone, WatchSilent
from hyperpod_inference.kube.resources import Body, Resource
from hyperpod_inference.kube.store import Key, Store, key_of, version_of

logger = logging.getLogger(__name__)

BACKOFF_BASE, BACKOFF_CAP = 0.2, 30.0
RELIST_PAUSE = 10.0
"""Seconds between two lists when the server answers 410 again and again."""
GIVE_UP_RESUMING = 5
"""Failed watches in a row after which the position itself is suspect and the list is read again."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

OnChange = Callable[[str, Body | None, Body | None], None]
"""Called as (ADDED | MODIFIED | DELETED, object before, object after), after the store changed."""


class Random(Protocol):
    """The part of `random.Random` that jitter needs."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


def strip(obj: Body) -> Body:
    """Drop what no reader needs and what makes up half of a cached object: managedFields and last-applied."""
    metadata = obj["metadata"]
    metadata.pop("managedFields", None)
    if annotations := metadata.get("annotations"):
        annotations.pop(LAST_APPLIED, None)
    return obj


def backoff(failures: int, rng: Random, retry_after: float | None = None) -> float:
    """Seconds to wait after so many failures in a row; what the server asked for wins."""
    if retry_after is not None:
        return retry_after * (1 + 0.1 * rng.random())
    return min(BACKOFF_BASE * 2.0 ** min(failures, 16), BACKOFF_CAP) * (0.5 + rng.random() / 2)


class Reflector:
    """One kind, one selector, one store; `run` it as a task. `error` is the last failure while it lasts."""

    def __init__(
        self,
        client: Client,
        resource: Resource,
        *,
        store: Store,
        on_change: OnChange,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        metadata_only: bool = False,
        shape: Any = Body,
        strip: Callable[[Body], Body] = strip,
        silence: float = WATCH_SILENCE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: Random = random,  # the module has the same function
    ) -> None:
        self.resource, self.store = resource, store
        self._client, self._on_change, self._strip = client, on_change, strip
        self._scope = Scope(namespace, label_selector, field_selector, metadata_only, shape)
        self._silence, self._clock, self._sleep, self._rng = silence, clock, sleep, rng
        self._synced, self._tried = asyncio.Event(), asyncio.Event()
        self._version: str | None = None  # the position to watch from; None asks for a list
        self._listed_at = float("-inf")
        self._failures = 0
        self.error: ApiError | None = None

    async def synced(self) -> None:
        """Wait until the store has been filled once."""
        await self._synced.wait()

    async def tried(self) -> None:
        """Wait until the server has answered once, be it with a refusal."""
        await self._tried.wait()

    def is_synced(self) -> bool:
        """Whether the store has been filled once."""
        return self._synced.is_set()

    async def run(self) -> None:
        """Reflect until cancelled; nothing that the server or a callback does ends it."""
        while True:
            pause = await self._step()
            self._tried.set()
            if pause > 0:
                await self._sleep(pause)

    async def _step(self) -> float:
        """One list or one watch; returns the seconds to wait before the next."""
        try:
            if self._version is None:
                await self._list()
                return 0.0
            return await self._watch(self._version)
        except Gone:
            self._version = None
            since = self._clock() - self._listed_at
            return 0.0 if since >= RELIST_PAUSE else RELIST_PAUSE - since + self._rng.random()
        except WatchSilent:
            return 0.0  # nothing to tell, or a dead connection: a new one will show
        except ApiError as error:
            return self._failed(error, error.retry_after)
        except Exception as error:  # nobody knows what was missed: start over from a list
            logger.exception("reflecting %s failed; listing again", self.resource.plural)
            self._version = None
            return self._failed(error, None)

    def _failed(self, error: Exception, retry_after: float | None) -> float:
        self.error = error if isinstance(error, ApiError) else None
        pause = backoff(self._failures, self._rng, retry_after)
        self._failures += 1
        if self._failures % GIVE_UP_RESUMING == 0:
            self._version = None
        level = logging.WARNING if self._failures % GIVE_UP_RESUMING == 1 else logging.DEBUG
        logger.log(level, "cannot reflect %s, next try in %.1f s: %s", self.resource.plural, pause, error)
        return pause

    async def _list(self) -> None:
        fresh: dict[Key, Body] = {}
        version = ""
        async for page in self._client.pages(self.resource, self._scope):
            if page is None:
                fresh.clear()
                continue
            for item in page.items:
                with _sparing_others(item):
                    fresh[key_of(item)] = self._strip(item)
            version = page.resource_version
        self._listed_at = self._clock()
        self._replace(fresh)
        self._version, self._failures, self.error = version, 0, None
        self._synced.set()

    def _replace(self, fresh: dict[Key, Body]) -> None:
        for key in self.store.keys() - fresh.keys():
            self._deleted(key)
        for key, obj in fresh.items():
            old = self.store.get(*key)
            if old is None or version_of(old) != version_of(obj):
                with _sparing_others(obj):
                    self._observed(obj)

    async def _watch(self, version: str) -> float:
        """Follow changes until the stream ends; a quick end without any news counts as a failure."""
        started, news = self._clock(), False
        stream = self._client.watch(
            self.resource,
            self._scope,
            version,
            timeout_seconds=round(300 + 300 * self._rng.random()),
            silence=self._silence,
        )
        async with contextlib.aclosing(stream):
            async for event in stream:
                news, self._failures, self.error = True, 0, None
                if version_of(event.object) <= int(self._version or 0):
                    continue  # told before: a replay
                self._version = event.object["metadata"]["resourceVersion"]
                with _sparing_others(event.object):
                    if event.type == "DELETED":
                        self._deleted(key_of(event.object))
                    elif event.type != "BOOKMARK":
                        self._observed(self._strip(event.object))
        if self._clock() - started >= 1.0:
            return 0.0
        return BACKOFF_BASE if news else self._failed(ApiError(0, "", "the watch ended at once"), None)

    def _observed(self, obj: Body) -> None:
        old = self.store.get(*key_of(obj))
        if old is not None and version_of(obj) < version_of(old):
            return  # a server that lags behind the one we read before
        if old is not None and old["metadata"].get("uid") != obj["metadata"].get("uid"):
            self._deleted(key_of(obj))  # deleted and made again while nobody watched
            old = None
        self.store.put(obj)
        self._on_change("ADDED" if old is None else "MODIFIED", old, obj)

    def _deleted(self, key: Key) -> None:
        if (old := self.store.remove(key)) is not None:
            self._on_change("DELETED", old, None)


@contextlib.contextmanager
def _sparing_others(obj: Body) -> Iterator[None]:
    """An object that a reader chokes on (somebody edited etcd) is logged, and holds up no other."""
    try:
        yield
    except Exception:
        logger.exception("left out: %s", obj.get("metadata"))
