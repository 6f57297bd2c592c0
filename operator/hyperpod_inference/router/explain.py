"""`hyperpod-router explain`: which replica would take this request, and why; nothing is sent anywhere.

Replays earlier requests first, so that a prefix index exists; loads may be given for each replica.
"""

from collections.abc import Iterable, Mapping, Sequence

from hyperpod_inference.router.replicas import Address, Replica, ReplicaSet
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.settings import RouterSettings
from hyperpod_inference.router.strategies import Choice, KvAware, PrefixAware, by_name
from hyperpod_inference.router.strategies.blocks import chain, units

WHY = {
    "prefix": "it holds the beginning of this prompt and its queue is worth it",
    "new_prefix": "no replica holds the beginning of this prompt, so the least pending work decides",
    "balance": "another replica holds its beginning, but the queue there costs more than computing it here",
    "turn": "it was its turn",
    "session": "its session hashes to this replica",
    "no_session": "the request names no session, so the fewest requests in flight decide",
    "kv_fallback": "no replica reports its cache, so prefixaware decided",
}


def explain(
    body: bytes, addresses: Iterable[Address], settings: RouterSettings, *,
    history: Sequence[bytes] = (), pending: Mapping[Address, int] | None = None,
) -> str:  # fmt: skip
    """The report: one line for each replica, then the choice. `pending` is in prompt blocks."""
    strategy = by_name(settings)
    replicas = ReplicaSet(settings.breaker)
    replicas.on_change(strategy.changed)
    replicas.update(addresses)
    for earlier in history:
        strategy.choose(Request(b"POST", b"/v1/chat/completions", body=earlier), replicas.everyone)
    for replica in replicas.everyone:
        replica.pending = (pending or {}).get(replica.address, 0)
    scored = _scores(body, replicas.everyone, strategy, settings)
    choice = strategy.choose(Request(b"POST", b"/v1/chat/completions", body=body), replicas.everyone)
    lines = [_line(replica, choice, scored.get(replica, "")) for replica in replicas.everyone]
    lines.append(f"{settings.strategy} chooses {choice.replica.name}: {WHY[choice.reason]} ({choice.reason})")
    return "\n".join(lines)


def _scores(
    body: bytes, replicas: Sequence[Replica], strategy: object, settings: RouterSettings
) -> dict[Replica, str]:
    prefix = strategy.fallback if isinstance(strategy, KvAware) else strategy
    if not isinstance(prefix, PrefixAware):
        return {}
    blocks = chain(body, settings.prefix.block_bytes, prefix.salt)
    weight = settings.prefix.pending_weight
    texts = {}
    for replica in replicas:
        held, total = units(prefix.index.depth(replica, blocks)), units(len(blocks))
        score = total - held + weight * replica.pending
        texts[replica] = f"holds {held} of {total} blocks, {replica.pending} pending, score {score:g}"
    return texts


def _line(replica: Replica, choice: Choice, text: str) -> str:
    mark = "->" if replica is choice.replica else "  "
    return f"{mark} {replica.name}  {text}".rstrip()
