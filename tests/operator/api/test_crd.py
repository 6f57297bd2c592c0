"""The CustomResourceDefinitions: what AWS publishes, plus the later fields, in the form Kubernetes takes."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.api.crd import crds
from hyperpod_inference.api.schema import compact

PUBLISHED = Path(__file__).parent / "published"  # one line for each field of the published schemas
KEYWORDS = (
    "type",
    "format",
    "default",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-int-or-string",
    "nullable",
)
LATER = (
    "spec.modelCacheConfig",
    "spec.loadBalancer.idleTimeoutSeconds",
    "spec.metricsSidecarResources",
    "spec.metricsCollectorResources",
    "spec.s3UploaderResources",
    "spec.inferenceGateway",
    "status.inferenceGateway",
)
DEFINITIONS = {each["spec"]["names"]["plural"]: each for each in crds()}
SIZE_LIMIT = 120_000  # bytes; kubectl keeps a copy in an annotation, which holds 262,144


def versions() -> Iterator[tuple[str, dict[str, Any]]]:
    for plural, definition in DEFINITIONS.items():
        for version in definition["spec"]["versions"]:
            yield f"{plural}.{version['name']}", version


VERSIONS = dict(versions())


def described(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Every field with what the schema says of it, in the form of the published files."""
    facts = [
        f"{key}={json.dumps(sorted(node[key]) if key == 'enum' else node[key])}"
        for key in KEYWORDS
        if key in node
    ]
    if node.get("required"):
        facts.append("required=" + json.dumps(sorted(node["required"])))
    yield path, " ".join([path, *facts])
    for name, each in sorted(node.get("properties", {}).items()):
        yield from described(each, f"{path}.{name}")
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(node.get(key), dict):
            yield from described(node[key], path + mark)


def fields(version: Mapping[str, Any]) -> dict[str, str]:
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    return dict(line for part in ("spec", "status") for line in described(properties[part], part))


@pytest.mark.parametrize("name", sorted(path.stem for path in PUBLISHED.glob("*.txt")))
def test_every_published_field_is_there_as_published_and_only_later_ones_are_added(name: str) -> None:
    ours = fields(VERSIONS[name])
    published = (PUBLISHED / f"{name}.txt").read_text().splitlines()
    added = {line for path, line in ours.items() if path.startswith(LATER)}
    assert sorted(set(ours.values()) - added) == sorted(published)
    assert name.endswith(".v1") or not added


def test_a_field_newer_than_the_published_schemas_has_no_default() -> None:
    # Stored objects would carry it, and clients that do not know the field refuse them.
    for version in VERSIONS.values():
        for path, line in fields(version).items():
            assert not (path.startswith(LATER) and "default=" in line), line


@pytest.mark.parametrize("plural", DEFINITIONS)
def test_a_definition_is_small_enough_for_kubectl_apply(plural: str) -> None:
    assert len(json.dumps(DEFINITIONS[plural], separators=(",", ":"))) < SIZE_LIMIT


@pytest.mark.parametrize(
    ("plural", "short", "served", "stored"),
    [
        ("inferenceendpointconfigs", "iec", {"v1", "v1alpha1"}, "v1"),
        ("jumpstartmodels", "jsm", {"v1", "v1alpha1"}, "v1"),
        ("sagemakerendpointregistrations", "smer", {"v1", "v1alpha1"}, "v1"),
        ("inferencegatewayconfigs", "igwc", {"v1alpha1"}, "v1alpha1"),
    ],
)
def test_every_version_is_served_one_is_stored_and_two_are_converted_by_the_webhook(
    plural: str, short: str, served: set[str], stored: str
) -> None:
    spec = DEFINITIONS[plural]["spec"]
    assert {each["name"] for each in spec["versions"] if each["served"]} == served
    assert [each["name"] for each in spec["versions"] if each["storage"]] == [stored]
    assert spec["names"]["shortNames"] == [short]
    assert spec["names"]["categories"] == ["hyperpod"]
    assert ("conversion" in spec) == (len(served) > 1)


def test_the_webhook_of_the_conversion_is_the_operators_service_without_a_certificate() -> None:
    (spec,) = [each["spec"] for each in crds("models") if each["spec"]["names"]["shortNames"] == ["iec"]]
    assert spec["conversion"] == {
        "strategy": "Webhook",
        "webhook": {
            "conversionReviewVersions": ["v1"],
            "clientConfig": {
                "service": {
                    "namespace": "models",
                    "name": "hyperpod-inference-conversion-webhook",
                    "port": 443,
                    "path": "/convert",
                }
            },
        },
    }


def nodes(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for key, each in schema.items():
            if key == "properties":
                for child in each.values():
                    yield from nodes(child)
            elif key in ("items", "additionalProperties"):
                yield from nodes(each)


@pytest.mark.parametrize("name", VERSIONS)
def test_the_schema_is_structural(name: str) -> None:
    for node in nodes(VERSIONS[name]["schema"]["openAPIV3Schema"]):
        assert not {"$ref", "$defs", "title", "x-since", "x-required", "const", "oneOf"} & set(node), node
        assert "type" in node or node.get("x-kubernetes-int-or-string"), node
        assert node.get("additionalProperties") is not False
        assert not ({"properties", "additionalProperties"} <= set(node)), node
        assert set(node.get("required", ())) <= set(node.get("properties", ()))


def resolves(schema: Mapping[str, Any], path: str) -> bool:
    for part in path.lstrip(".").split("[")[0].split("."):
        schema = schema.get("properties", {}).get(part) or {}
    return bool(schema)


@pytest.mark.parametrize("name", VERSIONS)
def test_every_printed_column_and_the_scale_paths_lead_to_a_field(name: str) -> None:
    version = VERSIONS[name]
    schema = version["schema"]["openAPIV3Schema"]
    paths = [each["jsonPath"] for each in version["additionalPrinterColumns"]]
    paths = [path for path in paths if path != ".metadata.creationTimestamp"]
    # A union shows the one of its fields that is set; v1alpha1 has only the first of them.
    paths = [path.replace("['instanceType','instanceTypes']", ".instanceType") for path in paths]
    paths += list(version["subresources"].get("scale", {}).values())
    assert [path for path in paths if not resolves(schema, path)] == []


def own_fields(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The fields of this project's own blocks: not those inside embedded Kubernetes types."""
    if any(f"({group}/v1)" in schema.get("description", "") for group in ("core", "apps", "meta")):
        return
    for name, each in schema.get("properties", {}).items():
        yield f"{path}.{name}", each
        yield from own_fields(each, f"{path}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from own_fields(schema["items"], f"{path}[]")


@pytest.mark.parametrize("name", [name for name, version in VERSIONS.items() if version["storage"]])
def test_every_field_of_our_own_says_in_a_sentence_what_it_is(name: str) -> None:
    properties = VERSIONS[name]["schema"]["openAPIV3Schema"]["properties"]
    for part in ("spec", "status"):
        for path, each in own_fields(properties[part], part):
            assert each.get("description", "").endswith("."), path


def test_the_older_version_demands_what_it_demanded_and_knows_fewer_sources() -> None:
    spec = VERSIONS["inferenceendpointconfigs.v1alpha1"]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert "instanceType" in spec["required"]
    source = spec["properties"]["modelSourceConfig"]["properties"]["modelSourceType"]
    assert source["enum"] == ["fsx", "s3"]
    rules = json.dumps(spec.get("x-kubernetes-validations", []))
    assert "intelligentRoutingSpec" not in rules
    assert "instanceTypes" not in rules


def test_two_calls_give_equal_and_independent_definitions() -> None:
    first, second = crds(), crds()
    assert first == second
    first[0]["spec"]["names"]["kind"] = "Other"
    assert second[0]["spec"]["names"]["kind"] == "InferenceEndpointConfig"


def rules(schema: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for node in nodes(schema):
        for rule in node.get("x-kubernetes-validations", ()):
            yield node, rule


@pytest.mark.parametrize("name", VERSIONS)
def test_every_rule_points_to_a_field_and_says_what_to_do(name: str) -> None:
    for node, rule in rules(VERSIONS[name]["schema"]["openAPIV3Schema"]):
        assert resolves(node, rule.get("fieldPath", "metadata")), rule
        assert ": " in rule["message"], rule
        assert set(rule) <= {"rule", "message", "fieldPath"}


@pytest.mark.parametrize(
    ("cel", "compacted"),
    [
        ("!has(self.a) || self.a != ''", "!has(self.a)||self.a!=''"),
        ("a in [1, 2] && b <= 3 ? x : y", "a in [1,2]&&b<=3?x:y"),
        ("a == ' || ' || a == ', '", "a==' || '||a==', '"),
    ],
)
def test_expressions_lose_their_spaces_but_not_those_in_quotes(cel: str, compacted: str) -> None:
    assert compact(cel) == compacted


def test_no_expression_quotes_in_a_way_that_hides_from_this() -> None:
    for version in VERSIONS.values():
        for _, rule in rules(version["schema"]["openAPIV3Schema"]):
            assert '"' not in rule["rule"]
