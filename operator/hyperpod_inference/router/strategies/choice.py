"""What a strategy is: a request and the replicas that may take it in, one of them and the reason out."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from hyperpod_inference.router.replicas import Replica
from hyperpod_inference.router.request import Request


class Choice(NamedTuple):
    """A replica and why; `reason` is a label of a metric, so it comes from a small fixed set."""

    replica: Replica
    reason: str
    blocks: int = 0
    """Whole blocks of the prompt, where the strategy looks at it."""
    misses: int = 0
    """Blocks that the replica probably has to compute, counted as pending there until it answers."""


class Strategy(Protocol):
    """Decides where a request goes."""

    def choose(self, request: Request, replicas: Sequence[Replica]) -> Choice:
        """One of `replicas`, of which there is at least one; called once for each try."""

    def changed(self, everyone: Sequence[Replica], gone: Sequence[Replica]) -> None:
        """The set of replicas is another; forget those that are gone."""


def least_loaded(replicas: Sequence[Replica], key: int) -> Replica:
    """The one with the fewest requests in flight; among equals, the one that `key` always falls on."""
    return min(replicas, key=lambda replica: (replica.in_flight, rank(replica, key)))


def nearest(replicas: Sequence[Replica], key: int) -> Replica:
    """The one that `key` always falls on among these."""
    chosen, lowest = replicas[0], rank(replicas[0], key)
    for replica in replicas[1:]:
        number = hash((replica.seed, key))
        if number < lowest:
            chosen, lowest = replica, number
    return chosen


def rank(replica: Replica, key: int) -> int:
    """Rendezvous hashing: the order of replicas for a key, the same in every router process.

    A replica that comes or goes changes the first place only of the keys that it wins or held. (Python's
    hash of integers is the same everywhere; it is salted for text alone.)
    """
    return hash((replica.seed, key))
