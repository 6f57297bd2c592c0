"""Bad input: each wrong value is refused by name, with what came and what is allowed. One table, no CDK."""

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest

from hyperpod_inference.installation.addon_configuration import AddonConfiguration, AlbSettings, KedaSettings
from hyperpod_inference.installation.errors import PropertyError
from hyperpod_inference.installation.instance_groups import InstanceGroup, LifecycleScript, Taint
from hyperpod_inference.installation.quotas import ComputeQuota, QuotaResource
from hyperpod_inference.installation.settings import StackSettings
from hyperpod_inference.installation.values import (
    check_apart,
    check_cidr,
    check_instance_type,
    instance_types,
)

ROLE = "arn:aws:iam::111122223333:role"
RESOURCE = QuotaResource(instance_type="ml.g5.8xlarge", count=1)


def _group(**values: Any) -> InstanceGroup:
    return InstanceGroup(**({"name": "gpu", "instance_type": "ml.g5.8xlarge"} | values))


def _configuration(**values: Any) -> AddonConfiguration:
    given: dict[str, Any] = {
        "execution_role_arn": f"{ROLE}/SageMakerHyperPodInference-mine",
        "tls_bucket": "hyperpod-tls-mine",
        "alb": AlbSettings(role_arn=f"{ROLE}/alb"),
        "keda": KedaSettings(role_arn=f"{ROLE}/keda"),
    }
    return AddonConfiguration(**(given | values))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        # ARNs
        (
            lambda: StackSettings(execution_role_arn="mine"),
            "execution_role_arn: got 'mine', expected a role such as",
        ),
        (
            lambda: StackSettings(alb_controller_role_arn=f"{ROLE[:-5]}:user/me"),
            "alb_controller_role_arn: got .* expected a role such as",
        ),
        (lambda: StackSettings(hyperpod_cluster_arn=ROLE), "hyperpod_cluster_arn: got .*cluster/ID"),
        (
            lambda: StackSettings(admins=(f"{ROLE}/ok", "Admin")),
            r"admins\[1\]: got 'Admin', expected the ARN of an",
        ),
        (lambda: _configuration(execution_role_arn=f"{ROLE}/mine"), "begins with SageMakerHyperPodInference"),
        (lambda: _configuration(alb=AlbSettings(role_arn="alb")), "alb.role_arn: got 'alb', expected a role"),
        (
            lambda: _configuration(keda=KedaSettings()),
            "keda.role_arn: got None, expected a role while it is enabled",
        ),
        (
            lambda: _group(training_plan_arn="plan"),
            "training_plan_arn: got 'plan', expected arn:aws:sagemaker",
        ),
        (lambda: _group(volume_key_arn="key"), "volume_key_arn: got 'key', expected arn:aws:kms"),
        # ids and names
        (
            lambda: StackSettings(vpc_id="mine", subnet_ids=("subnet-a",)),
            "vpc_id: got 'mine', expected an id such as",
        ),
        (
            lambda: StackSettings(vpc_id="vpc-1", subnet_ids=("subnet-a", "b")),
            r"subnet_ids\[1\]: got 'b', expected an id such as subnet-0123",
        ),
        (
            lambda: StackSettings(zones=("us-west-2",)),
            r"zones\[0\]: got 'us-west-2', expected an availability zone",
        ),
        (lambda: StackSettings(zones="us-west-2a"), "zones: got 'us-west-2a', expected a list of values"),
        (lambda: StackSettings(account="12"), "account: got '12', expected the 12 digits"),
        (lambda: StackSettings(region="Oregon"), "region: got 'Oregon', expected a region such as us-west-2"),
        (
            lambda: StackSettings(region="us-west-9"),
            "region: got 'us-west-9', expected one of .*mean 'us-west-",
        ),
        (
            lambda: StackSettings(tls_bucket_name="s3://tls"),
            "tls_bucket_name: got 's3://tls', expected a bare bucket",
        ),
        (
            lambda: StackSettings(model_buckets=("A",)),
            r"model_buckets\[0\]: got 'A', expected a bare bucket name",
        ),
        (
            lambda: StackSettings(eks_cluster_name="a b", oidc_issuer_url="https://x"),
            "eks_cluster_name: got 'a b', expected letters, digits",
        ),
        (
            lambda: StackSettings(eks_cluster_name="mine", oidc_issuer_url="oidc.eks"),
            "oidc_issuer_url: got 'oidc.eks', expected an address that begins with https://",
        ),
        (
            lambda: LifecycleScript(source_s3_uri="here/x", on_create="x"),
            "source_s3_uri: got 'here/x', expected an s3",
        ),
        # versions
        (
            lambda: StackSettings(kubernetes_version="1.27"),
            "kubernetes_version: got '1.27', expected one of 1.28, ",
        ),
        (lambda: StackSettings(kubernetes_version="1.3"), "kubernetes_version: got '1.3'.*Did you mean '1.3"),
        (
            lambda: StackSettings(inference_version="1.5"),
            "version: got '1.5', expected an add-on version such as",
        ),
        (
            lambda: StackSettings(inference_version="v1.1.0-eksbuild.1"),
            "version: got 'v1.1.0-eksbuild.1', expected one",
        ),
        (
            lambda: StackSettings(existing_addons=("cert-manger",)),
            "existing_addons: got 'cert-manger'.*Did you mean 'cert-manager'",
        ),
        # instance types and groups
        (
            lambda: _group(instance_type="g5.8xlarge"),
            "instance_type: got 'g5.8xlarge'.*Did you mean 'ml.g5.8xlarge'",
        ),
        (
            lambda: _group(instance_type="ml.g5.9xlarge"),
            "instance_type: got 'ml.g5.9xlarge', expected one of ml.g5.xlarge, ml.g5.2xlarge",
        ),
        (
            lambda: _group(instance_type="ml.zz9.xlarge"),
            "expected a family that HyperPod takes: .*unlisted_type=True",
        ),
        (
            lambda: _group(instance_types=("ml.p5.48xlarge",)),
            "instance_type, instance_types: .*exactly one of the two",
        ),
        (lambda: _group(count="2"), "count: got '2', expected 0 to 6758 instances"),
        (lambda: _group(min_count=2), "min_count: got 2, expected 0 to 1"),
        (lambda: _group(subnet_ids=("a",)), r"InstanceGroup gpu: subnet_ids\[0\]: got 'a'"),
        (lambda: _group(labels={"a b": "c"}), r"labels\[0\]: got 'a b', expected a Kubernetes label key"),
        (lambda: Taint(key="gpu", effect="NoRun"), "effect: got 'NoRun', expected one of NoSchedule"),
        # quotas
        (
            lambda: QuotaResource(instance_type="ml.g5.8xlarge"),
            "amounts: got None, expected count, accelerators, vcpu",
        ),
        (lambda: QuotaResource(instance_type="g5", count=1), "QuotaResource g5: instance_type: got 'g5'"),
        (lambda: QuotaResource(instance_type="ml.g5.8xlarge", count=-1), "count: got -1, expected 0 or more"),
        (
            lambda: ComputeQuota(name="a", team="a"),
            r"ComputeQuota a: resources: got \[\], expected one or more",
        ),
        (lambda: ComputeQuota(name="a", team="A b", resources=(RESOURCE,)), "team: got 'A b'"),
        (lambda: ComputeQuota(name="a", team="a", resources=(RESOURCE, RESOURCE)), "each instance type once"),
        (
            lambda: ComputeQuota(name="a", team="a", resources=(RESOURCE,), fair_share_weight=101),
            "fair_share_weight: got 101, expected 0 to 100",
        ),
        (
            lambda: ComputeQuota(name="a", team="a", resources=(RESOURCE,), borrow_percent=0),
            "borrow_percent: got 0, expected 1 to 500 percent",
        ),
        (
            lambda: ComputeQuota(name="a", team="a", resources=(RESOURCE,)).to_cli("mine"),
            "cluster_arn: got 'mine', expected arn:aws:sagemaker",
        ),
        # ranges
        (
            lambda: check_cidr("Net", "cidr", "10.0.0.1/16", "a range"),
            "Net: cidr: got '10.0.0.1/16'.*host bits set",
        ),
        (lambda: check_cidr("Net", "cidr", "10.0.0.0/8", "a range", shortest=16), "expected a range"),
        (lambda: check_cidr("Net", "cidr", "2001:db8::/32", "a range"), "got '2001:db8::/32'"),
        (
            lambda: check_apart("Net", "subnets", _blocks("10.0.0.0/18", "10.0.32.0/19")),
            "subnets: got 'a 10.0.0.0/18 and b 10.0.32.0/19', expected ranges that do not overlap",
        ),
    ],
)
def test_a_wrong_value_is_refused_by_name(build: Callable[[], object], message: str) -> None:
    with pytest.raises(PropertyError, match=message):
        build()


def _blocks(one: str, other: str) -> dict[str, Any]:
    return {"a": ip_network(one), "b": ip_network(other)}


def test_a_type_newer_than_the_table_is_taken_when_asked_for() -> None:
    assert _group(instance_type="ml.zz9.xlarge", unlisted_type=True).types == ("ml.zz9.xlarge",)


@pytest.mark.parametrize("token", ["${Token[TOKEN.12]}", "arn:aws:iam::1:role/${Token[Name.7]}"])
def test_a_value_known_at_deployment_passes(token: str) -> None:
    assert _configuration(execution_role_arn=token).execution_role_arn == token
    check_instance_type("Group", "instance_type", token)


def test_the_table_of_types_holds_all_that_the_api_model_has() -> None:
    assert sum(map(len, instance_types().values())) == 209
    assert "48xlarge" in instance_types()["p5"]
