"""Between v1alpha1 and v1 of a resource, without loss: what `/convert` answers, as a pure function.

v1 is what is stored. Its v1alpha1 form lacks the fields marked as newer (`versions.py`); one annotation
holds them, each by its path as a pair: the value in v1, and what v1alpha1 shows in that place. Back in v1, a
pair whose place still looks as shown is restored; one that was changed through v1alpha1 keeps the change.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.kinds import KINDS, Kind
from hyperpod_inference.api.schema import object_schema

Body = dict[str, Any]
Path = tuple[str, ...]
_ABSENT: Any = object()
_NEW, _OLD = "v1", "v1alpha1"
_INSTANCE_TYPE: Path = ("spec", "instanceType")
_INSTANCE_TYPES: Path = ("spec", "instanceTypes")
_OTHER_CHOICES: tuple[Path, ...] = (_INSTANCE_TYPES, ("spec", "nodeAffinity"))


class CannotConvert(ValueError):  # noqa: N818 - reads as what happened
    """The object has no form in the version asked for; the message says why and what to do."""


def convert(body: Mapping[str, Any], api_version: str) -> Body:
    """`body` in another version of its kind; its own version gives an equal copy.

    Raises:
        CannotConvert: no such kind or version, or the annotation is not what this module wrote.
    """
    kind = _kind_of(body)
    versions = {kind.api_version: _upgraded}
    if kind.older is not None:
        versions[f"{names.GROUP}/{kind.older.name}"] = _downgraded
    for version in (body.get("apiVersion"), api_version):
        if version not in versions:
            raise CannotConvert(f"{kind.kind} has no version {version!r}: use one of {', '.join(versions)}")
    converted = copy.deepcopy(dict(body))
    if body["apiVersion"] != api_version:
        versions[api_version](kind, converted)
        converted["apiVersion"] = api_version
    return converted


def _kind_of(body: Mapping[str, Any]) -> Kind:
    for kind in KINDS:
        if kind.kind == body.get("kind"):
            return kind
    known = ", ".join(kind.kind for kind in KINDS)
    raise CannotConvert(f"there is no kind {body.get('kind')!r} here: there are {known}")


def _downgraded(kind: Kind, body: Body) -> None:
    found = ((path, _get(body, path)) for path in newer_fields(kind))
    kept = {path: (value, _ABSENT) for path, value in found if value is not _ABSENT}
    if not kept.keys().isdisjoint(_OTHER_CHOICES) and _get(body, _INSTANCE_TYPE) is _ABSENT:
        kept[_INSTANCE_TYPE] = (_ABSENT, _first_choice(body))
    for path, (_, shown) in kept.items():
        _put(body, path, shown)
    _note(body, json.dumps(_written(kept), separators=(",", ":"), sort_keys=True) if kept else None)


def _upgraded(kind: Kind, body: Body) -> None:
    pairs = _noted(kind, body)
    _note(body, None)
    if _INSTANCE_TYPE in pairs and _get(body, _INSTANCE_TYPE) != pairs[_INSTANCE_TYPE][1]:
        # A type chosen through v1alpha1 replaces every other choice of nodes.
        for path in _OTHER_CHOICES:
            pairs.pop(path, None)
    for path, (value, shown) in pairs.items():
        if _get(body, path) == shown:
            _put(body, path, value)


def _first_choice(body: Body) -> Any:
    """v1alpha1 demands one instance type, so it shows the most preferred one."""
    types = _get(body, _INSTANCE_TYPES)
    return types[0] if isinstance(types, list) and types else _ABSENT


@cache
def newer_fields(kind: Kind) -> tuple[Path, ...]:
    """The fields that the kind's older version lacks, outermost only, by path."""
    newest, older = object_schema(kind), object_schema(kind, newest=False)
    return tuple(_missing(newest, older, ())) if kind.older is not None else ()


def _missing(newest: Mapping[str, Any], older: Mapping[str, Any], at: Path) -> Iterator[Path]:
    known = older.get("properties", {})
    for name, each in newest.get("properties", {}).items():
        if name not in known:
            yield *at, name
        else:
            yield from _missing(each, known[name], (*at, name))


def _get(body: Any, path: Path) -> Any:
    for name in path:
        if not isinstance(body, dict) or name not in body:
            return _ABSENT
        body = body[name]
    return body


def _put(body: Body, path: Path, value: Any) -> None:
    """Set, or with _ABSENT remove; nothing where the block around it was removed."""
    block = _get(body, path[:-1])
    if not isinstance(block, dict):
        return
    if value is _ABSENT:
        block.pop(path[-1], None)
    else:
        block[path[-1]] = value


def _note(body: Body, text: str | None) -> None:
    """Write the annotation, or with None remove it; no empty map of annotations is left behind."""
    metadata = body.setdefault("metadata", {})
    annotations = metadata.get("annotations") or {}
    if text is not None:
        metadata["annotations"] = annotations | {names.ANNOTATION_NEWER_FIELDS: text}
    elif names.ANNOTATION_NEWER_FIELDS in annotations:
        del annotations[names.ANNOTATION_NEWER_FIELDS]
        if not annotations:
            del metadata["annotations"]


def _written(pairs: Mapping[Path, tuple[Any, Any]]) -> Body:
    return {
        ".".join(path): {
            version: value for version, value in ((_NEW, new), (_OLD, shown)) if value is not _ABSENT
        }
        for path, (new, shown) in pairs.items()
    }


def _noted(kind: Kind, body: Body) -> dict[Path, tuple[Any, Any]]:
    text = (body.get("metadata", {}).get("annotations") or {}).get(names.ANNOTATION_NEWER_FIELDS)
    if text is None:
        return {}
    # Others can write the annotation too: it may not set a field that v1alpha1 itself has and validates.
    allowed = {".".join(path): path for path in (*newer_fields(kind), _INSTANCE_TYPE)}
    try:
        return {
            allowed[name]: (pair.get(_NEW, _ABSENT), pair.get(_OLD, _ABSENT))
            for name, pair in json.loads(text).items()
        }
    except (ValueError, AttributeError, TypeError, KeyError):
        raise CannotConvert(
            f"the annotation {names.ANNOTATION_NEWER_FIELDS} is not as the operator wrote it: restore it, or"
            " remove it and with it the fields that only v1 has"
        ) from None
