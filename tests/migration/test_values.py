"""The settings of a release, whatever the chart's version calls them."""

from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.migration.values import is_inference, read

Make = Callable[..., Any]
Body = dict[str, Any]


def test_the_public_chart(release: Make) -> None:
    found = read(release())
    assert found.execution_role_arn.endswith("/SageMakerHyperPodInference-old")
    assert found.tls_bucket == "hyperpod-tls-example"
    assert (found.alb_role_arn[-3:], found.keda_role_arn[-4:], found.s3_role_arn[-2:]) == (
        "alb",
        "keda",
        "s3",
    )
    assert (found.alb_enabled, found.keda_enabled, found.custom_service_accounts) == (True, True, False)
    assert found.dropped == ()


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"keda": {"auth": {"aws": {"irsa": {"roleArn": "r"}}}, "podIdentity": None}}, "keda_role_arn", "r"),
        ({"s3": {"serviceAccount": {"roleArn": "r"}}}, "s3_role_arn", "r"),
        ({"fsx": {"serviceAccount": {"roleArn": "r"}}}, "fsx_role_arn", "r"),
        ({"fsx": {"serviceAccountRoleArn": "r"}}, "fsx_role_arn", "r"),
        ({"tlsCertificateS3Bucket": "bare"}, "tls_bucket", "bare"),
        ({"jumpstartGatedModelDownloadRoleArn": "r"}, "gated_model_role_arn", "r"),
        ({"alb": {"enabled": False}}, "alb_enabled", False),
        ({"keda": {"enabled": False}}, "keda_enabled", False),
        ({"enableCustomServiceAccounts": True}, "custom_service_accounts", True),
        ({"tolerations": [{"operator": "Exists"}]}, "placement", {"tolerations": [{"operator": "Exists"}]}),
    ],
)
def test_other_shapes_of_the_values(
    release: Make, values: Body, change: Body, field: str, value: object
) -> None:
    assert getattr(read(release(values | change)), field) == value


def test_under_the_parent_chart_the_settings_are_in_its_block(release: Make, values: Body) -> None:
    nested = {"inferenceOperators": values | {"enabled": True}, "trainingOperators": {"enabled": True}}
    found = release(nested, chart="HyperPodHelmChart", defaults={})
    assert is_inference(found)
    assert read(found).tls_bucket == "hyperpod-tls-example"
    assert read(found).dropped == ()


@pytest.mark.parametrize(
    ("chart", "given", "is_ours"),
    [
        ("hyperpod-inference-operator", {}, True),
        ("inference-operator", {}, True),
        ("HyperPodHelmChart", {"inferenceOperators": {"enabled": False}}, False),
        ("HyperPodHelmChart", {}, False),
        ("keda", {}, False),
    ],
)
def test_a_release_is_known_by_its_chart(release: Make, chart: str, given: Body, is_ours: bool) -> None:
    assert is_inference(release(given, chart=chart, defaults={})) is is_ours


def test_what_the_add_on_has_no_place_for_is_named(release: Make, values: Body) -> None:
    changed = values | {"image": {"tag": "v3.9"}, "resources": {"limits": {"cpu": "1"}}}
    assert read(release(changed)).dropped == ("image.tag=v3.9", "resources.limits.cpu=1")
