"""Amounts of resources as Kubernetes writes them ("500m", "16Gi", 4), as numbers to compare."""

import re
from decimal import Decimal

GIB = Decimal(2**30)
_BINARY = {
    suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)
}
_DECIMAL = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal("1e3"),
    "M": Decimal("1e6"),
    "G": Decimal("1e9"),
    "T": Decimal("1e12"),
    "P": Decimal("1e15"),
    "E": Decimal("1e18"),
}
_FACTORS = _BINARY | _DECIMAL
_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?[0-9]{1,3}))?"
)
_WHOLE = re.compile(r"[0-9]{1,9}")


def amount(quantity: int | str) -> Decimal | None:
    """The number behind `quantity`; None for what the CRD's pattern lets through but nobody can read."""
    found = _QUANTITY.fullmatch(str(quantity))
    if found is None:
        return None
    number, suffix, exponent = found.groups()
    return Decimal(number) * (Decimal(10) ** int(exponent) if exponent else _FACTORS[suffix or ""])


def whole(quantity: int | str) -> int | None:
    """`quantity` as a count of devices; None unless it is written as a plain whole number."""
    return int(quantity) if _WHOLE.fullmatch(str(quantity)) else None
