"""The strategies: each decides which replica takes a request, from facts alone, without waiting.

One module each behind `choice.Strategy`; `by_name` builds the one that the settings ask for.
"""

import secrets
import time
from collections.abc import Callable

from hyperpod_inference.router.settings import RouterSettings
from hyperpod_inference.router.strategies.choice import Choice, Strategy
from hyperpod_inference.router.strategies.kvaware import KvAware
from hyperpod_inference.router.strategies.prefixaware import PrefixAware
from hyperpod_inference.router.strategies.roundrobin import RoundRobin
from hyperpod_inference.router.strategies.session import Session

__all__ = ["Choice", "KvAware", "PrefixAware", "RoundRobin", "Session", "Strategy", "by_name"]

_MAKERS: dict[str, Callable[[RouterSettings], Strategy]] = {
    "prefixaware": lambda settings: PrefixAware(settings.prefix, salt=secrets.randbits(64)),
    "kvaware": lambda settings: KvAware(
        PrefixAware(settings.prefix, salt=secrets.randbits(64), clock=time.monotonic),
        settings.prefix.blocks_in_all,
        time.monotonic,
    ),
    "session": lambda settings: Session(settings.session_key),
    "roundrobin": lambda settings: RoundRobin(),
}


def by_name(settings: RouterSettings) -> Strategy:
    """The strategy that `settings.strategy` names."""
    return _MAKERS[settings.strategy](settings)
