"""Kubernetes quantities ("500m", "2Gi") as exact numbers. Pure."""

from fractions import Fraction
from math import ceil

_SUFFIXES = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    "k": Fraction(10**3),
    **{suffix: Fraction(10 ** (3 * power)) for power, suffix in enumerate("MGTPE", start=2)},
    **{f"{suffix}i": Fraction(2 ** (10 * power)) for power, suffix in enumerate("KMGTPE", start=1)},
}


def parse(text: str | int | float) -> Fraction:
    """The exact value; raises ValueError that shows the text."""
    raw = str(text)
    number = raw.rstrip("EPTGMKkimnu")
    suffix = raw[len(number) :]
    try:
        return Fraction(number) * _SUFFIXES[suffix]
    except (ValueError, KeyError):
        raise ValueError(f"quantity {raw!r}: expected a number such as 2, 500m, 1.5Gi") from None


def in_units(value: Fraction, divisor: Fraction) -> int:
    """How many divisors, rounded up, as resourceFieldRef gives them."""
    return ceil(value / divisor)
