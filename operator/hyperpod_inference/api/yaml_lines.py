"""YAML as Kubernetes reads it, with the line of every field.

PyYAML follows YAML 1.1: it turns 2024-01-01 into a date, 12:30 into a number and keeps the last of two equal
keys. Kubernetes' tools do none of that, so neither does this reader.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from hyperpod_inference.api.problems import path_of

Lines = Mapping[str, int]
Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Located:
    """A plain value with the lines of its parts, by path; counted from 1."""

    value: Any
    line: int
    lines: Lines

    def part(self, location: Location) -> "Located":
        """The value at `location`, its lines relative to itself."""
        value = self.value
        for step in location:
            value = value[step]
        prefix = path_of(location)
        lines = {
            path[len(prefix) :].removeprefix("."): line
            for path, line in self.lines.items()
            if path == prefix or path.startswith((f"{prefix}.", f"{prefix}["))
        }
        return Located(value, lines.get("", self.line), lines)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2 that Kubernetes knows."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own attribute
        first: [
            (tag, pattern) for tag, pattern in resolvers if tag.rsplit(":", 1)[1] in ("bool", "null", "merge")
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"^(?:[-+]?0b[0-1_]+|[-+]?0x[0-9a-fA-F_]+|[-+]?0[0-7_]*|[-+]?[1-9][0-9_]*)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN))$"
    ),
    list("-+.0123456789"),
)


def documents(text: str) -> Iterator[Located]:
    """Every document in `text`, an empty one as None. Raises yaml.YAMLError."""
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None:  # not after check_node, but the stubs cannot say so
                return
            lines: dict[str, int] = {}
            value = _Reader(loader, lines).value(node, ())
            yield Located(value, node.start_mark.line + 1, lines)
    finally:
        loader.dispose()


class _Reader:
    """Turns the nodes of one document into plain values and notes their lines."""

    def __init__(self, loader: _Loader, lines: dict[str, int]) -> None:
        self._loader = loader
        self._lines = lines
        self._open: set[int] = set()

    def value(self, node: yaml.Node, at: Location) -> Any:
        """The plain value of `node`, which stands at `at`."""
        self._lines.setdefault(path_of(at), node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._loader.construct_object(node)
        if id(node) in self._open:
            raise _error("an alias that contains itself", node)
        self._open.add(id(node))
        read = self._mapping(node, at) if isinstance(node, yaml.MappingNode) else self._list(node, at)
        self._open.discard(id(node))
        return read

    def _list(self, node: yaml.Node, at: Location) -> list[Any]:
        return [self.value(each, (*at, index)) for index, each in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, at: Location) -> dict[str, Any]:
        _no_duplicates(node)
        self._loader.flatten_mapping(node)
        result: dict[str, Any] = {}
        for key, value in node.value:
            name = _name(key)
            self._lines[path_of((*at, name))] = key.start_mark.line + 1
            result[name] = self.value(value, (*at, name))
        return result


def _error(problem: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _name(key: yaml.Node) -> str:
    if not isinstance(key, yaml.ScalarNode):
        raise _error("a key that is no plain text", key)
    return str(key.value)


def _no_duplicates(node: yaml.MappingNode) -> None:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        name = _name(key)
        if name in seen and name != "<<":
            raise _error(f"key {name} is given twice, first in line {seen[name]}", key)
        seen[name] = key.start_mark.line + 1
