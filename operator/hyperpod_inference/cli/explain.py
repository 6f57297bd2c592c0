"""`hyperpod-inference explain iec.spec.kvCacheSpec`: `kubectl explain` without a cluster."""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from hyperpod_inference.api.errors import InputError

if TYPE_CHECKING:
    from hyperpod_inference.api.fields import Field
    from hyperpod_inference.api.kinds import Kind

_WIDTH = 100


@click.command(name="explain", short_help="Say what a field means and may hold.")
@click.argument("path", metavar="KIND[.FIELD...]")
@click.option("--recursive", is_flag=True, help="List the names of all fields below.")
def command(path: str, recursive: bool) -> None:
    """Say what KIND or one of its fields means, what it may hold, and which fields are below it.

    KIND is a kind, its plural or its short name (iec, jsm, smer, igwc), e.g. iec.spec.worker.probes
    """
    from hyperpod_inference.api.fields import NoSuchField, find

    try:
        kind, field = find(path)
    except NoSuchField as unknown:
        raise InputError(f"{path}: {unknown}") from None
    click.echo("\n".join([*_head(kind, field), *_below(field, recursive)]))


def _head(kind: "Kind", field: "Field") -> Iterator[str]:
    group, _, version = kind.api_version.partition("/")
    yield f"GROUP:    {group}"
    yield f"KIND:     {kind.kind}"
    yield f"VERSION:  {version}"
    if field.name:
        yield f"\nFIELD: {_title(field)}"
    yield from _about("DESCRIPTION", [field.description] if field.description else [])
    yield from _about(
        "VALUES", [*field.constraints, *([f"default {field.default}"] if field.default else [])]
    )
    yield from _about("RULES", list(field.rules))


def _about(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield f"\n{title}:"
    for line in lines:
        yield from _wrapped(line, "  ")


def _below(field: "Field", recursive: bool) -> Iterator[str]:
    fields = list(field.fields())
    if fields:
        yield "\nFIELDS:"
    for each in fields:
        if recursive:
            yield from _tree(each, "  ")
            continue
        yield f"  {_title(each)}"
        facts = [each.description, *each.constraints, *([f"default {each.default}"] if each.default else [])]
        yield from _wrapped(" ".join(_sentence(fact) for fact in facts if fact), "    ")


def _tree(field: "Field", indent: str) -> Iterator[str]:
    yield f"{indent}{_title(field)}"
    for each in field.fields():
        yield from _tree(each, f"{indent}  ")


def _title(field: "Field") -> str:
    return f"{field.name} <{field.type}>" + (" -required-" if field.required else "")


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text[0].upper()}{text[1:]}."


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
