"""SGLang's own hierarchical cache: flags for a first level in the host's memory.

SGLang refuses to start with a host pool that is not larger than its pool on the accelerator, so the size is
raised to that where there is room, and the cache is left off where there is none. It has neither a redis nor
a tieredstorage level: with a second level LMCache holds both.
"""

from dataclasses import dataclass
from fractions import Fraction

from hyperpod_inference.api.worker import Worker
from hyperpod_inference.render.kv_cache.engine import flag, value_of
from hyperpod_inference.render.kv_cache.sizing import L1_PERCENT, Room, smallest

MOST_PERCENT = 60
"""Of the budget, when less would not hold more than the accelerator does."""
POOL_PERCENT = 90
"""Of the accelerator's memory: the most that SGLang's own pool takes when no flag says otherwise."""
_LARGER = Fraction(11, 10)
_GIB, _GB = 2**30, 10**9

ENABLE = "--enable-hierarchical-cache"
SIZE = "--hicache-size"
LMCACHE = "--enable-lmcache"
# LMCache inside SGLang's own processes, layer by layer: the only way in which it stores to a second level.
LMCACHE_VARIABLES = (
    {"name": "LMCACHE_USE_EXPERIMENTAL", "value": "True"},
    {"name": "LMCACHE_USE_LAYERWISE", "value": "True"},
)


@dataclass(frozen=True, kw_only=True)
class HostPool:
    """gib: for each worker; 0 when there is no room for it. needed_gib: it must be larger than this."""

    gib: int
    needed_gib: int


def host_pool(found: list[Room], worker: Worker) -> HostPool:
    """The size of the host's pool that is safe on every type, and that SGLang takes on every type."""
    accelerator = max((each.accelerator_gib or 0 for each in found), default=0)
    needed = _pool_gib(accelerator, worker)
    room = smallest(found)
    if needed < room.percent(L1_PERCENT):
        return HostPool(gib=room.percent(L1_PERCENT), needed_gib=needed)
    wanted = int(needed * _LARGER) + 1
    return HostPool(gib=wanted if wanted <= room.percent(MOST_PERCENT) else 0, needed_gib=needed)


def flags(worker: Worker, gib: int) -> tuple[str, ...]:
    """What is missing of the flags of the hierarchical cache."""
    enable = () if flag(worker, ENABLE) else (ENABLE,)
    sized = flag(worker, SIZE, "--hicache-ratio")
    return enable if sized else (*enable, SIZE, str(gib * _GIB // _GB))


def _pool_gib(accelerator_gib: int, worker: Worker) -> int:
    """What SGLang keeps on the accelerator at most; the weights are in it too, so it is an upper bound."""
    given = value_of(worker, "--mem-fraction-static") or ""
    try:
        part = Fraction(given)
    except (ValueError, ZeroDivisionError):
        part = Fraction(POOL_PERCENT, 100)
    return int(accelerator_gib * (part if 0 < part <= 1 else Fraction(POOL_PERCENT, 100)))
