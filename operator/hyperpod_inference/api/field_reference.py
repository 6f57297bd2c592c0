"""The field reference in docs/fields.md, written from the models by `make fields`.

A test holds the file equal to what this module writes.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from hyperpod_inference.api import names
from hyperpod_inference.api.base import Rule, Value
from hyperpod_inference.api.fields import Field, root
from hyperpod_inference.api.kinds import KINDS, Kind

_INTRODUCTION = """\
# Fields

Every field of the custom resources of `{group}`, written by `make fields` from the models in
`operator/hyperpod_inference/api`. `hyperpod-inference explain iec.spec.worker` shows the same in a terminal.
A field marked * is required. Blocks that are Kubernetes' own, such as `(core/v1)`, are not unfolded here:
they hold what Kubernetes' documentation says.
"""
_KUBERNETES = ("(core/v1)", "(meta/v1)", "(apps/v1)")


def reference() -> str:
    """The whole document."""
    lines = [_INTRODUCTION.format(group=names.GROUP)]
    for kind in KINDS:
        lines += _section(kind)
    return "\n".join(lines).rstrip() + "\n"


def _section(kind: Kind) -> Iterator[str]:
    versions = kind.version + (f" (stored), {kind.older.name}" if kind.older else "")
    yield f"## {kind.kind}\n"
    yield f"{root(kind).description}\n"
    yield f"Short name `{kind.short_name}`, plural `{kind.plural}`, versions {versions}.\n"
    for part in ("spec", "status"):
        yield f"### {kind.kind}: {part}\n"
        yield "| field | type | default | constraint | description |"
        yield "| --- | --- | --- | --- | --- |"
        yield from map(_row, _fields(root(kind).field(part)))
        yield ""
    yield f"### {kind.kind}: what else is refused\n"
    yield "By the API server, and where it cannot tell (*), by the webhook and the operator.\n"
    yield from dict.fromkeys(f"- {_escaped(rule.message)}{_mark(rule)}" for rule in _rules(kind.model))
    yield ""


def _mark(rule: Rule) -> str:
    return " *" if rule.cel is None and not rule.native else ""


def _rules(annotation: Any) -> Iterator[Rule]:
    """The rules of the models in `annotation`, and of those below them."""
    for each in get_args(annotation):
        yield from _rules(each)
    if isinstance(annotation, type) and issubclass(annotation, Value):
        yield from annotation.rules
        for field in annotation.model_fields.values():
            yield from _rules(field.annotation)


def _fields(field: Field) -> Iterator[Field]:
    """The fields below, without those inside Kubernetes' own types."""
    for each in field.fields():
        if each.path == "metadata":
            continue
        yield each
        if not any(mark in each.description for mark in _KUBERNETES):
            yield from _fields(each)


def _row(field: Field) -> str:
    name = f"`{field.path}`" + ("*" if field.required else "")
    default = f"`{field.default}`" if field.default else ""
    constraint = "; ".join(map(_constraint, field.constraints))
    return f"| {name} | {field.type} | {default} | {constraint} | {_escaped(field.description)} |"


def _constraint(text: str) -> str:
    head, found, pattern = text.partition("matches ")
    return f"matches `{pattern.replace('|', chr(92) + '|')}`" if found and not head else _escaped(text)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def main(path: str) -> None:
    """Write the reference to `path`."""
    Path(path).write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["docs/fields.md"])
