"""The plan of an upgrade: when there is one, what it does, and what must be put right first."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hyperpod_inference.cloud.addons import Addon
from hyperpod_inference.cloud.roles import Role
from hyperpod_inference.migration.facts import Discovered, Endpoint
from hyperpod_inference.migration.plan import Plan
from hyperpod_inference.migration.steps import UpdateAddon, Verify
from hyperpod_inference.migration.upgrading import upgrade

INFERENCE = "amazon-sagemaker-hyperpod-inference"
ROLE = "arn:aws:iam::111122223333:role/SageMakerHyperPodInference-example"
CLUSTER = "arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234"
CONFIGURATION = {
    "executionRoleArn": ROLE,
    "tlsCertificateS3Bucket": "hyperpod-tls-example",
    "hyperpodClusterArn": CLUSTER,
    "keda": {"enabled": False},
}
MANAGED = "arn:aws:iam::aws:policy/AmazonSageMakerHyperPodInferenceAccess"
Installed = Callable[..., Discovered]


@pytest.fixture
def installed(discovered: Callable[..., Discovered]) -> Installed:
    """installed(version, **of the add-on): a cluster with the add-on, and an endpoint that serves."""

    def of(version: str = "v1.4.0-eksbuild.1", **changes: Any) -> Discovered:
        addon: dict[str, Any] = {"status": "ACTIVE", "configuration": CONFIGURATION} | changes
        offered = ("v2.1.0-eksbuild.1", "v1.5.0-eksbuild.1", "v1.4.0-eksbuild.1", "v1.0.1-eksbuild.1")
        found = discovered(releases=(), workloads=())
        role = Role(arn=ROLE, name="SageMakerHyperPodInference-example", trust={}, attached=(MANAGED,))
        return replace(
            found,
            account=replace(found.account, addon_versions=offered),
            addons={INFERENCE: Addon(name=INFERENCE, version=version, **addon)},
            roles={ROLE: role},
            endpoints=(Endpoint(kind="InferenceEndpointConfig", namespace="team", name="chat", ready=1),),
        )

    return of


def to(found: Discovered, version: str = "v1.5.0-eksbuild.1", **more: str) -> Plan:
    return upgrade(found, version, seconds=60, **more)


def test_the_whole_configuration_goes_along_since_eks_replaces_it(installed: Installed) -> None:
    made = to(installed())
    assert made.problems == ()
    update, verify = made.steps
    assert isinstance(update, UpdateAddon)
    assert (update.version, update.configuration) == ("v1.5.0-eksbuild.1", CONFIGURATION)
    assert isinstance(verify, Verify)
    assert verify.ready == ("InferenceEndpointConfig team/chat",)
    assert made.notes == ("v1.5.0-eksbuild.1 (operator v3.4) brings: resources of the sidecars",)
    assert Plan.model_validate_json(made.model_dump_json()) == made


def test_the_version_that_runs_already_is_no_problem_and_no_step(installed: Installed) -> None:
    made = to(installed("v1.5.0-eksbuild.1"))
    assert (made.problems, made.steps) == ((), ())
    assert made.notes == ("the add-on is v1.5.0-eksbuild.1 already: nothing to do",)


def test_a_missing_cluster_arn_can_be_given(installed: Installed) -> None:
    bare = {key: value for key, value in CONFIGURATION.items() if key != "hyperpodClusterArn"}
    found = installed("v1.0.1-eksbuild.1", configuration=bare)
    assert any("--hyperpod-cluster-arn" in each for each in to(found).problems)
    made = to(found, cluster_arn=CLUSTER)
    assert made.problems == ()
    (update,) = (step for step in made.steps if isinstance(step, UpdateAddon))
    assert update.configuration == CONFIGURATION


def test_the_second_major_version_has_a_gateway_that_is_told_and_checked(installed: Installed) -> None:
    made = to(installed(), "v2.1.0-eksbuild.1")
    assert any("does not say whether the inference gateway is on" in note for note in made.notes)
    configured = installed(configuration=CONFIGURATION | {"inferenceGateway": {"enabled": True}})
    (verify,) = (s for s in to(configured, "v2.1.0-eksbuild.1").steps if isinstance(s, Verify))
    assert "inference-gateway-controller" in verify.deployments


def test_what_does_not_serve_now_is_told_and_not_held_against_the_upgrade(installed: Installed) -> None:
    found = installed()
    made = to(replace(found, endpoints=tuple(replace(each, ready=0) for each in found.endpoints)))
    assert any("serves nothing now" in note for note in made.notes)
    (verify,) = (step for step in made.steps if isinstance(step, Verify))
    assert (verify.ready, verify.all) == ((), ("InferenceEndpointConfig team/chat",))


@pytest.mark.parametrize(
    ("change", "version", "words"),
    [
        (lambda found: replace(found, addons={}), "v1.5.0-eksbuild.1", "has no add-on"),
        (lambda found: found, "newest", "--to"),
        (lambda found: found, "v1.4.9-eksbuild.1", "one of v1.0.0-eksbuild.1"),
        (lambda found: found, "v1.0.1-eksbuild.1", "the cluster runs v1.4.0-eksbuild.1"),
        (lambda found: found, "v9.0.0-eksbuild.1", "EKS offers for Kubernetes 1.33"),
        (
            lambda found: replace(found, account=replace(found.account, kubernetes="1.27")),
            "v1.5.0-eksbuild.1",
            "on Kubernetes 1.27",
        ),
        (
            lambda found: replace(
                found,
                addons={
                    INFERENCE: replace(
                        found.addons[INFERENCE],
                        status="DEGRADED",
                        issues=("TooFewReplicas: 0",),
                    )
                },
            ),
            "v1.5.0-eksbuild.1",
            "is DEGRADED (TooFewReplicas: 0)",
        ),
        (
            lambda found: replace(
                found,
                addons=found.addons
                | {"cert-manager": Addon(name="cert-manager", version="v1.15.0-eksbuild.1", status="ACTIVE")},
            ),
            "v1.5.0-eksbuild.1",
            "v1.18.2-eksbuild.2 or later",
        ),
        (lambda found: replace(found, crds=frozenset()), "v1.5.0-eksbuild.1", "cert-manager is missing"),
        (lambda found: replace(found, roles={}), "v1.5.0-eksbuild.1", "does not exist"),
        (lambda found: replace(found, denied=("no list",)), "v1.5.0-eksbuild.1", "no list"),
    ],
)
def test_what_must_be_put_right_first_is_said_and_nothing_is_planned(
    installed: Installed, change: Callable[[Discovered], Discovered], version: str, words: str
) -> None:
    made = to(change(installed()), version)
    assert any(words in problem for problem in made.problems), made.problems
    assert made.steps == ()
