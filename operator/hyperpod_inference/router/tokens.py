"""Learns the tokens of prompts for `kvaware` from the replicas' own `/tokenize`, beside the traffic.

The body goes as it came: vLLM takes a whole completion or chat request there and ignores what it does not
need. An answer that does not come costs nothing but a choice by `prefixaware` for the next prompt of that
beginning.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from hyperpod_inference.router.asking import Ask
from hyperpod_inference.router.prompt import prompt_start
from hyperpod_inference.router.replicas import Replica
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.strategies.kvaware import KvAware

MOST_AT_ONCE = 16
USUAL_BLOCK_SIZE = 16
"""Tokens in a block (vLLM's default) until a replica has reported one."""
SECONDS = 10.0
MOST_BYTES = 16 * 1024 * 1024


class _Answer(msgspec.Struct):
    tokens: list[int]


class Tokens:
    """`ask` makes a request of its own with a deadline, a bound and what to do with the answer."""

    def __init__(
        self, strategy: KvAware, ask: Callable[[float, int, Callable[[int, bytes], None]], Ask]
    ) -> None:
        self._strategy, self._ask = strategy, ask
        self._asked: set[int] = set()
        self.results: Counter[str] = Counter()
        """`learned`, `skipped` (too many at once) and `failed`."""

    def want(self, request: Request, replica: Replica, blocks: Sequence[int]) -> None:
        """Ask, unless the same is asked already."""
        last = blocks[-1]
        if last in self._asked:
            return
        if len(self._asked) >= MOST_AT_ONCE:
            self.results["skipped"] += 1
            return
        self._asked.add(last)
        length = len(request.body) - prompt_start(request.body)

        def done(status: int, body: bytes) -> None:
            self._asked.discard(last)
            try:
                tokens = msgspec.json.decode(body, type=_Answer).tokens if status == 200 else None
            except msgspec.DecodeError:
                tokens = None
            self.results["learned" if tokens else "failed"] += 1
            if tokens:
                self._strategy.learned.learn(blocks, length, tokens, self._block_size())

        self._ask(SECONDS, MOST_BYTES, done).send(replica, b"POST", b"/tokenize", request.body)

    def _block_size(self) -> int:
        reports = self._strategy.reports.values()
        return next((each.block_size for each in reports if each.block_size), USUAL_BLOCK_SIZE)
