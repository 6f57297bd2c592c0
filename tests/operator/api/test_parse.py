"""parse: what becomes a typed resource, and what is said about what does not."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperpod_inference.api.base import Rule, Value
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.metadata_rules import METADATA_RULES
from hyperpod_inference.api.parse import InvalidResource, check_change, parse

Body = dict[str, Any]
MakeBody = Callable[..., Body]
CaseBody = Callable[[Body, str], Body]
CONTRADICTIONS = yaml.safe_load((Path(__file__).parent / "contradictions.yaml").read_text())


def problems(body: Mapping[str, Any], **options: bool) -> list[str]:
    with pytest.raises(InvalidResource) as caught:
        parse(body, **options)
    return [str(each) for each in caught.value.problems]


def refused(body: Mapping[str, Any]) -> InvalidResource:
    with pytest.raises(InvalidResource) as caught:
        parse(body)
    return caught.value


def all_rules() -> Iterator[Rule]:
    """Every rule of every model of the API."""
    models: list[type[Value]] = [Value]
    for model in models:
        models += model.__subclasses__()
        yield from model.rules


def test_each_kind_becomes_its_model_and_back(bodies: dict[str, Body]) -> None:
    for kind, body in bodies.items():
        resource = parse(body)
        assert type(resource).__name__ == kind
        assert resource.to_body() == body


def test_fields_have_snake_case_names_and_the_published_defaults(body: MakeBody) -> None:
    endpoint = parse(
        body(huggingFace=None, autoScalingSpec={}, pdSpec={"prefillSpec": {}, "decodingSpec": {}})
    )
    assert isinstance(endpoint, InferenceEndpointConfig)
    spec = endpoint.spec
    assert spec.model_source_config.s3_storage is not None
    assert spec.model_source_config.s3_storage.bucket_name == "weights"
    assert (spec.replicas, spec.invocation_endpoint, spec.max_deploy_time_in_seconds) == (
        1,
        "invocations",
        3600,
    )
    assert spec.worker.model_volume_mount.mount_path == "/opt/ml/model"
    assert spec.auto_scaling_spec is not None
    assert spec.auto_scaling_spec.max_replica_count == 5
    assert spec.pd_spec is not None
    assert spec.pd_spec.routing_threshold == 4096
    assert endpoint.metadata.namespace == "team-a"


def test_quantities_keep_the_form_they_came_in(body: MakeBody) -> None:
    given = {
        "requests": {"cpu": "500m", "memory": "16Gi", "nvidia.com/gpu": 1},
        "limits": {"nvidia.com/gpu": "0"},
    }
    endpoint = parse(body(worker={"resources": given}))
    assert endpoint.to_body()["spec"]["worker"]["resources"] == given


def test_a_null_counts_as_absent_as_the_api_server_has_it(body: MakeBody) -> None:
    given = body() | {"status": None}
    given["spec"] = given["spec"] | {"replicas": None, "tags": None}
    endpoint = parse(given)
    assert isinstance(endpoint, InferenceEndpointConfig)
    assert endpoint.spec.replicas == 1


def test_what_aws_own_client_sends_by_itself_is_accepted(body: MakeBody, sent_by_client: Body) -> None:
    endpoint = parse(body(**sent_by_client))
    assert isinstance(endpoint, InferenceEndpointConfig)
    assert endpoint.spec.worker.environment_variables == ()


def test_a_jumpstart_model_of_the_client_is_accepted(body: MakeBody) -> None:
    parse(
        body(
            "JumpStartModel",
            sageMakerEndpoint={},
            environmentVariables=[],
            server={"validations": {"acceleratorPartitionValidation": True}},
        )
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"modelName": None}, ["spec.modelName: missing, expected a string of at most 63 characters"]),
        ({"replicas": "2"}, ["spec.replicas: got '2', expected an integer"]),
        ({"replicas": True}, ["spec.replicas: got true, expected an integer"]),
        ({"replicas": 1.5}, ["spec.replicas: got 1.5, expected an integer"]),
        (
            {"metrics": {"enabled": "yes please"}},
            ["spec.metrics.enabled: got 'yes please', expected true or false"],
        ),
        ({"instanceTypes": "ml.g5.8xlarge"}, ["spec.instanceTypes: got 'ml.g5.8xlarge', expected a list"]),
        ({"instanceTypes": ["ml.g5.8xlarge", 5]}, ["spec.instanceTypes[1]: got 5, expected a string"]),
        ({"instanceType": "g5"}, ["spec.instanceType: got 'g5', expected a string matching ^ml\\..*"]),
        (
            {"modelSourceConfig": {"modelSourceType": "s4"}},
            [
                "spec.modelSourceConfig.modelSourceType: got 's4', "
                "expected one of fsx, s3, huggingface, kubernetesVolume"
            ],
        ),
        (
            {"worker": {"modelInvocationPort": {"containerPort": 80800}}},
            ["spec.worker.modelInvocationPort.containerPort: got 80800, expected an integer from 1 to 65535"],
        ),
        (
            {"worker": {"resources": {"requests": "x"}}},
            ["spec.worker.resources.requests: got 'x', expected a mapping"],
        ),
        (
            {"worker": {"resources": {"limits": {"cpu": 0.5}}}},
            ["spec.worker.resources.limits.cpu: got 0.5, expected a quantity such as 4, '500m' or '16Gi'"],
        ),
        (
            {"autoScalingSpec": {"pollingInterval": -1}},
            ["spec.autoScalingSpec.pollingInterval: got -1, expected an integer of 0 or more"],
        ),
        (
            {"kubernetes": {"volumes": [{"hostPath": {"path": "/data"}}]}},
            ["spec.kubernetes.volumes[0].name: missing, expected a string"],
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_place_what_came_and_what_is_allowed(
    body: MakeBody, changes: Body, expected: list[str]
) -> None:
    found = problems(body(**changes))
    assert len(found) == len(expected)
    assert all(text.startswith(start) for text, start in zip(found, expected, strict=True)), found


@pytest.mark.parametrize(
    ("changes", "path", "suggestion"),
    [
        ({"modelVersoin": "1"}, "spec.modelVersoin", "did you mean modelVersion?"),
        ({"model_version": "1"}, "spec.model_version", "did you mean modelVersion?"),
        ({"worker": {"enviromentVariables": []}}, "spec.worker.enviromentVariables", "environmentVariables?"),
        (
            {"kubernetes": {"volumes": [{"name": "a", "hostpath": {}}]}},
            "spec.kubernetes.volumes[0].hostpath",
            "hostPath?",
        ),
    ],
)
def test_an_unknown_field_is_told_with_its_nearest_neighbour(
    body: MakeBody, changes: Body, path: str, suggestion: str
) -> None:
    (text,) = problems(body(**changes))
    assert text.startswith(f"{path}: got an unknown field, expected one of ")
    assert suggestion in text


@pytest.mark.parametrize(
    ("kind", "spec", "message"),
    [
        (
            "InferenceEndpointConfig",
            {"metrics": {"modelMetricsConfig": {}}},
            "spec.metrics.modelMetricsConfig: got an unknown field, expected spec.metrics.modelMetrics",
        ),
        (
            "InferenceEndpointConfig",
            {"modelSourceConfig": {"s3Storage": {"modelLocation": "chat"}}},
            "spec.modelSourceConfig.s3Storage.modelLocation: got an unknown field, "
            "expected spec.modelSourceConfig.modelLocation",
        ),
        (
            "JumpStartModel",
            {"server": {"maxAutoScaleReplicas": 3}},
            "spec.server.maxAutoScaleReplicas: got an unknown field, "
            "expected spec.autoScalingSpec.maxReplicaCount",
        ),
        ("JumpStartModel", {"endpointName": "a"}, "expected spec.sageMakerEndpoint.name"),
        ("InferenceEndpointConfig", {"sageMakerEndpoint": {"name": "a"}}, "expected spec.endpointName"),
    ],
)
def test_a_name_that_documents_get_wrong_is_told_with_the_right_one(
    body: MakeBody, kind: str, spec: Body, message: str
) -> None:
    (text,) = problems(body(kind, **spec))
    assert message in text


def test_a_kind_of_old_samples_is_told_with_its_new_name(body: MakeBody) -> None:
    (text,) = problems(body() | {"kind": "ModelDeployment"})
    assert text.startswith("kind: got 'ModelDeployment', expected InferenceEndpointConfig")


def test_an_unknown_field_unlike_all_others_gets_no_guess(body: MakeBody) -> None:
    (text,) = problems(body(zzz=1))
    assert "did you mean" not in text
    assert "more" in text


def test_the_operator_ignores_unknown_fields_but_nothing_else(body: MakeBody) -> None:
    endpoint = parse(body(later={"field": 1}), tolerant=True)
    assert "later" not in endpoint.to_body()["spec"]
    assert problems(body(later=1, replicas="2"), tolerant=True) == [
        "spec.replicas: got '2', expected an integer"
    ]


@pytest.mark.parametrize(
    ("kind", "version", "expected"),
    [
        (
            "InferenceEndpointConfg",
            "v1",
            "kind: got 'InferenceEndpointConfg', expected one of InferenceEndpoint",
        ),
        ("jumpstartmodel", "v1", "kind: got 'jumpstartmodel', expected one of JumpStartModel, "),
        (None, "v1", "kind: missing, expected one of "),
        (5, "v1", "kind: got 5, expected one of "),
        (
            "JumpStartModel",
            "v1alpha1",
            "apiVersion: got 'inference.sagemaker.aws.amazon.com/v1alpha1', "
            "expected inference.sagemaker.aws.amazon.com/v1",
        ),
    ],
)
def test_an_unknown_kind_or_version_is_told_with_the_known_ones(
    body: MakeBody, kind: Any, version: str, expected: str
) -> None:
    given = body() | {"kind": kind, "apiVersion": f"inference.sagemaker.aws.amazon.com/{version}"}
    (text,) = problems(given)
    assert text.startswith(expected)


@pytest.mark.parametrize("case", CONTRADICTIONS, ids=lambda case: f"{case['field']}, {case['remedy']}")
def test_fields_that_contradict_each_other_are_told_with_the_way_out(case_body: CaseBody, case: Body) -> None:
    found = problems(case_body(case, "bad"))
    assert any(text.startswith(f"{case['field']}: ") and case["remedy"] in text for text in found), found


@pytest.mark.parametrize("case", CONTRADICTIONS, ids=lambda case: f"{case['field']}, {case['remedy']}")
def test_the_nearest_right_spec_of_each_is_accepted(case_body: CaseBody, case: Body) -> None:
    parse(case_body(case, "good"))


def test_every_rule_has_a_case(case_body: CaseBody) -> None:
    with_case = {
        problem.fix.split(" (")[0] if problem.fix else ""
        for case in CONTRADICTIONS
        for problem in refused(case_body(case, "bad")).problems
    }
    known = {rule.message.split(" (")[0] for rule in all_rules() if rule.holds is not None}
    exempt = {rule.message.split(" (")[0] for rule in METADATA_RULES}  # one message for several of them
    assert known - with_case - exempt == set()


def test_a_name_that_does_not_fit_into_a_label_is_refused(body: MakeBody) -> None:
    given = body() | {"metadata": {"name": "a" * 64}}
    assert problems(given)[0].startswith("metadata.name: the name is longer than 63 characters")


@pytest.mark.parametrize(
    ("old", "new", "count"),
    [
        ({}, {"intelligentRoutingSpec": {"enabled": True}}, 1),
        ({"intelligentRoutingSpec": {"enabled": True}}, {}, 1),
        ({"intelligentRoutingSpec": {"enabled": False}}, {"intelligentRoutingSpec": {"enabled": True}}, 1),
        ({}, {"intelligentRoutingSpec": {"enabled": False}}, 0),
        (
            {"intelligentRoutingSpec": {"enabled": True}},
            {"intelligentRoutingSpec": {"enabled": True, "routingStrategy": "session"}},
            0,
        ),
        ({}, {"replicas": 3}, 0),
    ],
)
def test_routing_cannot_be_switched_on_an_existing_endpoint(
    body: MakeBody, old: Body, new: Body, count: int
) -> None:
    found = check_change(parse(body(**old)), parse(body(**new)))
    assert len(found) == count
    assert all(each.path == "spec.intelligentRoutingSpec.enabled" for each in found)
