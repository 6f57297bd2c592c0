"""The cache and its indexes."""

from typing import Any

from hyperpod_inference.kube.store import Store


def owner_uids(each: dict[str, Any]) -> list[str]:
    return [reference["uid"] for reference in each["metadata"]["ownerReferences"]]


def label(each: dict[str, Any]) -> list[str]:
    return [each["metadata"]["labels"]["l"]]


def obj(name: str, label: str, owner: str) -> dict[str, Any]:
    references = [{"uid": owner}]
    return {
        "metadata": {"name": name, "namespace": "ns", "labels": {"l": label}, "ownerReferences": references}
    }


def names(objects: list[dict[str, Any]]) -> list[str]:
    return [each["metadata"]["name"] for each in objects]


def test_indexes_follow_every_change() -> None:
    store = Store({"owner": owner_uids, "label": label})
    store.put(obj("a", "x", "1"))
    store.put(obj("b", "x", "2"))
    assert names(store.by_index("label", "x")) == ["a", "b"]
    store.put(obj("a", "y", "1"))
    assert names(store.by_index("label", "x")) == ["b"]
    assert names(store.by_index("owner", "1")) == ["a"]
    store.remove(("ns", "a"))
    assert store.by_index("owner", "1") == []
    assert names(store.list()) == ["b"]


def test_put_and_remove_tell_what_was_there() -> None:
    store = Store()
    first = obj("a", "x", "1")
    assert store.put(first) is None
    assert store.put(obj("a", "y", "1")) is first
    assert store.remove(("ns", "nobody")) is None
    assert store.get("ns", "a") == obj("a", "y", "1")


def test_cluster_scoped_objects_have_no_namespace() -> None:
    store = Store()
    store.put({"metadata": {"name": "node"}})
    assert store.get(None, "node") is not None
    assert store.keys() == {("", "node")}
