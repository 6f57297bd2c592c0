"""From what was discovered to the plan: the order of the steps, what must be fixed first, what is told."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hyperpod_inference.cli.migration_text import text
from hyperpod_inference.cloud.addons import Addon
from hyperpod_inference.migration.facts import AwsObject, Discovered, Endpoint, Workload
from hyperpod_inference.migration.plan import Plan
from hyperpod_inference.migration.planning import Options, plan
from hyperpod_inference.migration.steps import InstallAddon, MakeRole

Found = Callable[..., Discovered]
Make = Callable[..., Any]
INFERENCE = "amazon-sagemaker-hyperpod-inference"
CERTIFICATE = "arn:aws:acm:us-west-2:111122223333:certificate/1"


def roles(made: Plan) -> dict[str, MakeRole]:
    return {step.name: step for step in made.steps if isinstance(step, MakeRole)}


def test_the_steps_come_in_the_order_in_which_no_two_operators_meet(discovered: Found) -> None:
    found = discovered(
        csi_drivers=frozenset({"fsx.csi.aws.com"}),
        aws_objects=(AwsObject(id=CERTIFICATE, of="InferenceEndpointConfig team/chat", tags={}),),
        endpoints=(Endpoint(kind="InferenceEndpointConfig", namespace="team", name="chat", ready=1),),
    )
    made = plan(found, Options())
    assert made.problems == ()
    assert [step.id for step in made.steps] == [
        f"tag/{CERTIFICATE}",
        "role/SageMakerHyperPodInference-abcdefgh-execution-role",
        "role/SageMakerHP-ALB-abcdefgh-addon",
        "role/SageMakerHP-KEDA-abcdefgh-addon",
        "addon/aws-mountpoint-s3-csi-driver",
        "scale-down/hyperpod-inference-system/hyperpod-inference-operator-controller-manager",
        "scale-down/kube-system/hyperpod-inference-operator-alb",
        "scale-down/kube-system/keda-operator",
        "addon/amazon-sagemaker-hyperpod-inference",
        "verify",
        "remove-objects/kube-system/hyperpod-inference-operator/operator",
        "remove-objects/kube-system/hyperpod-inference-operator/load-balancer-controller",
        "remove-objects/kube-system/hyperpod-inference-operator/KEDA",
        "drop-records/kube-system/hyperpod-inference-operator",
    ]


def test_the_configuration_carries_over_what_helm_was_told(
    discovered: Found, release: Make, values: dict[str, Any]
) -> None:
    tolerations = [{"key": "dedicated", "operator": "Exists"}]
    given = values | {"enableCustomServiceAccounts": True, "tolerations": tolerations}
    made = plan(discovered(releases=(release(given),)), Options())
    (addon,) = (step for step in made.steps if isinstance(step, InstallAddon))
    role = "arn:aws:iam::111122223333:role/"
    assert addon.configuration == {
        "executionRoleArn": f"{role}SageMakerHyperPodInference-abcdefgh-execution-role",
        "tlsCertificateS3Bucket": "hyperpod-tls-example",
        "hyperpodClusterArn": "arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234",
        "alb": {
            "enabled": True,
            "serviceAccount": {"create": True, "roleArn": f"{role}SageMakerHP-ALB-abcdefgh-addon"},
        },
        "keda": {
            "enabled": True,
            "auth": {"aws": {"irsa": {"enabled": True, "roleArn": f"{role}SageMakerHP-KEDA-abcdefgh-addon"}}},
        },
        "enableCustomServiceAccounts": True,
        "tolerations": tolerations,
    }


def test_a_controller_that_helm_left_out_stays_out(discovered: Found, release: Make, values: Any) -> None:
    made = plan(discovered(releases=(release(values | {"keda": {"enabled": False}}),)), Options())
    (addon,) = (step for step in made.steps if isinstance(step, InstallAddon))
    assert addon.configuration["keda"] == {"enabled": False}
    assert "role/SageMakerHP-KEDA-abcdefgh-addon" not in [step.id for step in made.steps]


def test_inline_policies_come_along_and_only_the_new_service_account_is_trusted(discovered: Found) -> None:
    keda = roles(plan(discovered(), Options()))["SageMakerHP-KEDA-abcdefgh-addon"]
    assert list(keda.inline) == ["metrics"]
    (statement,) = keda.trust["Statement"]
    assert statement["Condition"]["StringEquals"] == {
        "oidc.eks.us-west-2.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE:aud": "sts.amazonaws.com",
        "oidc.eks.us-west-2.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE:sub": (
            "system:serviceaccount:hyperpod-inference-system:keda-operator"
        ),
    }


def test_a_bucket_that_the_managed_policy_does_not_cover_gets_a_policy_of_its_own(discovered: Found) -> None:
    found = discovered(buckets=frozenset({"hyperpod-tls-example", "team-certificates"}))
    role = roles(plan(found, Options()))["SageMakerHyperPodInference-abcdefgh-execution-role"]
    (statement,) = role.inline["TLSBucketsAccess"]["Statement"]
    assert statement["Resource"] == ["arn:aws:s3:::team-certificates/*"]


def test_what_is_tagged_already_is_not_tagged_again(discovered: Found) -> None:
    tagged = AwsObject(id=CERTIFICATE, of="x", tags={"CreatedBy": "HyperPodInference"})
    made = plan(discovered(aws_objects=(tagged,)), Options())
    assert not any(step.kind == "tag" for step in made.steps)


def test_somebody_elses_keda_is_left_alone_and_named(discovered: Found) -> None:
    theirs = Workload(namespace="keda", name="keda-operator", replicas=1, release="keda")
    made = plan(discovered(workloads=(theirs,)), Options())
    assert not any(step.kind == "scale-down" for step in made.steps)
    assert "left alone: Deployment keda/keda-operator, which this release did not install" in made.notes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found, _: replace(found, releases=()), "No Helm release of the inference operator"),
        (lambda found, make: replace(found, releases=(make(), make(name="second"))), "--helm-namespace"),
        (
            lambda found, make: replace(found, releases=(make(status="failed"),)),
            "is 'failed', not",
        ),
        (lambda found, make: replace(found, releases=(make(status="pending-upgrade"),)), "helm rollback"),
        (lambda found, _: replace(found, releases=(), unreadable=("Secret a/b",)), "Secret a/b"),
        (lambda found, _: replace(found, denied=("no list", "no patch")), "no patch"),
        (lambda found, _: replace(found, account=replace(found.account, known=False)), "OIDC provider"),
        (
            lambda found, _: replace(
                found,
                addons={
                    "amazon-sagemaker-hyperpod-inference": Addon(
                        name="amazon-sagemaker-hyperpod-inference",
                        version="v1.5.0-eksbuild.1",
                        status="ACTIVE",
                    )
                },
            ),
            "exists already and is ACTIVE",
        ),
        (
            lambda found, _: replace(found, roles={}),
            "-old of the release does not exist",
        ),
    ],
)
def test_what_must_be_fixed_first_is_said_and_nothing_is_planned(
    discovered: Found, release: Make, change: Callable[[Discovered, Make], Discovered], words: str
) -> None:
    made = plan(change(discovered(), release), Options())
    assert any(words in problem for problem in made.problems)
    assert made.steps == ()


def test_a_kubeconfig_of_another_cluster_is_noticed(discovered: Found) -> None:
    account = replace(discovered().account, cluster="other")
    made = plan(discovered(account=account), Options())
    assert any("got other, the release was installed for example" in each for each in made.problems)
    assert made.steps == ()


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("executionRoleArn", "The release has no executionRoleArn"),
        ("tlsCertificateS3Bucket", "The release has no tlsCertificateS3Bucket"),
        ("hyperpodClusterArn", "The release has no hyperpodClusterArn"),
    ],
)
def test_values_that_are_not_set_are_named_with_the_way_to_set_them(
    discovered: Found, release: Make, values: dict[str, Any], missing: str, words: str
) -> None:
    del values[missing]
    made = plan(discovered(releases=(release(values),)), Options())
    assert any(words in problem and "--set" in problem for problem in made.problems)


def test_a_version_that_eks_does_not_offer_is_refused_with_those_it_does(discovered: Found) -> None:
    made = plan(discovered(), Options(version="v9.0.0-eksbuild.1"))
    assert made.problems == (
        "--addon-version: got v9.0.0-eksbuild.1, EKS offers for Kubernetes 1.33: "
        "v1.5.0-eksbuild.1, v1.4.0-eksbuild.1.",
    )


def test_a_plan_survives_being_written_and_read(discovered: Found) -> None:
    made = plan(discovered(), Options())
    assert Plan.model_validate_json(made.model_dump_json()) == made


def test_a_plan_tells_people_and_programs_what_is_changed_and_how_it_is_undone(discovered: Found) -> None:
    made = plan(discovered(), Options())
    shown = " ".join(text(made, 1000).split())
    for step in made.steps:
        assert " ".join(step.changes.split()) in shown
        assert step.undone_by in shown
    assert [each["id"] for each in made.as_json()["steps"]] == [step.id for step in made.steps]  # type: ignore[attr-defined]
    assert all(len(line) <= 100 for line in text(made, 100).splitlines() if line[:5].strip().isdigit())


def test_a_placement_of_the_wrong_kind_is_named(
    discovered: Found, release: Make, values: dict[str, Any]
) -> None:
    made = plan(
        discovered(releases=(release(values | {"tolerations": "all", "nodeSelector": ["a"]}),)), Options()
    )
    assert [each for each in made.problems if "tolerations: got 'all', expected a list" in each]
    assert [each for each in made.problems if "nodeSelector: got ['a'], expected a mapping" in each]
    assert made.steps == ()


def test_policies_of_the_old_execution_role_that_stay_behind_are_named(discovered: Found) -> None:
    found = discovered()
    roles = {
        arn: replace(role, inline={"dns": {}}) if role.name.endswith("-old") else role
        for arn, role in found.roles.items()
    }
    notes = plan(replace(found, roles=roles), Options()).notes
    assert any("SageMakerHyperPodInference-old, these policies stay behind: dns" in note for note in notes)
