"""`session`: requests of one session go to one replica, by consistent hashing.

The session is named by a header or by a field of the JSON body. Without one there is nothing to keep
together, and the request goes where the fewest are in flight.
"""

from collections.abc import Sequence

import xxhash

from hyperpod_inference.router.prompt import field
from hyperpod_inference.router.replicas import Replica
from hyperpod_inference.router.request import Request
from hyperpod_inference.router.strategies.choice import Choice, least_loaded
from hyperpod_inference.router.strategies.ring import Ring


class Session:
    """`key` names the header (any case) and the body's field."""

    def __init__(self, key: str) -> None:
        self._key, self._header = key, key.lower().encode()
        self._ring = Ring(())
        self._turn = 0

    def choose(self, request: Request, replicas: Sequence[Replica]) -> Choice:
        """The session's replica; the next one on the ring while that one may not be chosen."""
        session = request.header(self._header) or field(request.body, self._key)
        if session and (replica := self._ring.pick(xxhash.xxh3_64_intdigest(session), replicas)):
            return Choice(replica, "session")
        self._turn += 1
        return Choice(least_loaded(replicas, self._turn), "no_session")

    def changed(self, everyone: Sequence[Replica], gone: Sequence[Replica]) -> None:
        """Place the replicas on the ring again; sessions of those that stay stay."""
        self._ring = Ring(everyone)
