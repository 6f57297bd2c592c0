"""From a mapping (a manifest, an API object) to a typed resource, or to the list of everything wrong with it.

`documents.py` adds file and line; the controllers use `tolerant=True`, because the API server has already
pruned and validated what it hands out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.meta import Resource

MODELS: Mapping[tuple[str, str], type[Resource]] = {
    (names.API_VERSION, names.KIND_ENDPOINT): InferenceEndpointConfig,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `path` is like spec.tags[0].name; `got` is None when something is missing."""

    path: str
    got: str | None
    allowed: str
    fix: str | None = None

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        came = "missing, " if self.got is None else f"got {self.got}, "
        return f"{where}{came}expected {self.allowed}" + (f" ({self.fix})" if self.fix else "")


class InvalidResource(ValueError):  # noqa: N818 - callers read it as what it is
    """A mapping that is not the resource it says it is; `problems` holds every finding, in document order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def parse(body: Mapping[str, Any], *, tolerant: bool = False) -> Resource:
    """The typed resource in `body`.

    `tolerant` ignores unknown fields. Raises InvalidResource with every problem found.
    """
    model = MODELS[(body["apiVersion"], body["kind"])]
    extra: Literal["ignore", "forbid"] = "ignore" if tolerant else "forbid"
    try:
        return model.model_validate(without_nulls(body), extra=extra)
    except ValidationError as error:
        raise InvalidResource(
            tuple(Problem(".".join(map(str, e["loc"])), repr(e["input"]), e["msg"]) for e in error.errors())
        ) from None


def without_nulls(value: Any) -> Any:
    """`value` without null members, which the API server prunes before it applies defaults."""
    if isinstance(value, Mapping):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [without_nulls(each) for each in value]
    return value
