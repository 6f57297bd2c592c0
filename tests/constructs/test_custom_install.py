"""Accept mode: each part that exists is used as it is, and not made."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Match, Template

from hyperpod_constructs import (
    AddonOptions,
    EksCluster,
    EksClusterProps,
    ExistingEksCluster,
    ExistingHyperPodCluster,
    ExistingNetwork,
    ExistingRoles,
    HyperPodInference,
    Network,
    PropertyError,
)

ISSUER = "https://oidc.eks.us-west-2.amazonaws.com/id/EXAMPLE"
EKS = ExistingEksCluster(cluster_name="mine", oidc_issuer_url=ISSUER, security_group_id="sg-1")
HYPERPOD = ExistingHyperPodCluster(
    cluster_arn="arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234"
)


def test_with_every_part_given_only_the_inference_addon_is_made(custom: Template) -> None:
    kinds = [resource["Type"] for resource in custom.to_json()["Resources"].values()]
    assert kinds == ["AWS::EKS::Addon"]


def test_the_addon_names_the_parts_that_were_given(custom: Template) -> None:
    (addon,) = custom.find_resources("AWS::EKS::Addon").values()
    assert addon["Properties"]["ClusterName"] == "mine"
    assert json.loads(addon["Properties"]["ConfigurationValues"]) == {
        "executionRoleArn": "arn:aws:iam::111122223333:role/SageMakerHyperPodInference-mine",
        "tlsCertificateS3Bucket": "hyperpod-tls-mine",
        "hyperpodClusterArn": "arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234",
        "jumpstartGatedModelDownloadRoleArn": "arn:aws:iam::111122223333:role/gated",
        "alb": {
            "enabled": True,
            "serviceAccount": {"create": True, "roleArn": "arn:aws:iam::111122223333:role/alb"},
        },
        "keda": {
            "enabled": True,
            "auth": {"aws": {"irsa": {"enabled": True, "roleArn": "arn:aws:iam::111122223333:role/keda"}}},
        },
    }


def _vpc(stack: Stack) -> ec2.IVpc:
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=["us-west-2a", "us-west-2b"],
        private_subnet_ids=["subnet-a", "subnet-b"],
    )


@pytest.mark.parametrize(
    ("given", "not_made"),
    [
        (lambda stack: {"network": ExistingNetwork(vpc=_vpc(stack))}, "AWS::EC2::VPC"),
        (
            lambda stack: {"network": ExistingNetwork(vpc=_vpc(stack)), "eks_cluster": EKS},
            "AWS::EKS::Cluster",
        ),
        (lambda stack: {"eks_cluster": EKS, "hyperpod_cluster": HYPERPOD}, "AWS::SageMaker::Cluster"),
        (
            lambda stack: {"tls_bucket": s3.Bucket.from_bucket_name(stack, "B", "hyperpod-tls-mine")},
            "AWS::S3::Bucket",
        ),
    ],
    ids=["network", "eks cluster", "hyperpod cluster", "bucket"],
)
def test_a_part_that_is_given_is_not_made(
    synthesize: Callable[..., Template], given: Any, not_made: str
) -> None:
    template = synthesize(lambda stack: HyperPodInference(stack, "Inference", **given(stack)))
    template.resource_count_is(not_made, 0)
    template.has_resource_properties("AWS::EKS::Addon", {"AddonName": "amazon-sagemaker-hyperpod-inference"})


def test_new_clusters_go_into_the_subnets_of_a_vpc_that_exists(synthesize: Callable[..., Template]) -> None:
    template = synthesize(
        lambda stack: HyperPodInference(stack, "Inference", network=ExistingNetwork(vpc=_vpc(stack)))
    )
    subnets = ["subnet-a", "subnet-b"]
    template.has_resource_properties("AWS::SageMaker::Cluster", {"VpcConfig": {"Subnets": subnets}})
    template.has_resource_properties("AWS::EKS::Cluster", {"ResourcesVpcConfig": {"SubnetIds": subnets}})


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("execution", "executionRoleArn"),
        ("jumpstart_gated_model", "jumpstartGatedModelDownloadRoleArn"),
        ("alb_controller", "alb"),
        ("keda_operator", "keda"),
    ],
)
def test_a_role_that_is_given_is_used_and_the_others_are_made(
    synthesize: Callable[..., Template], name: str, key: str
) -> None:
    arn = "arn:aws:iam::111122223333:role/SageMakerHyperPodInference-mine"

    def build(stack: Stack) -> HyperPodInference:
        roles = ExistingRoles(**{name: iam.Role.from_role_arn(stack, "Mine", arn)})
        return HyperPodInference(stack, "Inference", eks_cluster=EKS, hyperpod_cluster=HYPERPOD, roles=roles)

    template = synthesize(build)
    template.resource_count_is("AWS::IAM::Role", 5)
    (addon,) = template.find_resources(
        "AWS::EKS::Addon", {"Properties": {"AddonName": "amazon-sagemaker-hyperpod-inference"}}
    ).values()
    text = json.dumps(addon["Properties"]["ConfigurationValues"])
    assert key in text
    assert arn in text


def test_a_construct_made_elsewhere_counts_as_given(synthesize: Callable[..., Template]) -> None:
    def build(stack: Stack) -> None:
        network = Network(stack, "Network")
        cluster = EksCluster(
            stack,
            "Eks",
            EksClusterProps(kubernetes_version="1.34"),
            subnet_ids=network.private_subnet_ids,
        )
        HyperPodInference(stack, "Inference", network=network, eks_cluster=cluster)

    template = synthesize(build)
    template.resource_count_is("AWS::EKS::Cluster", 1)
    template.has_resource_properties("AWS::EKS::Cluster", {"Version": "1.34"})
    template.has_resource_properties("AWS::EKS::Addon", {"AddonName": "coredns"})


def test_an_existing_cluster_keeps_the_addons_it_has(synthesize: Callable[..., Template]) -> None:
    template = synthesize(
        lambda stack: HyperPodInference(
            stack,
            "Inference",
            eks_cluster=EKS,
            hyperpod_cluster=HYPERPOD,
            existing_addons=("cert-manager", "metrics-server"),
        )
    )
    names = {
        entry["Properties"]["AddonName"] for entry in template.find_resources("AWS::EKS::Addon").values()
    }
    assert names == {
        "aws-mountpoint-s3-csi-driver",
        "aws-fsx-csi-driver",
        "amazon-sagemaker-hyperpod-inference",
    }


def test_a_bucket_outside_the_managed_policy_is_opened_to_the_operator(
    synthesize: Callable[..., Template],
) -> None:
    def build(stack: Stack) -> HyperPodInference:
        bucket = s3.Bucket.from_bucket_name(stack, "B", "our-certificates")
        return HyperPodInference(
            stack, "Inference", eks_cluster=EKS, hyperpod_cluster=HYPERPOD, tls_bucket=bucket
        )

    synthesize(build).has_resource_properties(
        "AWS::IAM::ManagedPolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {
                                "Action": [
                                    "s3:GetObject",
                                    "s3:PutObject",
                                    "s3:PutObjectTagging",
                                    "s3:DeleteObject",
                                ],
                                "Condition": {
                                    "StringEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}
                                },
                            }
                        )
                    ]
                )
            }
        },
    )


def test_a_controller_of_your_own_needs_no_role(synthesize: Callable[..., Template]) -> None:
    template = synthesize(
        lambda stack: HyperPodInference(
            stack,
            "Inference",
            eks_cluster=EKS,
            hyperpod_cluster=HYPERPOD,
            install_alb_controller=False,
            install_keda=False,
        )
    )
    template.resource_count_is("AWS::IAM::Role", 4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"hyperpod_cluster": HYPERPOD}, r"Inference: eks_cluster: .*Pass ExistingEksCluster"),
        ({"eks_cluster": EKS}, r"Inference: network: .*Pass ExistingNetwork"),
        ({"existing_addons": ["cert-manger"]}, r"existing_addons: got 'cert-manger'.*mean 'cert-manager'"),
        ({"inference_version": "1.5"}, r"version: got '1.5', expected an add-on version such as"),
        ({"inference_version": "v1.1.0-eksbuild.1"}, r"version: got 'v1.1.0-eksbuild.1', expected one of"),
        (
            {"addon_options": {"cert-manager": AddonOptions(version="v1.10.0-eksbuild.1")}},
            r"versions\['cert-manager'\]: got .*expected v1.18.2-eksbuild.2 or later",
        ),
    ],
)
def test_parts_that_do_not_go_together_are_refused(
    synthesize: Callable[..., Template], given: Any, message: str
) -> None:
    with pytest.raises(PropertyError, match=message):
        synthesize(lambda stack: HyperPodInference(stack, "Inference", **given))


def test_a_region_without_the_operators_images_is_refused(install: Callable[..., Template]) -> None:
    with pytest.raises(PropertyError, match="region: got 'us-west-3', expected one of"):
        install(region="us-west-3", account="111122223333")
