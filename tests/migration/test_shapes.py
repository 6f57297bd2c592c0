"""The values of every published version of the chart, and what was installed around it, lead to a plan."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hyperpod_inference.cloud.roles import Role
from hyperpod_inference.migration.facts import Discovered, Workload
from hyperpod_inference.migration.planning import Options, plan
from hyperpod_inference.migration.steps import InstallAddon, MakeRole
from hyperpod_inference.migration.values import read

Found = Callable[..., Discovered]
Make = Callable[..., Any]
Body = dict[str, Any]
ROLE = "arn:aws:iam::111122223333:role/SageMakerHyperPodInference-old"
CLUSTER = "arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234"
COMMON: Body = {"executionRoleArn": ROLE, "hyperpodClusterArn": CLUSTER, "eksClusterName": "example"}
BUCKET = {"tlsCertificateS3Bucket": "s3://hyperpod-tls-example"}
CONTROLLERS: Body = {
    "s3": {"enabled": True, "serviceAccountRoleArn": ""},
    "fsx": {"enabled": True},
    "cert-manager": {"enabled": True},
}
ALB: Body = {"alb": {"enabled": True, "vpcId": "vpc-1", "serviceAccount": {"create": True, "roleArn": "alb"}}}
KEDA: Body = {
    "keda": {"enabled": True, "podIdentity": {"aws": {"irsa": {"enabled": True, "roleArn": "keda"}}}}
}
KNOWN = {name: Role(arn=name, name=name, trust={}) for name in (ROLE, "alb", "keda")}
SHAPES: dict[str, tuple[Body, tuple[str, str]]] = {
    "before 1.0, with the URI of the bucket and the controller's own block": (
        COMMON
        | {"defaultTlsCertificateOutputS3uri": "s3://hyperpod-tls-example/certificates", "restApiId": "x"}
        | {"aws-load-balancer-controller": {"clusterName": "example"}},
        ("", ""),
    ),
    "1.0, without KEDA and drivers": (
        COMMON | BUCKET | {"aws-load-balancer-controller": {"clusterName": "example"}},
        ("", ""),
    ),
    "1.0 with its dependencies": (COMMON | BUCKET | CONTROLLERS | ALB | KEDA, ("alb", "keda")),
    "2.0 to 2.3, with webhooks and gated models": (
        COMMON
        | BUCKET
        | CONTROLLERS
        | ALB
        | KEDA
        | {"enableWebhooks": True, "jumpstartGatedModelDownloadRoleArn": ""},
        ("alb", "keda"),
    ),
    "3.2, with custom service accounts": (
        COMMON | BUCKET | CONTROLLERS | ALB | KEDA | {"enableCustomServiceAccounts": True},
        ("alb", "keda"),
    ),
    "the role on the controller's service account, by annotation": (
        COMMON
        | BUCKET
        | {"alb": {"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "alb"}}}}
        | KEDA,
        ("alb", "keda"),
    ),
    "the add-on's own path for KEDA's role": (
        COMMON | BUCKET | ALB | {"keda": {"auth": {"aws": {"irsa": {"roleArn": "keda"}}}}},
        ("alb", "keda"),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_the_values_leads_to_a_plan(discovered: Found, release: Make, shape: str) -> None:
    given, roles = SHAPES[shape]
    made_by_helm = release(given, defaults={})
    found = read(made_by_helm)
    assert (found.tls_bucket, found.alb_role_arn, found.keda_role_arn) == ("hyperpod-tls-example", *roles)
    assert found.dropped == ()
    made = plan(discovered(releases=(made_by_helm,), roles=KNOWN), Options())
    assert made.problems == ()
    (addon,) = (s for s in made.steps if isinstance(s, InstallAddon) and s.name.endswith("-inference"))
    assert addon.configuration["alb"]["enabled"]
    assert addon.configuration["keda"]["enabled"]


def test_a_controller_without_a_known_role_gets_what_aws_publishes_for_it(
    discovered: Found, release: Make
) -> None:
    given, _ = SHAPES["1.0, without KEDA and drivers"]
    made = plan(discovered(releases=(release(given, defaults={}),), roles=KNOWN), Options())
    roles = {step.name: step for step in made.steps if isinstance(step, MakeRole)}
    keda = roles["SageMakerHP-KEDA-abcdefgh-addon"].inline["Published"]["Statement"]
    assert any("aps:QueryMetrics" in statement["Action"] for statement in keda)
    alb = str(roles["SageMakerHP-ALB-abcdefgh-addon"].inline["Published"]).replace(" ", "")
    assert "elasticloadbalancing:CreateLoadBalancer" in alb
    assert len(alb) < 10_240, "IAM's limit for the inline policies of a role"
    assert any("the release names no role for KEDA" in note for note in made.notes)


@pytest.mark.parametrize("theirs", ["keda-operator", "aws-load-balancer-controller"])
def test_a_controller_of_somebody_else_is_used_where_the_chart_brought_none(
    discovered: Found, release: Make, theirs: str
) -> None:
    given, _ = SHAPES["1.0, without KEDA and drivers"]
    only_the_operator = [each for each in release().sourced() if "/charts/" not in each[0]]
    found = release(given, defaults={}, objects=[("", body) for _, body in only_the_operator])
    other = Workload(namespace="platform", name=theirs, replicas=1, release="platform")
    made = plan(discovered(releases=(found,), workloads=(other,), roles=KNOWN), Options())
    (addon,) = (s for s in made.steps if isinstance(s, InstallAddon) and s.name.endswith("-inference"))
    key = "keda" if theirs == "keda-operator" else "alb"
    assert addon.configuration[key] == {"enabled": False}
    assert f"left alone: Deployment platform/{theirs}, which this release did not install" in made.notes


@pytest.mark.parametrize("version", ["v1.0.0-eksbuild.1", "v1.5.0-eksbuild.1", "v2.1.0-eksbuild.1"])
def test_every_major_version_of_the_add_on_can_be_moved_to(discovered: Found, version: str) -> None:
    account = replace(discovered().account, addon_versions=(version,))
    made = plan(discovered(account=account), Options(version=version))
    assert made.problems == ()
    (addon,) = (s for s in made.steps if isinstance(s, InstallAddon) and s.name.endswith("-inference"))
    assert (addon.name, addon.version) == ("amazon-sagemaker-hyperpod-inference", version)


def test_two_clusters_of_an_account_do_not_meet(discovered: Found, release: Make, values: Body) -> None:
    """Each gets roles of its own; a name that another cluster has taken is said before anything changes."""
    other = values | {"hyperpodClusterArn": CLUSTER.replace("abcdefgh1234", "zyxwvuts9876")}
    names = [
        {step.name for step in plan(discovered(releases=(release(given),)), Options()).steps
         if isinstance(step, MakeRole)}
        for given in (values, other)
    ]  # fmt: skip
    assert not names[0] & names[1]
    name = "SageMakerHP-KEDA-abcdefgh-addon"
    provider = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/OTHER"
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Federated": provider}}]}
    found = discovered(taken={name: Role(arn=name, name=name, trust=trust)})
    made = plan(found, Options())
    assert any(name in each and "another cluster" in each for each in made.problems)
    assert made.steps == ()
