"""This project's own operator as a start: how it is known, what is carried over, what goes and what stays."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hyperpod_charts import helm
from hyperpod_charts.synth import manifests
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.migration.facts import Discovered, Workload
from hyperpod_inference.migration.parts import OWN_CHART
from hyperpod_inference.migration.planning import Options, plan
from hyperpod_inference.migration.selfhosted import as_release, is_ours
from hyperpod_inference.migration.steps import RemoveObjects
from hyperpod_inference.migration.values import OWN_PATHS, at, read

ROLE = "arn:aws:iam::111122223333:role/service-role/SageMakerHyperPodInference-old"
SETTINGS = OperatorSettings(
    region="us-west-2",
    eks_cluster_name="example",
    hyperpod_cluster_arn="arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234",
    execution_role_arn=ROLE,
    tls_certificate_output_s3_uri="s3://hyperpod-tls-example/certificates",
    enable_custom_service_accounts=True,
)


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    """What our charts install."""
    return manifests(SETTINGS, example=False, scheduler_image="registry.k8s.io/kube-scheduler:v1.34.0")


def operator(objects: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = (each for each in objects if each["kind"] == "Deployment" and is_ours(each))
    return found


def test_settings_are_read_from_the_environment_of_the_deployment(objects: list[dict[str, Any]]) -> None:
    found = read(as_release(operator(objects), objects))
    assert (found.execution_role_arn, found.tls_bucket) == (ROLE, "hyperpod-tls-example")
    assert (found.hyperpod_cluster_arn, found.custom_service_accounts) == (
        SETTINGS.hyperpod_cluster_arn,
        True,
    )
    assert (found.alb_enabled, found.keda_enabled, found.dropped) == (None, None, ())


def test_an_environment_that_cannot_be_read_is_named(objects: list[dict[str, Any]]) -> None:
    import copy

    broken = copy.deepcopy(operator(objects))
    broken["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "AWS_REGION", "value": "mars"}]
    with pytest.raises(ValueError, match="AWS_REGION: got 'mars'"):
        as_release(broken, objects)


def test_our_helm_chart_has_its_settings_where_they_are_looked_for() -> None:
    for paths in OWN_PATHS.values():
        for path in paths:
            assert at(helm.values(), path) is not None
    assert helm.NAME == OWN_CHART


def test_what_routers_and_the_scheduler_need_stays(
    objects: list[dict[str, Any]], discovered: Callable[..., Discovered]
) -> None:
    labelled = [each for each in objects if (each["metadata"].get("labels") or {}).get(
        "app.kubernetes.io/component") == "controller-manager"]  # fmt: skip
    release = as_release(operator(objects), labelled)
    there = Workload(
        namespace="hyperpod-inference-system", name="hyperpod-inference-controller-manager", replicas=1
    )
    made = plan(discovered(releases=(release,), workloads=(there,)), Options())
    assert made.problems == ()
    (removal,) = (step for step in made.steps if isinstance(step, RemoveObjects))
    gone = {(each["kind"], each["name"]) for each in removal.objects}
    assert ("Deployment", "hyperpod-inference-controller-manager") in gone
    assert ("ValidatingWebhookConfiguration", "hyperpod-inference-validating-webhook") in gone
    for kept in ("pod-reader", "hyperpod-inference-router", "hyperpod-inference-scheduler"):
        assert not any(name == kept for _, name in gone)
    ids = [step.kind for step in made.steps]
    order = ["scale-down", "remove-objects", "finalizers", "addon", "verify"]
    assert [kind for kind in ids if kind in order] == order
    assert "drop-records" not in ids


def test_a_setting_that_is_missing_is_named_with_the_way_to_set_it(
    objects: list[dict[str, Any]], discovered: Callable[..., Discovered]
) -> None:
    bare = as_release(operator(objects), [])
    bare = replace(bare, values={"settings": {"tlsCertificateOutputS3Uri": "s3://hyperpod-tls-example"}})
    made = plan(discovered(releases=(bare,)), Options())
    assert any("no executionRoleArn" in each and "manifests --help" in each for each in made.problems)
    assert not any("helm upgrade" in each for each in made.problems)
    assert made.steps == ()
