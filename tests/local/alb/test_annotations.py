"""What an Ingress's annotations ask of a load balancer, and what is said where they cannot be."""

from typing import Any

import pytest

from hyperpod_inference.api.names import ALB_PREFIX
from hyperpod_inference.api.parse import parse
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cli.install import example
from hyperpod_inference.local.alb.annotations import BuildError, Health, Settings, read
from hyperpod_inference.local.alb.wanted import Backend, targets, wanted_of
from hyperpod_inference.render.facts import Facts
from hyperpod_inference.render.ingress import ingress

ARN = "arn:aws:acm:us-west-2:111122223333:certificate/0000"
RIGHT = {"target-type": "ip"}
SLICE: dict[str, Any] = {
    "ports": [{"name": "http", "port": 8080}],
    "endpoints": [
        {"addresses": ["10.244.0.5"], "conditions": {"ready": True}},
        {"addresses": ["10.244.0.6"], "conditions": {"ready": False}},
    ],
}


def settings(**changes: str) -> Settings:
    """Of these annotations, `_` standing for `-`."""
    return read({f"{ALB_PREFIX}/{key}": value for key, value in (RIGHT | dashed(changes)).items()})


def dashed(changes: dict[str, str]) -> dict[str, str]:
    return {key.replace("_", "-"): value for key, value in changes.items()}


def test_all_that_the_operator_renders_is_read_and_nothing_remarked() -> None:
    body = example()
    body["spec"]["loadBalancer"] = {
        "healthCheckPath": "/ready",
        "routingAlgorithm": "least_outstanding_requests",
        "idleTimeoutSeconds": 900,
    }
    body["spec"]["dataCapture"] = {"s3Uri": "s3://captures/here", "loadBalancer": {"enabled": True}}
    told = OperatorSettings(
        hyperpod_cluster_arn="arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefghijkl"
    )
    rendered = ingress(parse(body), told, Facts(certificate_arn=ARN))  # type: ignore[arg-type]
    rendered["metadata"]["uid"] = "1"
    wanted = wanted_of(rendered)
    found = wanted.settings
    assert found.remarks == ()
    assert found.scheme == "internal"
    assert found.listeners == ((443, "HTTPS"),)
    assert found.certificates == (ARN,)
    assert found.idle_seconds == 900
    assert found.algorithm == "least_outstanding_requests"
    assert found.health.path == "/ready"
    assert found.access_logs is not None
    assert found.access_logs[0] == "captures"
    assert found.access_logs[1].endswith("/alb")
    assert found.tags["CreatedBy"] == "HyperPodInference"
    assert len(wanted.name) <= 32
    assert wanted.choose("anything", "/v1/chat/completions") == (1, wanted.backends[0])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scheme": "public"}, "unknown scheme: public"),
        ({"target_type": "pod"}, "unknown targetType: pod"),
        ({"target_type": "instance"}, "set target-type to ip"),
        ({"listen_ports": "443"}, "failed to parse listen-ports configuration: `443`"),
        ({"listen_ports": "[]"}, "empty listen-ports configuration: `[]`"),
        ({"listen_ports": '[{"HTTP":0}]'}, "listen port must be within [1, 65535]: 0"),
        ({"listen_ports": '[{"TCP":80}]'}, "listen protocol must be within [HTTP, HTTPS]: TCP"),
        ({"listen_ports": '[{"HTTPS":443}]'}, "A certificate must be specified for HTTPS listeners"),
        ({"backend_protocol": "GRPC"}, "backend protocol must be within [HTTP, HTTPS]: GRPC"),
        ({"backend_protocol_version": "HTTP2"}, "must be HTTP1 on the local cluster: HTTP2"),
        ({"healthcheck_port": "metrics"}, "failed to resolve healthCheckPort: metrics"),
        ({"healthcheck_protocol": "TCP"}, "healthCheckProtocol must be within [HTTP, HTTPS]"),
        ({"healthcheck_interval_seconds": "often"}, f"int64 annotation, {ALB_PREFIX}/healthcheck-interval"),
        ({"healthcheck_timeout_seconds": "15"}, "interval must be greater than the timeout: 15 and 15"),
        ({"success_codes": "fine"}, "HttpCode must be like 200 | 200-399 | 200,201: fine"),
        (
            {"load_balancer_attributes": "idle"},
            f"stringMap annotation, {ALB_PREFIX}/load-balancer-attributes",
        ),
        ({"load_balancer_attributes": "idle_timeout.timeout_seconds=4001"}, "within [1, 4000]: 4001"),
        ({"load_balancer_attributes": "access_logs.s3.enabled=true"}, "names no bucket"),
        ({"target_group_attributes": "load_balancing.algorithm.type=best"}, "weighted_random: best"),
    ],
)
def test_what_cannot_be_is_refused_in_the_controllers_words(changes: dict[str, str], words: str) -> None:
    with pytest.raises(BuildError) as refused:
        settings(**changes)
    assert words in str(refused.value)


def test_what_is_said_in_vain_is_remarked() -> None:
    assert settings(
        helthcheck_path="/ping", waf_acl_id="7", certificate_arn=ARN, listen_ports='[{"HTTP":80}]'
    ).remarks == (
        f"{ALB_PREFIX}/waf-acl-id has no effect on the local cluster",
        f'{ALB_PREFIX}/certificate-arn is not used: listen-ports [{{"HTTP":80}}] has no HTTPS port',
        f"{ALB_PREFIX}/helthcheck-path is no annotation of the AWS Load Balancer Controller;"
        " did you mean healthcheck-path?",
    )


def test_annotations_of_others_are_not_looked_at() -> None:
    assert read({"example.com/scheme": "public", f"{ALB_PREFIX}/target-type": "ip"}).remarks == ()


@pytest.mark.parametrize(
    ("codes", "good", "bad"), [("200", 200, 201), ("200,302", 302, 301), ("200-299", 250, 300)]
)
def test_success_codes_are_single_ones_lists_and_ranges(codes: str, good: int, bad: int) -> None:
    health = Health(codes=codes)
    assert health.accepts(good)
    assert not health.accepts(bad)


def test_the_more_exact_rule_comes_first_and_a_prefix_ends_where_a_part_ends() -> None:
    wanted = wanted_of(
        {
            "metadata": {
                "name": "paths",
                "namespace": "default",
                "uid": "1",
                "annotations": {f"{ALB_PREFIX}/target-type": "ip"},
            },
            "spec": {
                "rules": [
                    {
                        "http": {
                            "paths": [
                                path("/", "Prefix", "all"),
                                path("/v1", "Prefix", "api"),
                                path("/v1/models", "Exact", "models"),
                            ]
                        }
                    }
                ]
            },
        }
    )

    def service(requested: str) -> str | None:
        found = wanted.choose("x", requested)
        return found[1].service if found else None

    assert [service(each) for each in ("/v1/models", "/v1/chat", "/v1", "/v10", "/")] == [
        "models",
        "api",
        "api",
        "all",
        "all",
    ]


def path(value: str, kind: str, service: str) -> dict[str, Any]:
    return {
        "path": value,
        "pathType": kind,
        "backend": {"service": {"name": service, "port": {"number": 80}}},
    }


def test_targets_are_the_ready_pods_behind_the_services_port() -> None:
    service = {"spec": {"ports": [{"name": "http", "port": 80}]}}
    for port in (80, "http"):
        found = targets("default", Backend("chat", port), service, [SLICE])
        assert found == (("10.244.0.5", 8080),)
    with pytest.raises(BuildError, match='Service "default/chat" not found'):
        targets("default", Backend("chat", 80), None, [])
    with pytest.raises(BuildError, match="unable to find port 81 on service default/chat"):
        targets("default", Backend("chat", 81), service, [SLICE])
