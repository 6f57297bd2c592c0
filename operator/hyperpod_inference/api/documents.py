"""Manifests on disk: YAML or JSON with one or more documents, every field with its line.

A `Document` is one mapping; `Document.parse()` makes it a typed resource. Whatever is wrong becomes an
`InputError`: one line for each finding, as FILE:LINE: FIELD: what came, what is allowed.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hyperpod_inference.api import yaml_lines
from hyperpod_inference.api.errors import InputError
from hyperpod_inference.api.parse import AnyResource, InvalidResource, Problem, parse
from hyperpod_inference.api.problems import shown
from hyperpod_inference.api.yaml_lines import Lines, Located

__all__ = ["Document", "InputError", "load", "read"]


@dataclass(frozen=True, slots=True)
class Document:
    """One mapping of a file. `index` counts from 0, `line` is where it begins."""

    file: str
    index: int
    line: int
    body: Mapping[str, Any]
    lines: Lines = field(repr=False)

    def line_of(self, path: str) -> int:
        """The line of the field at `path` (spec.tags[0].name), or of the nearest block that is there."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, self.line)

    def parse(self) -> AnyResource:
        """The typed resource. Raises InputError with a line for each problem."""
        try:
            return parse(self.body)
        except InvalidResource as invalid:
            raise self.error(*invalid.problems) from None

    def error(self, *problems: Problem) -> InputError:
        """The problems as an InputError, in the order of their lines."""
        placed = sorted((self.line_of(problem.path), str(problem)) for problem in problems)
        return InputError(*(f"{self.file}:{line}: {text}" for line, text in placed))


def load(path: str | Path) -> list[Document]:
    """The documents of the file at `path`, "-" for standard input; empty documents are left out.

    Raises InputError when the file cannot be read, is not YAML, or holds something other than mappings.
    """
    return read(_text(str(path)), str(path) if str(path) != "-" else "<stdin>")


def read(text: str, file: str) -> list[Document]:
    """The documents in `text`; `file` is its name in messages. A List counts as its items."""
    try:
        roots = [each for each in yaml_lines.documents(text) if each.value is not None]
    except yaml.YAMLError as error:
        raise InputError(_not_yaml(error, text, file)) from None
    if not roots:
        raise InputError(f"{file}: is empty, expected a manifest with apiVersion, kind, metadata and spec")
    found = [each for root in roots for each in _unpacked(root, file)]
    return [Document(file, index, each.line, each.value, each.lines) for index, each in enumerate(found)]


def _text(path: str) -> str:
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text in UTF-8: wrong byte at {error.start}") from None


def _unpacked(root: Located, file: str) -> Iterator[Located]:
    """`root`, or its items when it is a List."""
    if not isinstance(root.value, dict):
        raise InputError(
            f"{file}:{root.line}: got {shown(root.value)}, expected a mapping with apiVersion and kind"
        )
    if root.value.get("kind") != "List":
        yield root
        return
    items = root.value.get("items")
    if not isinstance(items, list):
        line = root.lines.get("items", root.line)
        raise InputError(f"{file}:{line}: items: got {shown(items)}, expected a list of resources")
    for index in range(len(items)):
        yield from _unpacked(root.part(("items", index)), file)


def _not_yaml(error: yaml.YAMLError, text: str, file: str) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
    line = mark.line + 1 if mark else text.count("\n", 0, getattr(error, "position", 0)) + 1
    return f"{file}:{line}: not valid YAML: {problem}"
