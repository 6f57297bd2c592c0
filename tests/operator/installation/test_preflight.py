"""The pre-flight check: facts of an account in, findings with the next step out."""

from dataclasses import replace
from typing import Any

import pytest

from hyperpod_inference.installation.addons import DEPENDENCY_ADDONS
from hyperpod_inference.installation.compatibility import DEFAULT_INFERENCE_VERSION, DEPENDENCIES, INFERENCE
from hyperpod_inference.installation.preflight import Addon, Facts, Role, Unread, Verdict, judge, ready
from hyperpod_inference.installation.roles import ADDON_ROLES, EXECUTION, KEDA_OPERATOR, RoleSpec
from hyperpod_inference.installation.settings import StackSettings

ISSUER = "oidc.eks.us-west-2.amazonaws.com/id/EXAMPLE"
ARN = "arn:aws:eks:us-west-2:111122223333:cluster/mine"
SETTINGS = StackSettings(
    eks_cluster_name="mine",
    oidc_issuer_url=f"https://{ISSUER}",
    hyperpod_cluster_arn="arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234",
    tls_bucket_name="hyperpod-tls-mine",
)
CLUSTER: dict[str, Any] = {
    "arn": ARN,
    "status": "ACTIVE",
    "version": "1.33",
    "accessConfig": {"authenticationMode": "API"},
    "identity": {"oidc": {"issuer": f"https://{ISSUER}"}},
}


def _role(spec: RoleSpec, subject: str | None = None, operator: str | None = None) -> Role:
    condition = {operator or spec.account.operator: {f"{ISSUER}:sub": subject or spec.account.subject}}
    pods = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }
    services = [{"Effect": "Allow", "Principal": {"Service": name}} for name in spec.services]
    return Role({"Statement": [pods, *services]}, (spec.aws_policy,) if spec.aws_policy else ())


READY = Facts(
    region="us-west-2",
    cluster=CLUSTER,
    hyperpod={"ClusterStatus": "InService", "Orchestrator": {"Eks": {"ClusterArn": ARN}}},
    oidc_providers={ISSUER: ["sts.amazonaws.com"]},
    roles={spec.key: _role(spec) for spec in ADDON_ROLES},
    bucket_region="us-west-2",
    addons={name: Addon(DEPENDENCIES[name], "ACTIVE") for name in DEPENDENCY_ADDONS},
    versions=[DEFAULT_INFERENCE_VERSION],
    s3_route_tables=["rtb-1"],
    subnet_route_tables={"subnet-a": "rtb-1", "subnet-b": "rtb-1"},
    tagged_subnets=["subnet-a"],
)


def test_an_account_with_everything_is_ready() -> None:
    findings = judge(SETTINGS, READY)
    assert ready(findings)
    assert len(findings) > 20
    assert not any(finding.fix for finding in findings)


@pytest.mark.parametrize(
    ("changes", "check", "verdict", "fix"),
    [
        ({"region": "us-west-3"}, "region", "wrong", "us-west-2"),
        ({"cluster": None}, "EKS cluster mine", "missing", "Create it"),
        (
            {"cluster": CLUSTER | {"status": "CREATING"}},
            "EKS cluster mine",
            "wrong",
            "Wait until it is ACTIVE",
        ),
        ({"cluster": CLUSTER | {"version": "1.27"}}, "Kubernetes version", "wrong", "HyperPod supports 1.28"),
        (
            {"cluster": CLUSTER | {"accessConfig": {"authenticationMode": "CONFIG_MAP"}}},
            "authentication mode",
            "wrong",
            "update-cluster-config --name mine",
        ),
        ({"hyperpod": None}, f"HyperPod cluster {SETTINGS.hyperpod_cluster_arn}", "missing", "list-clusters"),
        (
            {"hyperpod": {"ClusterStatus": "InService", "Orchestrator": {"Eks": {"ClusterArn": ARN + "2"}}}},
            "orchestrator",
            "wrong",
            "orchestrates the HyperPod cluster",
        ),
        ({"oidc_providers": {}}, "OIDC provider", "missing", "associate-iam-oidc-provider --cluster mine"),
        ({"oidc_providers": {ISSUER: ["other"]}}, "OIDC provider", "wrong", "client id sts.amazonaws.com"),
        ({"roles": {"execution": None}}, "role execution", "missing", "HyperPod inference operator"),
        (
            {
                "roles": {
                    "keda_operator": _role(KEDA_OPERATOR, "system:serviceaccount:kube-system:keda-operator")
                }
            },
            "role keda_operator: trust",
            "wrong",
            "Let system:serviceaccount:hyperpod-inference-system:keda-operator take it",
        ),
        (
            {"roles": {"execution": replace(_role(EXECUTION), policies=())}},
            "role execution: policy",
            "wrong",
            "attach-role-policy --policy-arn arn:aws:iam::aws:policy/AmazonSageMakerHyperPodInferenceAccess",
        ),
        (
            {"roles": {"execution": Role({"Statement": _role(EXECUTION).trust["Statement"][0]}, ())}},
            "role execution: service",
            "wrong",
            "Let the service sagemaker.amazonaws.com take it as well",
        ),
        (
            {"bucket_region": None},
            "TLS bucket hyperpod-tls-mine",
            "missing",
            "aws s3 mb s3://hyperpod-tls-mine",
        ),
        ({"bucket_region": "us-east-1"}, "TLS bucket hyperpod-tls-mine", "wrong", "in us-west-2"),
        ({"s3_route_tables": []}, "S3 gateway endpoint", "missing", "create-vpc-endpoint"),
        (
            {"subnet_route_tables": {"subnet-a": "rtb-1", "subnet-b": "rtb-2"}},
            "S3 gateway endpoint",
            "wrong",
            "create-vpc-endpoint",
        ),
        ({"tagged_subnets": []}, "subnet tags", "wrong", "kubernetes.io/role/internal-elb=1"),
        (
            {"addons": {}},
            "add-on cert-manager",
            "missing",
            "--addon-name cert-manager --addon-version v1.18.2",
        ),
        (
            {"addons": READY.addons | {"cert-manager": Addon("v1.10.0-eksbuild.1", "ACTIVE")}},
            "add-on cert-manager",
            "wrong",
            "Update it to v1.18.2-eksbuild.2",
        ),
        (
            {"addons": READY.addons | {"cert-manager": Addon("v1.18.2-eksbuild.2", "DEGRADED")}},
            "add-on cert-manager: status",
            "wrong",
            "describe-addon",
        ),
        (
            {"addons": READY.addons | {INFERENCE: Addon(DEFAULT_INFERENCE_VERSION, "ACTIVE")}},
            "inference add-on",
            "wrong",
            "installed already",
        ),
        (
            {"versions": ["v1.0.0-eksbuild.1"]},
            "version of the inference add-on",
            "wrong",
            "v1.0.0-eksbuild.1",
        ),
        ({"oidc_providers": Unread("AccessDenied")}, "OIDC provider", "unknown", "permission"),
        ({"addons": Unread("AccessDenied")}, "add-ons", "unknown", "permission"),
        ({"s3_route_tables": Unread("AccessDenied")}, "S3 gateway endpoint", "unknown", "permission"),
    ],
)
def test_what_stands_in_the_way_is_named_with_the_next_step(
    changes: dict[str, Any], check: str, verdict: str, fix: str
) -> None:
    findings = judge(SETTINGS, replace(READY, **changes))
    bad = {finding.check: finding for finding in findings if finding.verdict is not Verdict.OK}
    assert check in bad
    assert bad[check].verdict == verdict
    assert fix in bad[check].fix
    assert not ready(findings)


@pytest.mark.parametrize(
    ("subject", "operator", "taken"),
    [
        (KEDA_OPERATOR.account.subject, "StringEquals", True),
        ("system:serviceaccount:*:*", "StringLike", True),
        ("system:serviceaccount:hyperpod-inference-system:keda-*", "StringLike", True),
        ("system:serviceaccount:*:*", "StringEquals", False),
        ("system:serviceaccount:kube-system:*", "StringLike", False),
    ],
)
def test_a_trust_policy_is_read_as_iam_reads_it(subject: str, operator: str, taken: bool) -> None:
    facts = replace(READY, roles={"keda_operator": _role(KEDA_OPERATOR, subject, operator)})
    (finding,) = [each for each in judge(SETTINGS, facts) if each.check == "role keda_operator: trust"]
    assert (finding.verdict is Verdict.OK) == taken
