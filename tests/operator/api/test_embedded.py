"""Which descriptions of Kubernetes' own fields a CRD has room for, and that none is lacking offline."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from hyperpod_inference.api import embedded
from hyperpod_inference.api.crd import crds
from hyperpod_inference.api.fields import Field, root
from hyperpod_inference.api.kinds import KINDS, Kind

DEFINITIONS = {each["spec"]["names"]["kind"]: each for each in crds()}


def fields(schema: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Every field of a schema, and whether it has a description."""
    for name, each in schema.get("properties", {}).items():
        yield (*path, name), "description" in each
        yield from fields(each, (*path, name))
    for below in ("items", "additionalProperties"):
        if isinstance(schema.get(below), Mapping):
            yield from fields(schema[below], path)


def stored(kind: str) -> dict[tuple[str, ...], bool]:
    """The same for the stored version in the CRD of `kind`; metadata is the API server's."""
    (version,) = (each for each in DEFINITIONS[kind]["spec"]["versions"] if each["storage"])
    return {
        path: told for path, told in fields(version["schema"]["openAPIV3Schema"]) if path != ("metadata",)
    }


def below(field: Field) -> Iterator[Field]:
    for each in field.fields():
        yield each
        yield from below(each)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.short_name)
def test_offline_every_field_says_what_it_is(kind: Kind) -> None:
    for part in ("spec", "status"):
        told = {each.path: each.description for each in below(root(kind).field(part))}
        assert [path for path, text in told.items() if not text.endswith(".")] == []


@pytest.mark.parametrize("kind", [kind.kind for kind in KINDS if kind.short_name != "iec"])
def test_in_the_cluster_too_where_the_definition_is_small_enough(kind: str) -> None:
    assert [path for path, told in stored(kind).items() if not told] == []


def test_a_large_definition_leaves_out_what_is_deep_and_what_only_old_manifests_name() -> None:
    told = stored("InferenceEndpointConfig")
    silent = {path for path in told if len(path) <= 4 and not told[path]}
    assert {path[:2] for path in silent} <= {("spec", "kubernetes"), ("status", "deploymentStatus")}
    assert not silent & {("spec", "kubernetes", "volumes", name) for name in ("name", "hostPath", "secret")}
    assert told["spec", "worker", "environmentVariables", "valueFrom"]
    assert told["spec", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"]


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_no_mark_is_left_and_the_definition_keeps_room_for_annotations(kind: str) -> None:
    assert embedded.MARK not in str(DEFINITIONS[kind])
    assert embedded.size(DEFINITIONS[kind]) <= embedded.MOST


def test_what_there_is_no_room_for_is_left_out_from_the_deepest_on() -> None:
    def marked(name: str, **rest: Any) -> dict[str, Any]:
        return {name: {"type": "string", embedded.MARK: "x" * 60_000, **rest}}

    inner = {"type": "object", "properties": marked("deep")}
    definition = {"spec": {"properties": marked("spec", properties=marked("near") | {"block": inner})}}
    told = dict(fields(embedded.fill(definition)["spec"]))
    assert told == {
        ("spec",): True,
        ("spec", "near"): False,
        ("spec", "block"): False,
        ("spec", "block", "deep"): False,
    }
