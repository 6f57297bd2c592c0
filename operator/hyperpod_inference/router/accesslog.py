"""One JSON line for a sample of the requests and for every failed one. Never a body or a header value."""

import json
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperpod_inference.router.exchange import Exchange


class AccessLog:
    """`share` of the requests that went well (0 to 1) are written by `write`, all that did not."""

    def __init__(
        self, write: Callable[[str], object], share: float, rng: Callable[[], float] = random.random
    ) -> None:
        self._write, self._share, self._rng = write, share, rng

    def ended(self, exchange: "Exchange", now: float) -> None:
        """A request is over."""
        if not exchange.reason and exchange.status < 500 and (not self._share or self._rng() >= self._share):
            return
        request, choice = exchange.request, exchange.choice
        entry = {
            "request_id": request.id.decode("latin-1"),
            "method": request.method.decode("latin-1"),
            "path": request.path,
            "status": exchange.status,
            "replica": choice.replica.name if choice else None,
            "decision": choice.reason if choice else None,
            "request_bytes": len(request.body),
            "seconds": round(now - request.started, 6),
            "first_byte_seconds": round(exchange.first_byte, 6),
            "problem": exchange.reason or None,
        }
        self._write(json.dumps({key: value for key, value in entry.items() if value is not None}))
