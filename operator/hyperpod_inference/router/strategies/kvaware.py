"""`kvaware`: the score of `prefixaware` on blocks that the replicas report themselves.

The report is vLLM's KV event stream. This version reads none yet, so each choice is made by `prefixaware` and
says so in its reason, which the metric `router_decisions_total` and `explain` show.
"""

from collections.abc import Sequence

from hyperpod_inference.router.replicas import Replica
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.strategies.choice import Choice, Strategy


class KvAware:
    """Falls back to another strategy, and tells."""

    def __init__(self, fallback: Strategy) -> None:
        self.fallback = fallback

    def choose(self, request: Request, replicas: Sequence[Replica]) -> Choice:
        """The fallback's choice, under a reason of its own."""
        return self.fallback.choose(request, replicas)._replace(reason="kv_fallback")

    def changed(self, everyone: Sequence[Replica], gone: Sequence[Replica]) -> None:
        """Passed on."""
        self.fallback.changed(everyone, gone)
