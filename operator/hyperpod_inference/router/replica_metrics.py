"""Reads now and then what the replicas say of their own caches: their size, and the hits they really had.

The size bounds what `prefixaware` believes a replica to hold. The hits stand beside the predicted ones in the
router's metrics. A replica without such metrics (not vLLM's) changes nothing.
"""

import asyncio
import re
from collections.abc import Callable

from hyperpod_inference.router.asking import Ask
from hyperpod_inference.router.replicas import Cache, Replica, ReplicaSet

SECONDS = 5.0
MOST_BYTES = 4 * 1024 * 1024
_QUERIES = re.compile(rb"^vllm:(?:gpu_)?prefix_cache_queries(?:_total)?(?:\{[^}]*\})? ([0-9.eE+]+)", re.M)
_HITS = re.compile(rb"^vllm:(?:gpu_)?prefix_cache_hits(?:_total)?(?:\{[^}]*\})? ([0-9.eE+]+)", re.M)
_CONFIG = re.compile(rb"^vllm:cache_config_info\{([^}]*)\}", re.M)
_SIZES = re.compile(rb'(block_size|num_gpu_blocks)="(\d+)"')


def parse(text: bytes) -> Cache | None:
    """From the page of `/metrics`; engines of one replica are added up. None when it says nothing."""
    sizes = [dict(_SIZES.findall(labels)) for labels in _CONFIG.findall(text)]
    capacity = sum(int(each.get(b"block_size", 0)) * int(each.get(b"num_gpu_blocks", 0)) for each in sizes)
    queried = sum(float(value) for value in _QUERIES.findall(text))
    hit = sum(float(value) for value in _HITS.findall(text))
    return Cache(capacity, int(queried), int(hit)) if capacity or queried else None


class ReplicaMetrics:
    """`found` is called with each answer that says something; it is kept with the replica."""

    def __init__(
        self, replicas: ReplicaSet, seconds: float, found: Callable[[Replica, Cache], None],
        ask: Callable[[float, int, Callable[[int, bytes], None]], Ask],
    ) -> None:  # fmt: skip
        self._replicas, self._seconds, self._found, self._ask = replicas, seconds, found, ask

    async def run(self) -> None:
        """Ask everyone every `seconds`, spread over that time, until cancelled."""
        while True:
            everyone = self._replicas.everyone
            for replica in everyone:
                self.look(replica)
                await asyncio.sleep(self._seconds / len(everyone))
            if not everyone:
                await asyncio.sleep(1.0)

    def look(self, replica: Replica) -> None:
        """Ask one."""

        def done(status: int, body: bytes) -> None:
            cache = parse(body) if status == 200 else None
            if cache is not None and not replica.gone:
                replica.cache = cache
                self._found(replica, cache)

        self._ask(SECONDS, MOST_BYTES, done).send(replica, b"GET", b"/metrics")
