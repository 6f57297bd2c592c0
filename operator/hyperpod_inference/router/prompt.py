r"""Finds the prompt and single fields in a request's body without parsing it.

Clients that send the same conversation send the same bytes, so the bytes are as good as the text, and a body
that is no JSON needs no special case: its replica will refuse it. `"messages"` cannot hide inside a JSON
string, where the quotes would be `\"`; in the worst case a strange body is routed by other bytes.
Two clients that serialise JSON differently do not share blocks.
"""

import re
from functools import lru_cache

PROMPT_FIELDS = (b'"prompt"', b'"inputs"', b'"input"')
_NEAR = 512
"""Bytes at each end of the body in which `field` looks: short fields stand before or after the prompt."""


def prompt_start(body: bytes) -> int:
    """Where the prompt's value begins; 0 when the body has neither messages nor one of `PROMPT_FIELDS`."""
    at = body.find(b'"messages"')
    if at >= 0:
        return at + 10
    for name in PROMPT_FIELDS:
        at = body.find(name)
        if at >= 0:
            return at + len(name)
    return 0


def field(body: bytes, name: str) -> bytes | None:
    """The value of a short top-level field, a string (without quotes) or number; None when not found.

    Looks at the ends of a long body only, and does not know nesting: the last match at the end wins over
    the first at the beginning only if the beginning has none.
    """
    pattern = _pattern(name)
    found = pattern.search(body, 0, _NEAR) or pattern.search(body, max(_NEAR, len(body) - _NEAR))
    return (found[1] if found[1] is not None else found[2]) if found else None


@lru_cache(maxsize=16)
def _pattern(name: str) -> re.Pattern[bytes]:
    quoted = re.escape(name.encode())
    return re.compile(rb'"%s"\s*:\s*(?:"([^"\\]{1,256})"|(-?\d{1,32}))' % quoted)
