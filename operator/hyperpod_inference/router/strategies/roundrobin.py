"""`roundrobin`: each replica in turn, whatever the request."""

from collections.abc import Sequence

from hyperpod_inference.router.replicas import Replica
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.strategies.choice import Choice


class RoundRobin:
    """Takes turns; a replica that is left out does not shift the others' turns by more than one."""

    def __init__(self) -> None:
        self._turn = -1

    def choose(self, request: Request, replicas: Sequence[Replica]) -> Choice:
        """The next one."""
        self._turn += 1
        return Choice(replicas[self._turn % len(replicas)], "turn")

    def changed(self, everyone: Sequence[Replica], gone: Sequence[Replica]) -> None:
        """Nothing is remembered about single replicas."""
