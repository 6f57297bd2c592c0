"""What the router reads from its replicas beside the traffic: KV events, tokens of prompts, metrics."""

import asyncio
from collections.abc import Callable

from hyperpod_inference.router.asking import Ask
from hyperpod_inference.router.kv_events import KvEvents
from hyperpod_inference.router.replica_metrics import ReplicaMetrics
from hyperpod_inference.router.replicas import Cache, Replica, ReplicaSet
from hyperpod_inference.router.settings import RouterSettings
from hyperpod_inference.router.strategies import KvAware, PrefixAware, Strategy
from hyperpod_inference.router.tokens import Tokens


class Reading:
    """Everything that runs for it."""

    def __init__(self, events: KvEvents | None, metrics: asyncio.Task[None] | None) -> None:
        self._events, self._metrics = events, metrics

    async def close(self) -> None:
        """Stop."""
        if self._metrics is not None:
            self._metrics.cancel()
            await asyncio.gather(self._metrics, return_exceptions=True)
        if self._events is not None:
            await self._events.close()


def start(
    strategy: Strategy, replicas: ReplicaSet, settings: RouterSettings,
    ask: Callable[[float, int, Callable[[int, bytes], None]], Ask],
) -> Reading:  # fmt: skip
    """Begin to read what the settings ask for and the strategy can use."""
    events = None
    if isinstance(strategy, KvAware) and settings.kv_events_port:
        strategy.tokens = Tokens(strategy, ask)
        replay_port = settings.kv_replay_port or settings.kv_events_port + 1
        strategy.events = events = KvEvents(strategy, settings.kv_events_port, replay_port)
        replicas.on_change(events.changed)
    if not settings.replica_metrics_seconds:
        return Reading(events, None)
    prefix = settings.prefix
    index = strategy.fallback.index if isinstance(strategy, KvAware) else None
    index = strategy.index if isinstance(strategy, PrefixAware) else index

    def found(replica: Replica, cache: Cache) -> None:
        if index is not None and cache.capacity:
            index.resize(replica, int(cache.capacity * prefix.bytes_per_token / prefix.block_bytes))

    metrics = ReplicaMetrics(replicas, settings.replica_metrics_seconds, found, ask)
    return Reading(events, asyncio.get_running_loop().create_task(metrics.run()))
