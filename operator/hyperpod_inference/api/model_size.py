"""How large a model's weights are, as far as its name tells: Llama-3.1-70B-Instruct-FP8 -> 65 GiB.

Nothing else is known offline. A name without a number of parameters tells nothing, and nothing is guessed.
"""

import re
from dataclasses import dataclass

_PARAMETERS = re.compile(r"(?<![a-z0-9.])(?:(\d{1,2})x)?(\d{1,4}(?:\.\d{1,2})?)b(?![a-z0-9])")
# The smallest of what names stand for, so that the estimate is never too large.
_BITS = (
    (re.compile(r"int4|4bit|4-bit|awq|gptq|fp4|mxfp4|nf4|w4a"), 4),
    (re.compile(r"int8|8bit|8-bit|fp8|w8a"), 8),
)
_BITS_OF_MOST = 16


@dataclass(frozen=True, slots=True)
class WeightsSize:
    """An estimate: GiB, and what it comes from."""

    gib: float
    why: str


def weights_size(name: str) -> WeightsSize | None:
    """The size that `name` suggests; None when it holds no number of parameters (7b, 8x22B, 0.5B)."""
    found = _PARAMETERS.search(name.lower())
    if found is None:
        return None
    billions = float(found[2]) * int(found[1] or 1)
    bits = next((bits for pattern, bits in _BITS if pattern.search(name.lower())), _BITS_OF_MOST)
    return WeightsSize(billions * 1e9 * bits / 8 / 2**30, f"{found[0].upper()} parameters of {bits} bits")
