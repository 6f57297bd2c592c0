"""The one value behind every way to install the add-on."""

import json
from itertools import pairwise
from typing import Any

import pytest

from hyperpod_constructs import (
    AddonConfiguration,
    AlbSettings,
    GatewaySettings,
    KedaSettings,
    PropertyError,
)
from hyperpod_inference.installation.compatibility import DEFAULT_INFERENCE_VERSION, RELEASES, at_least

ROLE = "arn:aws:iam::111122223333:role"
CLUSTER = "arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234"


def _configuration(**changes: Any) -> AddonConfiguration:
    values: dict[str, Any] = {
        "execution_role_arn": f"{ROLE}/SageMakerHyperPodInference-mine",
        "tls_bucket": "hyperpod-tls-mine",
        "hyperpod_cluster_arn": CLUSTER,
        "alb": AlbSettings(role_arn=f"{ROLE}/alb"),
        "keda": KedaSettings(role_arn=f"{ROLE}/keda"),
    }
    return AddonConfiguration(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "key", "expected"),
    [
        ({}, "tlsCertificateS3Bucket", "hyperpod-tls-mine"),
        ({}, "hyperpodClusterArn", CLUSTER),
        ({}, "jumpstartGatedModelDownloadRoleArn", None),
        ({"alb": AlbSettings(enabled=False)}, "alb", {"enabled": False}),
        ({"keda": KedaSettings(enabled=False)}, "keda", {"enabled": False}),
        ({"enable_custom_service_accounts": True}, "enableCustomServiceAccounts", True),
        ({}, "enableCustomServiceAccounts", None),
        ({"inference_gateway": GatewaySettings(enabled=False)}, "inferenceGateway", {"enabled": False}),
        (
            {"inference_gateway": GatewaySettings(role_arn="r")},
            "inferenceGateway",
            {"enabled": True, "serviceAccount": {"roleArn": "r"}},
        ),
        ({"node_selector": {"a": "b"}}, "nodeSelector", {"a": "b"}),
        ({"tolerations": [{"operator": "Exists"}]}, "tolerations", [{"operator": "Exists"}]),
    ],
)
def test_a_field_becomes_the_addons_own_key(changes: dict[str, Any], key: str, expected: Any) -> None:
    assert _configuration(**changes).to_dict().get(key) == expected


def test_the_create_addon_call_carries_the_same_document() -> None:
    configuration = _configuration()
    call = configuration.to_create_addon("mine", DEFAULT_INFERENCE_VERSION)
    assert json.loads(call["configurationValues"]) == configuration.to_dict()
    assert call["addonName"] == "amazon-sagemaker-hyperpod-inference"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"execution_role_arn": f"{ROLE}/mine"}, "execution_role_arn: .*begins with SageMakerHyperPod"),
        ({"tls_bucket": "s3://mine"}, "tls_bucket: got 's3://mine', expected a bare bucket name"),
        ({"alb": AlbSettings()}, "alb.role_arn: got None.*alb.enabled=False"),
        ({"keda": KedaSettings()}, "keda.role_arn: got None.*keda.enabled=False"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PropertyError, match=message):
        _configuration(**changes)


@pytest.mark.parametrize(
    ("version", "changes", "message"),
    [
        ("v1.0.0-eksbuild.1", {"enable_custom_service_accounts": True}, "nothing before v1.2.0"),
        ("v1.5.0-eksbuild.1", {"inference_gateway": GatewaySettings()}, "nothing before v2.0.0"),
        ("v1.2.0-eksbuild.1", {"hyperpod_cluster_arn": None}, "the ARN of the HyperPod cluster"),
    ],
)
def test_a_version_refuses_what_it_does_not_know(version: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PropertyError, match=message):
        _configuration(**changes).check(version)


@pytest.mark.parametrize(
    ("version", "changes"),
    [
        ("v1.0.0-eksbuild.1", {"hyperpod_cluster_arn": None}),
        ("v2.0.0-eksbuild.2", {"inference_gateway": GatewaySettings()}),
        (DEFAULT_INFERENCE_VERSION, {"enable_custom_service_accounts": True}),
    ],
)
def test_a_version_takes_what_it_knows(version: str, changes: dict[str, Any]) -> None:
    _configuration(**changes).check(version)


@pytest.mark.parametrize(
    ("version", "floor", "expected"),
    [
        ("v1.18.2-eksbuild.2", "v1.18.2-eksbuild.2", True),
        ("v1.18.2-eksbuild.10", "v1.18.2-eksbuild.2", True),
        ("v1.9.0-eksbuild.1", "v1.18.2-eksbuild.2", False),
        ("v2.0.0-eksbuild.1", "v2.0.0", True),
    ],
)
def test_versions_compare_by_number(version: str, floor: str, expected: bool) -> None:
    assert at_least(version, floor) is expected


def test_releases_are_in_order_and_hold_the_default() -> None:
    versions = [release.version for release in RELEASES]
    assert all(at_least(later, earlier) for earlier, later in pairwise(versions))
    assert DEFAULT_INFERENCE_VERSION in versions
