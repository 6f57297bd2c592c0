"""Replaces a function of moto's by one of ours, for the whole process."""

from collections.abc import Callable, Mapping
from typing import Any


def replace(owner: Any, functions: Mapping[str, Callable[..., Any]]) -> None:
    """Put `functions` in the place of those that `owner`, a class or module, has by these names.

    Raises AttributeError for a name that moto no longer has: the pinned version was changed.
    """
    for name, function in functions.items():
        getattr(owner, name)
        setattr(owner, name, function)
