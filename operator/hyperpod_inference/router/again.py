"""Heads that come again: on one connection the next message mostly has the last one's head, but its length.

Such a head was parsed and judged once; the next one with the same bytes needs only its Content-Length read.
Taken is only a message that is whole in one read and fills it, so the parser never misses the half of
anything.
"""

import re

MOST_BYTES = 4096
"""Longer heads are not kept: there may be thousands of connections."""
MOST_MISSES = 8
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,12})[ \t]*(?=\r\n)", re.IGNORECASE)
_DIGITS = 13


class Again:
    """A head without its Content-Length."""

    __slots__ = ("_after", "_before", "_skip")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before, self._after, self._skip = before, after, len(before)

    @classmethod
    def of(cls, data: bytes, body: bytes) -> "Again | None":
        """From a message that the parser found whole in `data`, with this body; None if it cannot be kept."""
        end = data.find(b"\r\n\r\n", 0, MOST_BYTES) + 4
        lengths = [*_LENGTH.finditer(data, 0, end)] if end > 4 else []
        if len(lengths) != 1:
            return None
        start, stop = lengths[0].span(1)
        made = cls(data[:start], data[stop:end])
        return made if made.body(data) == body else None

    def body(self, data: bytes) -> bytes | None:
        """The body of a message with this head; None for any other, and for one that is not whole here."""
        skip = self._skip
        if not data.startswith(self._before):
            return None
        stop = data.find(b"\r", skip, skip + _DIGITS)
        digits = data[skip:stop]
        if stop < 0 or not digits.isdigit() or not data.startswith(self._after, stop):
            return None
        start = stop + len(self._after)
        return data[start:] if len(data) - start == int(digits) else None
