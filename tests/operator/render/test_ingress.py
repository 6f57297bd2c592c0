"""The Ingress and its annotations: spec in, load balancer out."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import Part, Rendered, render

Body = dict[str, Any]
Endpoints = Callable[..., InferenceEndpointConfig]
ARN = "arn:aws:acm:us-west-2:111122223333:certificate/1a2b"
CUSTOM = {"customCertificateConfig": {"acmArn": ARN, "domainName": "chat.example.com"}}
CLUSTER = "arn:aws:sagemaker:us-west-2:111122223333:cluster/example"
SETTINGS = OperatorSettings(
    hyperpod_cluster_arn=CLUSTER, tls_certificate_output_s3_uri="s3://hyperpod-tls-example/certificates"
)
ROUTED = {"intelligentRoutingSpec": {"enabled": True}}
LOGS = {"dataCapture": {"loadBalancer": {"enabled": True}}}


def ingress(rendered: Rendered) -> Body:
    (found,) = [each for each in rendered.manifests if each["kind"] == "Ingress"]
    return found


@pytest.fixture
def annotation(endpoint: Endpoints) -> Callable[..., str | None]:
    """annotation("scheme", **spec): the ALB's annotation of such an endpoint."""

    def of(name: str, settings: OperatorSettings = SETTINGS, **spec: Any) -> str | None:
        found = ingress(render(endpoint(**spec), settings))["metadata"]["annotations"]
        value: str | None = found.get(f"alb.ingress.kubernetes.io/{name}")
        return value

    return of


@pytest.mark.parametrize(
    ("spec", "place", "service"),
    [
        ({}, ("team-a", "alb-chat"), "chat-routing-service"),
        (ROUTED, ("hyperpod-inference-system", "alb-chat-team-a"), "chat-team-a-routing-service"),
    ],
    ids=["to the model", "to the router"],
)
def test_it_stands_beside_the_service_that_it_leads_to(
    endpoint: Endpoints, spec: Body, place: tuple[str, str], service: str
) -> None:
    rendered = render(endpoint(**spec), SETTINGS)
    found = ingress(rendered)
    assert (found["metadata"]["namespace"], found["metadata"]["name"]) == place
    assert found["spec"]["ingressClassName"] == "alb"
    (path,) = found["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"] == {"name": service, "port": {"number": 443}}
    services = {(each["metadata"].get("namespace"), each["metadata"]["name"]) for each in rendered.manifests}
    assert (place[0], service) in services
    assert ("ownerReferences" in found["metadata"]) is (place[0] == "team-a")


@pytest.mark.parametrize(
    ("written", "path"),
    [
        (None, "/invocations"),
        ("v1/chat/completions", "/v1/chat/completions"),
        ("///v1/completions", "/v1/completions"),
        ("/", "/"),
    ],
)
def test_the_path_has_one_leading_slash(endpoint: Endpoints, written: str | None, path: str) -> None:
    spec = {"invocationEndpoint": written} if written else {}
    found = ingress(render(endpoint(**spec), SETTINGS))["spec"]["rules"][0]["http"]["paths"][0]
    assert (found["path"], found["pathType"]) == (path, "Prefix")


@pytest.mark.parametrize(
    ("name", "spec", "expected"),
    [
        ("scheme", {}, "internal"),
        ("target-type", {}, "ip"),
        ("healthcheck-path", {}, "/ping"),
        ("healthcheck-path", {"loadBalancer": {"healthCheckPath": "/health"}}, "/health"),
        ("healthcheck-path", {**ROUTED, "loadBalancer": {"healthCheckPath": "/health"}}, "/readyz"),
        ("healthcheck-port", ROUTED, "9090"),
        ("healthcheck-port", {}, None),
        ("target-group-attributes", {}, "load_balancing.algorithm.type=least_outstanding_requests"),
        (
            "target-group-attributes",
            {"loadBalancer": {"routingAlgorithm": "round_robin"}},
            "load_balancing.algorithm.type=round_robin",
        ),
        ("load-balancer-attributes", {}, "idle_timeout.timeout_seconds=60"),
        (
            "load-balancer-attributes",
            {"loadBalancer": {"idleTimeoutSeconds": 4000}},
            "idle_timeout.timeout_seconds=4000",
        ),
        ("tags", {}, "CreatedBy=HyperPodInference"),
        ("tags", {"tags": [{"name": "team", "value": "a"}]}, "team=a,CreatedBy=HyperPodInference"),
        ("certificate-arn", {}, None),
        ("certificate-arn", {"tlsConfig": CUSTOM}, ARN),
    ],
)
def test_an_annotation_follows_from_the_spec(
    annotation: Callable[..., str | None], name: str, spec: Body, expected: str | None
) -> None:
    assert annotation(name, **spec) == expected


def test_it_listens_on_443_with_a_certificate_and_on_80_without(annotation: Callable[..., str]) -> None:
    assert json.loads(annotation("listen-ports", tlsConfig=CUSTOM)) == [{"HTTPS": 443}]
    assert json.loads(annotation("listen-ports")) == [{"HTTP": 80}]


def test_access_logs_go_below_the_endpoints_own_prefix(annotation: Callable[..., str]) -> None:
    logs = dict(each.split("=", 1) for each in annotation("load-balancer-attributes", **LOGS).split(","))
    assert logs["access_logs.s3.enabled"] == "true"
    assert logs["access_logs.s3.bucket"] == "hyperpod-tls-example"
    prefix = logs["access_logs.s3.prefix"].split("/")
    assert (prefix[:2], prefix[-1]) == (["certificates", "data-capture"], "alb")
    given = {"dataCapture": {**LOGS["dataCapture"], "s3Uri": "s3://captures/here/"}}
    assert f"prefix=here/{prefix[2]}/alb" in annotation("load-balancer-attributes", **given)


@pytest.mark.parametrize(
    ("capture", "settings"),
    [
        ({}, OperatorSettings(hyperpod_cluster_arn=CLUSTER)),
        ({"s3Uri": "s3://captures"}, OperatorSettings()),
    ],
    ids=["no bucket", "no cluster"],
)
def test_access_logs_without_a_place_are_named_as_not_built(
    endpoint: Endpoints, annotation: Callable[..., str], capture: Body, settings: OperatorSettings
) -> None:
    spec = {"dataCapture": {**LOGS["dataCapture"], **capture}}
    assert "access_logs" not in annotation("load-balancer-attributes", settings, **spec)
    assert Part.DATA_CAPTURE in [each.part for each in render(endpoint(**spec), settings).not_built]


def test_it_is_applied_after_the_workload_whose_way_it_must_not_block(endpoint: Endpoints) -> None:
    kinds = [each["kind"] for each in render(endpoint(**ROUTED), SETTINGS).in_apply_order]
    assert kinds[-1] == "Ingress"
    assert sorted(kinds) == sorted(each["kind"] for each in render(endpoint(**ROUTED), SETTINGS).manifests)
