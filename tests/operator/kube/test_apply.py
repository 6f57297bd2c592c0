"""Applying and pruning, against a cluster in memory."""

from typing import Any

import pytest

from hyperpod_inference.kube.apply import Applier, identity_of
from hyperpod_inference.kube.errors import ApiError, Conflict, Forbidden, NotFound

Body = dict[str, Any]
NOTE = "example.com/applied"


class Memory:
    """The few requests that an Applier makes, and a record of them."""

    def __init__(self, *objects: Body) -> None:
        self.objects = {each["metadata"]["name"]: each for each in objects}
        self.calls: list[tuple[Any, ...]] = []
        self.fail: dict[str, ApiError] = {}

    async def get(self, resource: Any, name: str, namespace: str | None = None) -> Body:
        self.calls.append(("get", name))
        if name not in self.objects:
            raise NotFound(404)
        return self.objects[name]

    async def apply(self, body: Body, manager: str) -> Body:
        name = body["metadata"]["name"]
        self.calls.append(("apply", name, manager))
        if name in self.fail:
            raise self.fail[name]
        before = self.objects.get(name, {"spec": {}, "metadata": {}})
        spec = before.get("spec", {}) | body.get("spec", {})
        version = {"uid": f"uid-{name}", "resourceVersion": str(len(self.calls))}
        self.objects[name] = before | body | {"spec": spec, "metadata": body["metadata"] | version}
        return self.objects[name]

    async def delete(self, resource: Any, name: str, namespace: str | None, **preconditions: str) -> None:
        self.calls.append(("delete", name, preconditions))
        if name in self.fail:
            raise self.fail[name]

    def did(self, verb: str) -> list[str]:
        return [call[1] for call in self.calls if call[0] == verb]


def deployment(name: str, **spec: Any) -> Body:
    metadata = {"name": name, "namespace": "ns", "labels": {"mine": "yes"}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def live(name: str, **metadata: Any) -> Body:
    made = deployment(name, replicas=1)
    return made | {"metadata": made["metadata"] | {"uid": f"uid-{name}", "resourceVersion": "9"} | metadata}


def applier(memory: Any) -> Applier:
    return Applier(memory, "me", NOTE)


def pending(one: Applier, manifest: Body, now: Body | None) -> bool:
    """Whether the manifest must be applied over the object as it is."""
    return bool(one.pending([manifest], {identity_of(manifest): now} if now else {}))


async def test_what_is_settled_is_not_applied_again() -> None:
    one = applier(Memory())
    assert pending(one, deployment("a", replicas=1), None)
    now = await one.apply(deployment("a", replicas=1), None)
    assert not pending(one, deployment("a", replicas=1), now | {"status": {"changed": True}})


async def test_what_a_predecessor_settled_is_not_applied_again() -> None:
    now = await applier(Memory()).apply(deployment("a", replicas=1, gpus=1, none=[]), None)
    del now["spec"]["none"]  # as the server stores it, with what it and others add
    now["spec"] |= {"gpus": "1", "defaulted": "yes"}
    successor = applier(Memory())
    assert not pending(successor, deployment("a", replicas=1, gpus=1, none=[]), now)
    now["spec"]["replicas"] = 2
    assert pending(successor, deployment("a", replicas=1, gpus=1, none=[]), now)


@pytest.mark.parametrize(
    "otherwise",
    [{"replicas": 2}, {"args": ["x", "y"]}, {"args": ["y"]}, {"map": {}}, {"args": None}],
    ids=lambda value: str(value),
)
async def test_a_predecessors_object_that_was_edited_is_applied(otherwise: Body) -> None:
    manifest = deployment("a", replicas=1, args=["x"], map={"key": {"nested": 1}})
    now = await applier(Memory()).apply(manifest, None)
    assert pending(applier(Memory()), manifest, now | {"spec": now["spec"] | otherwise})


async def test_what_an_older_manifest_asked_for_is_taken_out_by_a_successor() -> None:
    now = await applier(Memory()).apply(deployment("a", replicas=1, old="yes"), None)
    assert pending(applier(Memory()), deployment("a", replicas=1), now)


@pytest.mark.parametrize(
    "drift",
    [{"spec": {"replicas": 7}}, {"metadata": {"labels": {}, "uid": "uid-a"}}, {"metadata": {"uid": "other"}}],
    ids=["spec edited", "label removed", "made anew"],
)
async def test_drift_is_repaired(drift: Body) -> None:
    one = applier(Memory())
    now = await one.apply(deployment("a", replicas=1), None)
    assert pending(one, deployment("a", replicas=1), now | drift)


async def test_a_new_manifest_is_applied() -> None:
    one = applier(Memory())
    now = await one.apply(deployment("a", replicas=1), None)
    assert pending(one, deployment("a", replicas=2), now)


async def test_an_object_of_somebody_else_is_left_alone() -> None:
    memory = Memory(live("a", labels={"theirs": "yes"}))
    with pytest.raises(Conflict, match="was not made by this operator"):
        await applier(memory).apply(deployment("a"), None)
    assert memory.did("apply") == []


async def test_our_own_object_that_lost_its_labels_is_taken_back() -> None:
    owner = [{"uid": "endpoint"}]
    memory = Memory(live("a", labels={}, ownerReferences=owner))
    manifest = deployment("a")
    manifest["metadata"]["ownerReferences"] = owner
    await applier(memory).apply(manifest, None)
    assert memory.did("apply") == ["a"]


async def test_the_first_failure_ends_applying_and_is_told() -> None:
    memory = Memory()
    memory.fail = {"b": Forbidden(403, message="no")}
    applied, failures = await applier(memory).apply_all([deployment(name) for name in "abc"], {})
    assert [each["metadata"]["name"] for each in applied] == ["a"]
    assert [(each.verb, each.kind, each.name) for each in failures] == [("apply", "Deployment", "b")]
    assert memory.did("apply") == ["a", "b"]


async def test_exactly_what_was_seen_is_deleted() -> None:
    memory = Memory()
    leaving = live("leaving", deletionTimestamp="2026-01-01T00:00:00Z")
    failures = await applier(memory).remove([live("old"), leaving])
    assert failures == []
    assert memory.calls == [("delete", "old", {"uid": "uid-old", "resource_version": "9"})]


@pytest.mark.parametrize(("error", "told"), [(NotFound(404), []), (Conflict(409), ["old"])])
async def test_removal_takes_gone_for_done_and_tells_the_rest(error: ApiError, told: list[str]) -> None:
    memory = Memory()
    memory.fail = {"old": error}
    failures = await applier(memory).remove([live("old"), live("older")])
    assert [failure.name for failure in failures] == told
    assert memory.did("delete") == ["old", "older"]


@pytest.mark.parametrize(("manager", "handed_over"), [("me", True), ("keda", False)])
async def test_leaving_replicas_to_a_scaler_keeps_their_number(manager: str, handed_over: bool) -> None:
    fields = [{"manager": manager, "fieldsV1": {"f:spec": {"f:replicas": {}}}}]
    memory = Memory(live("a", managedFields=fields))
    await applier(memory).apply(deployment("a"), live("a"))
    managers = [call[2] for call in memory.calls if call[0] == "apply"]
    assert managers == (["me-scaler", "me"] if handed_over else ["me"])
