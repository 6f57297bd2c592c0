"""Conversion between v1alpha1 and v1: nothing is lost, and what was changed in between wins."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hyperpod_inference.api import names
from hyperpod_inference.api.conversion import CannotConvert, convert, newer_fields
from hyperpod_inference.api.kinds import KINDS, Kind
from hyperpod_inference.api.parse import parse
from hyperpod_inference.api.schema import object_schema

Body = dict[str, Any]
CONVERTED = [kind for kind in KINDS if kind.older is not None]
V1, V1ALPHA1 = names.API_VERSION, names.API_VERSION_ALPHA
NOTE = names.ANNOTATION_NEWER_FIELDS
SCALARS = {
    "string": st.text("abcé-.\n", max_size=4),
    "integer": st.integers(-5, 2**31),
    "number": st.floats(0, 1, width=32),
    "boolean": st.booleans(),
}
ANYTHING = st.dictionaries(st.sampled_from("abc"), st.none() | st.integers(0, 3) | st.just("x"), max_size=2)
CERTIFICATE = {
    "acmArn": "arn:aws:acm:us-west-2:111122223333:certificate/abc",
    "domainName": "chat.example.com",
}
TEXTS = st.dictionaries(
    st.sampled_from(["a", "b.example/c"]), st.sampled_from(["", "x"]), min_size=1, max_size=2
)


@st.composite
def values(draw: st.DrawFn, schema: Mapping[str, Any], breadth: int = 4) -> Any:
    """A value that the schema's structure allows; bounds and patterns are not kept."""
    if schema.get("x-kubernetes-int-or-string"):
        return draw(st.integers(0, 9) | st.just("50%"))
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    if schema["type"] == "array":
        return [draw(values(schema["items"], 2)) for _ in range(draw(st.integers(0, 2)))]
    if schema["type"] != "object":
        return draw(SCALARS[schema["type"]])
    if "properties" not in schema:
        inner = schema.get("additionalProperties")
        return {key: draw(values(inner, 2)) for key in draw(TEXTS)} if inner else draw(ANYTHING)
    required = schema.get("required", [])
    chosen = draw(st.lists(st.sampled_from([*schema["properties"]]), max_size=breadth, unique=True))
    fields = sorted({*required, *chosen})
    return {name: draw(values(schema["properties"][name], max(1, breadth - 1))) for name in fields}


@st.composite
def objects(draw: st.DrawFn, kind: Kind, *, newest: bool) -> Body:
    schema = SCHEMAS[kind.kind, newest]["properties"]
    metadata = draw(
        st.fixed_dictionaries(
            {"name": st.just("x")}, optional=dict.fromkeys(("labels", "annotations"), TEXTS)
        )
    )
    body = {"apiVersion": V1 if newest else V1ALPHA1, "kind": kind.kind, "metadata": metadata}
    body["spec"] = draw(values(schema["spec"], 8))
    return body | ({"status": draw(values(schema["status"]))} if draw(st.booleans()) else {})


SCHEMAS = {
    (kind.kind, newest): object_schema(kind, newest=newest) for kind in CONVERTED for newest in (True, False)
}
anything = settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])


def strange(value: Any, schema: Mapping[str, Any], path: str) -> list[str]:
    """The fields that the API server would prune: those that the schema does not have."""
    if isinstance(value, list):
        return [each for item in value for each in strange(item, schema["items"], path)]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    known = schema["properties"]
    return [
        each
        for name, item in value.items()
        for each in (strange(item, known[name], f"{path}.{name}") if name in known else [f"{path}.{name}"])
    ]


@pytest.mark.parametrize("kind", CONVERTED, ids=lambda kind: kind.kind)
@anything
@given(data=st.data())
def test_v1_comes_back_from_v1alpha1_as_it_was(kind: Kind, data: st.DataObject) -> None:
    body = data.draw(objects(kind, newest=True))
    before = copy.deepcopy(body)
    older = convert(body, V1ALPHA1)
    assert body == before, "the argument is left alone"
    assert convert(json.loads(json.dumps(older)), V1) == body
    for part in ("spec", "status"):
        schema = SCHEMAS[kind.kind, False]["properties"][part]
        assert strange(older.get(part, {}), schema, part) == []


@pytest.mark.parametrize("kind", CONVERTED, ids=lambda kind: kind.kind)
@anything
@given(data=st.data())
def test_v1alpha1_comes_back_from_v1_as_it_was(kind: Kind, data: st.DataObject) -> None:
    plain = data.draw(objects(kind, newest=False))
    assert convert(convert(plain, V1), V1ALPHA1) == plain
    noted = convert(data.draw(objects(kind, newest=True)), V1ALPHA1)
    assert convert(convert(noted, V1), V1ALPHA1) == noted


@pytest.mark.parametrize("kind", CONVERTED, ids=lambda kind: kind.kind)
@anything
@given(data=st.data())
def test_only_labels_and_annotations_of_the_metadata_change(kind: Kind, data: st.DataObject) -> None:
    body = data.draw(objects(kind, newest=True))
    older = convert(body, V1ALPHA1)
    given_notes, notes = body["metadata"].get("annotations", {}), older["metadata"].get("annotations", {})
    assert {key: each for key, each in notes.items() if key != NOTE} == given_notes
    assert {**older["metadata"], "annotations": 0} == {**body["metadata"], "annotations": 0}


@pytest.fixture
def routed(bodies: dict[str, Body]) -> Body:
    """A v1 endpoint that uses what v1alpha1 has not."""
    body = copy.deepcopy(bodies[names.KIND_ENDPOINT])
    body["spec"] |= {
        "instanceTypes": ["ml.p4d.24xlarge", "ml.g5.8xlarge"],
        "intelligentRoutingSpec": {"enabled": True},
        "tlsConfig": {"customCertificateConfig": CERTIFICATE},
    }
    body["spec"]["worker"]["args"] = ["--max-model-len", "4096"]
    return body


def test_v1alpha1_shows_the_most_preferred_instance_type_since_it_demands_one(routed: Body) -> None:
    assert convert(routed, V1ALPHA1)["spec"]["instanceType"] == "ml.p4d.24xlarge"
    assert "instanceType" not in convert(convert(routed, V1ALPHA1), V1)["spec"]


def test_a_change_through_v1alpha1_keeps_what_only_v1_has(routed: Body) -> None:
    older = convert(routed, V1ALPHA1)
    older["spec"]["replicas"] = 7
    older["metadata"]["labels"] = {"team": "a"}
    expected = copy.deepcopy(routed)
    expected["spec"]["replicas"] = 7
    expected["metadata"]["labels"] = {"team": "a"}
    assert convert(older, V1) == expected


AFFINITY = {
    "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]}},
    "instanceTypes": [],
}


@pytest.mark.parametrize("choice", [{}, AFFINITY], ids=["instanceTypes", "nodeAffinity"])
def test_an_instance_type_chosen_through_v1alpha1_replaces_other_choices(choice: Body, routed: Body) -> None:
    routed["spec"] |= choice
    older = convert(routed, V1ALPHA1)
    older["spec"]["instanceType"] = "ml.g6.8xlarge"
    newer = convert(older, V1)
    assert newer["spec"]["instanceType"] == "ml.g6.8xlarge"
    assert not {"instanceTypes", "nodeAffinity"} & set(newer["spec"])
    parse(newer)


def test_a_block_removed_through_v1alpha1_stays_removed_with_all_that_was_in_it(routed: Body) -> None:
    older = convert(routed, V1ALPHA1)
    assert older["spec"].pop("tlsConfig") == {}
    assert "tlsConfig" not in convert(older, V1)["spec"]


def test_a_source_that_v1alpha1_does_not_know_is_shown_and_not_replaced_by_a_wrong_one(routed: Body) -> None:
    routed["spec"]["modelSourceConfig"] = {
        "modelSourceType": "huggingface",
        "huggingFaceModel": {"modelId": "org/model"},
    }
    shown = convert(routed, V1ALPHA1)["spec"]["modelSourceConfig"]
    assert shown == {"modelSourceType": "huggingface"}


def test_what_is_missing_in_v1alpha1_is_listed_once_by_its_outermost_field() -> None:
    endpoint, jumpstart, registration = (newer_fields(kind) for kind in CONVERTED)
    assert ("spec", "instanceTypes") in endpoint
    assert ("spec", "worker", "requestLimits") in endpoint
    assert ("status", "dnsStatus") in jumpstart
    assert registration == (("spec", "sageMakerEndpointDataCaptureConfig"),)
    for fields in (endpoint, jumpstart, registration):
        assert not [a for a in fields for b in fields if a != b and b[: len(a)] == a]


def without_properties(schema: Any) -> Any:
    return schema.get("items") or schema.get("additionalProperties") if isinstance(schema, dict) else None


@pytest.mark.parametrize("kind", CONVERTED, ids=lambda kind: kind.kind)
def test_no_item_of_a_list_has_fields_that_v1alpha1_lacks(kind: Kind) -> None:
    # The annotation finds a field by its path, and the items of a list can move.
    def differing(newest: Any, older: Any, path: str) -> list[str]:
        if inner := without_properties(newest):
            return [path] if set(_fields(inner)) != set(_fields(without_properties(older))) else []
        known = older.get("properties", {})
        found = [(name, each) for name, each in newest.get("properties", {}).items() if name in known]
        return [hit for name, each in found for hit in differing(each, known[name], f"{path}.{name}")]

    assert differing(SCHEMAS[kind.kind, True], SCHEMAS[kind.kind, False], "") == []


def _fields(schema: Any, path: str = "") -> list[str]:
    if not isinstance(schema, dict):
        return []
    inner = [
        hit for name, each in schema.get("properties", {}).items() for hit in _fields(each, f"{path}.{name}")
    ]
    return [path, *inner, *_fields(without_properties(schema), f"{path}[]")]


@pytest.mark.parametrize(
    "note",
    [
        "{",
        "[]",
        '"x"',
        '{"spec.instanceTypes": 1}',
        '{"spec.replicas": {"v1": 2}}',
        '{"metadata.uid": {"v1": "x"}}',
    ],
)
def test_an_annotation_that_the_operator_did_not_write_is_refused_with_its_name(
    note: str, routed: Body
) -> None:
    older = convert(routed, V1ALPHA1)
    older["metadata"]["annotations"] = {NOTE: note}
    with pytest.raises(CannotConvert, match=f"{NOTE} is not as the operator wrote it: restore it, or"):
        convert(older, V1)


@pytest.mark.parametrize(
    ("changes", "wanted", "said"),
    [
        ({"kind": "Pod"}, V1, "there is no kind 'Pod' here: there are InferenceEndpointConfig,"),
        ({}, f"{names.GROUP}/v2", f"no version '{names.GROUP}/v2': use one of {V1}, {V1ALPHA1}"),
        ({"kind": names.KIND_GATEWAY}, V1ALPHA1, f"has no version '{V1}': use one of {V1ALPHA1}"),
    ],
)
def test_what_has_no_such_version_is_refused_with_those_there_are(
    changes: Body, wanted: str, said: str, routed: Body
) -> None:
    with pytest.raises(CannotConvert) as caught:
        convert(routed | changes, wanted)
    assert said in str(caught.value)


def test_its_own_version_gives_an_equal_copy(routed: Body) -> None:
    same = convert(routed, V1)
    assert same == routed
    assert same["spec"] is not routed["spec"]
