"""Data capture's pod tier: what the proxy keeps, where it goes, and what an endpoint says without a place."""

from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import Part, Rendered, render

Body = dict[str, Any]
Endpoints = Callable[..., InferenceEndpointConfig]
SETTINGS = OperatorSettings(
    region="us-west-2",
    hyperpod_cluster_arn="arn:aws:sagemaker:us-west-2:111122223333:cluster/example",
)
KEY = "arn:aws:kms:us-west-2:111122223333:key/1a2b"


def spec(**tier: Any) -> Body:
    return {"dataCapture": {"s3Uri": "s3://captures/here", "modelPod": {"enabled": True, **tier}}}


def containers(rendered: Rendered) -> dict[str, Body]:
    (pod,) = [each["spec"]["template"]["spec"] for each in rendered.manifests if each["kind"] == "Deployment"]
    return {each["name"]: each for each in pod["containers"]}


def told(rendered: Rendered) -> list[str]:
    return [each.message for each in rendered.not_built if each.part is Part.DATA_CAPTURE]


def test_capture_adds_the_uploader_and_needs_no_metrics(endpoint: Endpoints) -> None:
    assert [*containers(render(endpoint(**spec()), SETTINGS))] == [
        "chat",
        "sidecar-reverse-proxy",
        "s3-uploader",
    ]
    assert [*containers(render(endpoint(metrics={}, **spec()), SETTINGS))] == [
        "chat",
        "sidecar-reverse-proxy",
        "otel-collector",
        "s3-uploader",
    ]


def test_absent_fields_have_the_documented_defaults(endpoint: Endpoints) -> None:
    made = containers(render(endpoint(**spec()), SETTINGS))
    assert [each for each in made["sidecar-reverse-proxy"]["args"] if "capture" in each] == [
        "--capture-dir=/var/spool/hyperpod-inference",
        "--capture-sampling-percent=100",
        "--capture-options=Input,Output",
        "--capture-batch-size=10",
        "--capture-flush-seconds=60",
        "--capture-max-payload-kb=0",
        "--capture-max-spool-mb=1024",
    ]


def test_given_fields_reach_proxy_and_uploader(endpoint: Endpoints) -> None:
    tier = {
        "initialSamplingPercentage": 0,
        "captureOptions": [{"captureMode": "Output"}],
        "bufferConfig": {"batchSize": 500, "flushIntervalSeconds": 300},
        "payloadConfig": {"maxPayloadSizeKB": 64},
        "kmsKeyId": KEY,
        "captureContentTypeHeader": {"jsonContentTypes": ["application/x-json"]},
    }
    made = containers(render(endpoint(**spec(**tier)), SETTINGS))
    assert {
        "--capture-sampling-percent=0",
        "--capture-options=Output",
        "--capture-batch-size=500",
        "--capture-flush-seconds=300",
        "--capture-max-payload-kb=64",
    } <= {*made["sidecar-reverse-proxy"]["args"]}
    uploader = made["s3-uploader"]
    assert uploader["args"][-2:] == [f"--kms-key-id={KEY}", "--json-type=application/x-json"]
    assert {"name": "AWS_REGION", "value": "us-west-2"} in uploader["env"]


def test_the_place_is_the_endpoints_own_and_stays_when_it_is_created_again(endpoint: Endpoints) -> None:
    def place(metadata: Body) -> str:
        arguments = containers(render(endpoint(metadata=metadata, **spec()), SETTINGS))["s3-uploader"]["args"]
        (found,) = [each for each in arguments if each.startswith("--destination=")]
        return str(found)

    assert place({}).startswith("--destination=s3://captures/here/")
    assert place({}).endswith("/pod")
    assert place({"uid": "uid-2"}) == place({})
    assert place({"namespace": "team-b"}) != place({})


def test_both_share_a_spool_that_is_bounded_below_the_volume(endpoint: Endpoints) -> None:
    rendered = render(endpoint(**spec()), SETTINGS)
    made = containers(rendered)
    mounts = [
        {(m["name"], m["mountPath"]) for m in made[name]["volumeMounts"]}
        for name in ("sidecar-reverse-proxy", "s3-uploader")
    ]
    assert mounts[0] & mounts[1] == {("hyperpod-capture", "/var/spool/hyperpod-inference")}
    (deployment,) = [each for each in rendered.manifests if each["kind"] == "Deployment"]
    volumes = {v["name"]: v for v in deployment["spec"]["template"]["spec"]["volumes"]}
    assert volumes["hyperpod-capture"]["emptyDir"] == {"sizeLimit": "1536Mi"}


def test_a_store_that_fails_takes_no_replica_out_of_traffic(endpoint: Endpoints) -> None:
    assert "readinessProbe" not in containers(render(endpoint(**spec()), SETTINGS))["s3-uploader"]


def test_resources_of_the_user_replace_the_whole_block(endpoint: Endpoints) -> None:
    own = {"limits": {"memory": "2Gi"}}
    made = containers(render(endpoint(s3UploaderResources=own, **spec()), SETTINGS))
    assert made["s3-uploader"]["resources"] == own


def test_the_condition_says_what_goes_where(endpoint: Endpoints) -> None:
    (arranged,) = [
        each
        for each in render(endpoint(**spec(initialSamplingPercentage=30)), SETTINGS).arrangements
        if each.part is Part.DATA_CAPTURE
    ]
    assert arranged.works
    assert arranged.message.startswith("30 % of the calls (Input,Output) go to s3://captures/here/")


@pytest.mark.parametrize(
    ("settings", "fields", "said"),
    [
        (OperatorSettings(), spec(), "HYPERPOD_CLUSTER_ARN"),
        (SETTINGS, {"dataCapture": {"modelPod": {"enabled": True}}}, "spec.dataCapture.s3Uri"),
        (SETTINGS, {"worker": {"modelInvocationPort": {"name": "grpc"}}, **spec()}, "gRPC"),
    ],
)
def test_without_a_place_nothing_is_added_and_the_endpoint_says_what_is_missing(
    endpoint: Endpoints, settings: OperatorSettings, fields: Body, said: str
) -> None:
    rendered = render(endpoint(**fields), settings)
    (message,) = told(rendered)
    assert message.startswith("No call is captured in the pods: ")
    assert said in message
    assert "s3-uploader" not in containers(rendered)
    assert not [each for each in rendered.arrangements if each.part is Part.DATA_CAPTURE]


def test_a_place_for_capture_needs_no_words(endpoint: Endpoints) -> None:
    assert told(render(endpoint(**spec()), SETTINGS)) == []
