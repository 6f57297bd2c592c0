"""The one error of an installation's values: a property that was given a value it cannot take.

Constructs raise it while the app is being built, and commands before they call anything, so a wrong value
never reaches AWS.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from hyperpod_inference.api.errors import InputError


class PropertyError(InputError):
    """A property has a value that is not allowed.

    Args:
        where: a construct, whose path is shown, or the name of the value.
        prop: the property as the caller spells it.
        got: what came.
        allowed: what is allowed, in words.
        fix: what to do next, a full sentence.
    """

    def __init__(self, where: object, prop: str, got: object, allowed: str, fix: str = "") -> None:
        super().__init__(
            f"{_name(where)}: {prop}: got {got!r}, expected {allowed}." + (f" {fix}" if fix else "")
        )
        self.prop = prop
        self.got = got
        self.allowed = allowed


def _name(where: object) -> str:
    if isinstance(where, str):
        return where
    path = getattr(getattr(where, "node", None), "path", "")
    return str(path) or type(where).__name__


def is_token(value: object) -> bool:
    """Whether `value` is, or holds, a CDK token: known only when the stack is deployed.

    By the text that the CDK encodes tokens as, so that this package does not need the CDK.
    """
    if isinstance(value, str):
        return "${Token[" in value or "#{Token[" in value
    return isinstance(value, int | float) and value < -1e280


def require(condition: object, where: object, prop: str, got: object, allowed: str, fix: str = "") -> None:
    """Raise :class:`PropertyError` unless `condition` holds; a token passes, its value is not known yet."""
    if not condition and not is_token(got):
        raise PropertyError(where, prop, got, allowed, fix)


def require_one_of(where: object, prop: str, got: str, allowed: Iterable[str]) -> None:
    """Raise :class:`PropertyError` unless `got` is one of `allowed`; the nearest name is suggested."""
    names = list(allowed)
    near = get_close_matches(str(got), names, n=1)
    fix = f"Did you mean {near[0]!r}?" if near else ""
    require(got in names, where, prop, got, "one of " + ", ".join(names), fix)
