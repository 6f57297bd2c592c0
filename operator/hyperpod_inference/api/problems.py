"""How a wrong field is told to a person: where, what came, what is allowed, what to do next.

What is allowed is read from the same schema that the CRD publishes, so the offline message and the API
server's refusal agree.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from hyperpod_inference.api.drift import right_place

Schema = Mapping[str, Any]
_SHOWN_CHARACTERS = 80
_SHOWN_NAMES = 6


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    `path` is like spec.tags[0].name, empty for the whole document; `got` is None when something is missing;
    `allowed` is what would be right there; `fix` is the next step, and stands alone where `allowed` is empty.
    `webhook_only`: the API server cannot see it by itself.
    """

    path: str
    got: str | None
    allowed: str
    fix: str | None = None
    webhook_only: bool = False

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        if not self.allowed:
            return f"{where}{self.fix}"
        came = "missing" if self.got is None else f"got {self.got}"
        return f"{where}{came}, expected {self.allowed}" + (f" ({self.fix})" if self.fix else "")


class InvalidResource(ValueError):  # noqa: N818 - callers read it as what it is
    """A mapping that is not the resource it says it is; `problems` holds every finding."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def path_of(location: Iterable[str | int]) -> str:
    """A location as people write it: ("spec", "tags", 0, "name") -> spec.tags[0].name."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def nearest(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """The known names in order of likeness to `name`, upper and lower case alike."""
    wanted = name.lower()
    return tuple(sorted(known, key=lambda each: -difflib.SequenceMatcher(None, wanted, each.lower()).ratio()))


def shown(value: Any) -> str:
    """`value` in a few characters: strings in quotes, so that '8080' and 8080 differ."""
    if isinstance(value, Mapping):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def explain(error: ErrorDetails, schema: Schema, kind: str = "") -> Problem:
    """One finding of the model's validation, in words; `schema` is that of the whole resource of `kind`."""
    location = error["loc"]
    if error["type"] == "extra_forbidden":
        return unknown_field(location, _at(schema, location[:-1]), kind)
    node = _at(schema, location)
    allowed = expected(node) if node else error["msg"].removeprefix("Input should be ")
    got = None if error["type"] == "missing" else shown(error["input"])
    return Problem(path_of(location), got, allowed)


def unknown_field(location: Sequence[str | int], parent: Schema, kind: str) -> Problem:
    """What to say about a field at `location` that `parent`, the schema around it, does not have."""
    right = right_place(kind, location)
    name, known = str(location[-1]), nearest(str(location[-1]), parent.get("properties", ()))
    likely = difflib.get_close_matches(name.lower(), [each.lower() for each in known], n=1, cutoff=0.6)
    if right is not None:
        return Problem(path_of(location), "an unknown field", right, "documents misname it so: move it there")
    fix = f"did you mean {known[0]}?" if likely else None
    return Problem(path_of(location), "an unknown field", f"one of {_listed(known)}", fix)


def _listed(names: Sequence[str]) -> str:
    first, rest = names[:_SHOWN_NAMES], len(names) - _SHOWN_NAMES
    return ", ".join(first) + (f" and {rest} more" if rest > 0 else "")


def _at(schema: Schema, location: Iterable[str | int]) -> Schema:
    """The part of `schema` that describes the field at `location`; empty where it describes none."""
    node: Schema = schema
    for part in location:
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(part) or node.get("additionalProperties", {})
    return node


def expected(node: Schema) -> str:
    """What a field may hold, in words."""
    if "enum" in node:
        return "one of " + ", ".join(map(str, node["enum"]))
    if node.get("x-kubernetes-int-or-string"):
        return "a quantity such as 4, '500m' or '16Gi'" if "pattern" in node else "an integer or a name"
    return _WORDS.get(node.get("type", ""), _any_value)(node)


def _number(node: Schema) -> str:
    what = "an integer" if node["type"] == "integer" else "a number"
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None and high is not None:
        return f"{what} from {low} to {high}"
    return what if low is None else f"{what} of {low} or more"


def _string(node: Schema) -> str:
    most, pattern = node.get("maxLength"), node.get("pattern")
    length = f" of at most {most} characters" if most else ""
    return f"a string{length}" + (f" matching {pattern}" if pattern else "")


def _list(node: Schema) -> str:
    low, high = node.get("minItems"), node.get("maxItems")
    if high is None:
        return "a list"
    return f"a list of {low or 0} to {high} items"


def _mapping(node: Schema) -> str:
    fields = tuple(node.get("properties", ()))
    return f"a mapping with {_listed(fields)}" if fields else "a mapping"


def _any_value(_: Schema) -> str:
    return "a value"


def _boolean(_: Schema) -> str:
    return "true or false"


_WORDS: Mapping[str, Callable[[Schema], str]] = {
    "integer": _number,
    "number": _number,
    "string": _string,
    "boolean": _boolean,
    "array": _list,
    "object": _mapping,
}
