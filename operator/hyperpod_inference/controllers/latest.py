"""What pure functions said last, so that a pod's change costs no second reading of its endpoint."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from hyperpod_inference.kube.store import Key

Result = TypeVar("Result")


class Latest(Generic[Result]):
    """The last result for each key; handed out again while the arguments are the same objects, or equal.

    What it hands out is shared: nobody may change it.
    """

    def __init__(self) -> None:
        self._known: dict[Key, tuple[tuple[Any, ...], Result]] = {}

    def __call__(self, key: Key, function: Callable[..., Result], *arguments: Any) -> Result:
        """`function(*arguments)`; what it raises is raised, and not remembered."""
        known = self._known.get(key)
        if known is None or known[0] != arguments:
            known = self._known[key] = (arguments, function(*arguments))
        return known[1]

    def forget(self, key: Key) -> None:
        """The key is gone."""
        self._known.pop(key, None)
