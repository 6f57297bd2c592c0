"""The replicas of one endpoint and what is known about each: the facts that strategies choose by.

`discovery` says which replicas exist, `exchange` keeps their counters, `breaker` leaves out those that fail.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import xxhash

from hyperpod_inference.router import settings
from hyperpod_inference.router.breaker import CircuitBreaker


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a replica listens; also its identity."""

    host: str
    port: int

    def __str__(self) -> str:
        """`host:port`, with brackets around an IPv6 host."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Cache(NamedTuple):
    """What a replica says of its prefix cache, in tokens; 0 where it says nothing."""

    capacity: int
    queried: int
    hit: int


class Replica:
    """One model server. The counters are written by `exchange` alone."""

    __slots__ = (
        "address", "breaker", "cache", "failures", "gone",  "in_flight", "name", "pending", "requests",
        "seed",
    )  # fmt: skip

    def __init__(self, address: Address, breaker: CircuitBreaker) -> None:
        self.address, self.breaker = address, breaker
        self.name = str(address)
        self.seed = xxhash.xxh3_64_intdigest(self.name.encode())
        """Its place in consistent hashing, the same in every router process."""
        self.in_flight = 0
        self.pending = 0
        """Prompt blocks sent to it that it has not begun to answer: its prefill queue as seen from here."""
        self.requests = 0
        self.failures = 0
        self.cache: Cache | None = None
        """What it last said of its prefix cache."""
        self.gone = False
        """It left the set; answers under way may still end."""

    def __repr__(self) -> str:
        """For logs and test failures."""
        return f"Replica({self.name}, in_flight={self.in_flight}, pending={self.pending})"


class ReplicaSet:
    """The replicas that may be chosen; `available` is rebuilt only when something changes."""

    def __init__(self, breaker: settings.Breaker) -> None:
        self._breaker = breaker
        self._open = 0  # breakers that are not closed: 0 spares the hot path the look at each
        self._replicas: dict[Address, Replica] = {}
        self._listeners: list[Callable[[Sequence[Replica], Sequence[Replica]], None]] = []
        self.everyone: tuple[Replica, ...] = ()
        self.synced = False
        """Discovery has answered at least once."""

    def on_change(self, listener: Callable[[Sequence[Replica], Sequence[Replica]], None]) -> None:
        """Call `listener(everyone, gone)` after each change."""
        self._listeners.append(listener)

    def update(self, addresses: Iterable[Address]) -> None:
        """Make the set hold exactly these; replicas that stay keep their counters and connections."""
        self.synced = True
        wanted = sorted({*addresses})
        if wanted == sorted(self._replicas):
            return
        gone = [replica for address, replica in self._replicas.items() if address not in wanted]
        self._replicas = {
            address: self._replicas.get(address) or self._replica(address) for address in wanted
        }
        for replica in gone:
            replica.gone = True
            replica.breaker.forget()
        self.everyone = tuple(self._replicas.values())
        for listener in self._listeners:
            listener(self.everyone, gone)

    def available(self, now: float, tried: Sequence[Replica] = ()) -> Sequence[Replica]:
        """Those that may take a request now: not tried yet, breaker closed.

        When every breaker is open, all of them: an answer that may fail beats one that surely does.
        """
        everyone = self.everyone
        if not tried and not self._open:
            return everyone
        untried = [replica for replica in everyone if replica not in tried]
        return [replica for replica in untried if replica.breaker.allows(now)] or untried

    def _replica(self, address: Address) -> Replica:
        return Replica(address, CircuitBreaker(self._breaker, self._turned))

    def _turned(self, by: int) -> None:
        self._open += by
