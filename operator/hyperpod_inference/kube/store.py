"""The cache of one reflector: objects by namespace and name, and by whatever indexes its reader needs.

Only the reflector writes. Objects handed out are the cached ones: readers must not change them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hyperpod_inference.kube.resources import Body

Key = tuple[str, str]
"""(namespace, name); the namespace is '' for cluster-scoped kinds."""
Indexer = Callable[[Body], Iterable[str]]
"""The values under which `by_index` finds an object, e.g. its owners' uids."""


def key_of(obj: Mapping[str, Any]) -> Key:
    """The key of an object."""
    metadata = obj["metadata"]
    return metadata.get("namespace") or "", metadata["name"]


def version_of(obj: Mapping[str, Any]) -> int:
    """An object's resourceVersion as the number that API servers make it, 0 when it has none."""
    text = str(obj["metadata"].get("resourceVersion", ""))
    return int(text) if text.isdigit() else 0


class Store:
    """`Store({"app": indexer})`, then `store.by_index("app", value)`."""

    def __init__(self, indexers: Mapping[str, Indexer] | None = None) -> None:
        self._objects: dict[Key, Body] = {}
        self._indexers = dict(indexers or {})
        self._indexes: dict[str, dict[str, dict[Key, Body]]] = {name: {} for name in self._indexers}

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, namespace: str | None, name: str) -> Body | None:
        """The object, None when the cache holds none."""
        return self._objects.get((namespace or "", name))

    def keys(self) -> set[Key]:
        """The keys of all objects."""
        return {*self._objects}

    def by_index(self, name: str, value: str) -> list[Body]:
        """The objects that the named indexer filed under `value`."""
        return [*self._indexes[name].get(value, {}).values()]

    def list(self) -> list[Body]:
        """All objects, in the order in which they came."""
        return [*self._objects.values()]

    def put(self, obj: Body) -> Body | None:
        """File an object; returns the one it replaces."""
        key = key_of(obj)
        old = self._objects.get(key)
        if old is not None:
            self._unindex(key, old)
        self._objects[key] = obj
        for name, indexer in self._indexers.items():
            for value in indexer(obj):
                self._indexes[name].setdefault(value, {})[key] = obj
        return old

    def remove(self, key: Key) -> Body | None:
        """Drop an object; returns it, None when there was none."""
        old = self._objects.pop(key, None)
        if old is not None:
            self._unindex(key, old)
        return old

    def _unindex(self, key: Key, obj: Body) -> None:
        for name, indexer in self._indexers.items():
            for value in indexer(obj):
                bucket = self._indexes[name].get(value)
                if bucket is not None:
                    bucket.pop(key, None)
                    if not bucket:
                        del self._indexes[name][value]
