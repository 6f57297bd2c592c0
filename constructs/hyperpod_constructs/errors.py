"""The one error a construct raises: a property that was given a value it cannot take.

Every construct of this package raises :class:`PropertyError` while the app is being built, so a wrong
value never reaches CloudFormation.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from aws_cdk import Token
from constructs import Construct


class PropertyError(ValueError):
    """A property of a construct has a value that is not allowed.

    Args:
        where: the construct's path or the name of the value class.
        prop: the property as the caller spells it.
        got: what came.
        allowed: what is allowed, in words.
        fix: what to do next, a full sentence.
    """

    def __init__(self, where: Construct | str, prop: str, got: object, allowed: str, fix: str = "") -> None:
        path = where if isinstance(where, str) else where.node.path or type(where).__name__
        super().__init__(f"{path}: {prop}: got {got!r}, expected {allowed}." + (f" {fix}" if fix else ""))
        self.prop = prop
        self.got = got
        self.allowed = allowed


def require(
    condition: bool, where: Construct | str, prop: str, got: object, allowed: str, fix: str = ""
) -> None:
    """Raise :class:`PropertyError` unless `condition` holds; a token passes, its value is not known yet."""
    unknown_yet = isinstance(got, str | int | float) and Token.is_unresolved(got)
    if not condition and not unknown_yet:
        raise PropertyError(where, prop, got, allowed, fix)


def require_one_of(where: Construct | str, prop: str, got: str, allowed: Iterable[str]) -> None:
    """Raise :class:`PropertyError` unless `got` is one of `allowed`; the nearest name is suggested."""
    names = list(allowed)
    near = get_close_matches(str(got), names, n=1)
    fix = f"Did you mean {near[0]!r}?" if near else ""
    require(got in names, where, prop, got, "one of " + ", ".join(names), fix)
