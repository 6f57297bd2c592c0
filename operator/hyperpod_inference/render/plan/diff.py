"""Which fields of two bodies differ. Items of a list are told apart by name where they have one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Written by the API server for its own use, or by the object's controller.
_NOT_COMPARED = frozenset(
    {
        "managedFields",
        "resourceVersion",
        "generation",
        "uid",
        "creationTimestamp",
        "selfLink",
    }
)
# What identifies an item in Kubernetes' own lists, the most telling first.
_KEYS = ("name", "mountPath", "containerPort", "port", "topologyKey", "key", "type", "uid")


@dataclass(frozen=True, slots=True)
class Change:
    """One field: `spec.template.spec.containers[chat].image`. None stands for a field that is not there."""

    path: str
    old: Any
    new: Any


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """The fields in which two objects differ, in the order of the second; neither status nor bookkeeping."""
    return tuple(_differences("", _comparable(before), _comparable(after)))


def _comparable(body: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in body.get("metadata", {}).items() if key not in _NOT_COMPARED}
    return {key: value for key, value in body.items() if key != "status"} | {"metadata": metadata}


def _differences(path: str, old: Any, new: Any) -> Iterator[Change]:
    if old == new:
        return
    fields = _fields(old, new)
    if fields is None:
        yield Change(path, old, new)
        return
    before, after = fields
    for key in (*after, *(key for key in before if key not in after)):
        yield from _differences(path + _step(key, path), before.get(key), after.get(key))


def _fields(old: Any, new: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Both values as mappings to go into; None where they have to be compared as a whole."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old, new
    if isinstance(old, list) and isinstance(new, list):
        key = next((key for key in _KEYS if _identifies(key, old) and _identifies(key, new)), None)
        return None if key is None else (_by(key, old), _by(key, new))
    return None


def _identifies(key: str, items: Sequence[Any]) -> bool:
    found = [item.get(key) for item in items if isinstance(item, Mapping)]
    return len(found) == len(items) and None not in found and len(set(map(str, found))) == len(items)


def _by(key: str, items: Sequence[Any]) -> dict[str, Any]:
    return {f"[{item[key]}]": item for item in items}


def _step(key: str, path: str) -> str:
    if key.startswith("["):
        return key
    if "." in key or "/" in key:
        return f"[{key}]"
    return f".{key}" if path else key
