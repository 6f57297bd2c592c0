"""Lists whose items merge by key: two items with the same key are refused, as the API server does."""

from collections.abc import Iterator, Mapping
from typing import Any

from hyperpod_inference.api.problems import Problem, path_of

Location = tuple[str | int, ...]
Schema = Mapping[str, Any]


def repeated_items(value: Any, schema: Schema, at: Location = ()) -> Iterator[Problem]:
    """A problem for each item of a keyed list (or set) below `value` whose key an earlier item has."""
    if isinstance(value, list):
        yield from _of_list(value, schema, at)
        for index, each in enumerate(value):
            yield from repeated_items(each, schema.get("items", {}), (*at, index))
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from repeated_items(each, schema.get("properties", {}).get(name, {}), (*at, name))


def _of_list(items: list[Any], schema: Schema, at: Location) -> Iterator[Problem]:
    if schema.get("x-kubernetes-list-type") not in ("map", "set"):
        return
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        key = repr(_key(item, schema))
        if key in seen:
            fix = f"the same key as item {seen[key]}: keep one"
            yield Problem(path_of((*at, index)), None, "", fix)
        seen.setdefault(key, index)


def _key(item: Any, schema: Schema) -> Any:
    names = schema.get("x-kubernetes-list-map-keys")
    if not names or not isinstance(item, Mapping):
        return item
    fields = schema["items"]["properties"]
    return tuple(item.get(name, fields[name].get("default")) for name in names)
