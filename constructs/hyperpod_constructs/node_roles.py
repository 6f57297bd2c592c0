"""The roles of a HyperPod cluster: that of its instances, and that of its autoscaler."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from constructs import Construct

from hyperpod_constructs.acknowledge import acknowledge, acknowledge_all
from hyperpod_constructs.eks_cluster import EksClusterLike
from hyperpod_constructs.policy_documents import statements
from hyperpod_constructs.role_reasons import ANY_RESOURCE, aws_policy, resource

NODE_POLICY: Final = "AmazonSageMakerClusterInstanceRolePolicy"
READ_BY_NODE_POLICY: Final = "s3://sagemaker-"
_NODE_FINDINGS: Final = {
    aws_policy(NODE_POLICY): "AWS's policy for HyperPod instances; it changes with their agents.",
    ANY_RESOURCE: "Describe calls and the registry's token know no resources.",
    resource("ecr:*:*:repository/*"): "Images of models and add-ons lie in registries of several accounts.",
} | {
    resource(f"ec2:*:*:{kind}/*"): (
        "Instances come and go, and SageMaker owns them; their network interfaces have no fixed names."
    )
    for kind in ("instance", "network-interface", "security-group")
}


def node_role(
    scope: Construct, *, eks_cluster: EksClusterLike, subnet_ids: Sequence[str], script_folders: Sequence[str]
) -> tuple[iam.Role, iam.ManagedPolicy]:
    """What the instances may do: addresses for pods in their own subnets, images, and their scripts.

    The policy is what a cluster waits for. script_folders: `s3://` addresses of lifecycle scripts; those
    outside `s3://sagemaker-*` are granted.
    """
    role = iam.Role(
        scope,
        "NodeRole",
        assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
        description="HyperPod instances",
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(NODE_POLICY)],
    )
    granted = [
        *statements("hyperpod_node"),
        _addresses_in(subnet_ids),
        iam.PolicyStatement(
            sid="PodIdentity",
            actions=["eks-auth:AssumeRoleForPodIdentity"],
            resources=[eks_cluster.cluster_arn],
        ),
    ]
    folders = [folder for folder in script_folders if not folder.startswith(READ_BY_NODE_POLICY)]
    for number, folder in enumerate(folders, start=1):
        granted += _reads(number, folder)
        acknowledge(role, resource(f"s3:::{_path(folder)}/*"), "The lifecycle scripts of this one folder.")
    policy = iam.ManagedPolicy(role, "NodePolicy", statements=granted, roles=[role])
    acknowledge_all(role, _NODE_FINDINGS)
    return role, policy


def cluster_role(scope: Construct) -> tuple[iam.Role, iam.ManagedPolicy]:
    """What HyperPod takes to add and remove instances as Karpenter asks, and the policy to wait for."""
    role = iam.Role(
        scope,
        "ClusterRole",
        assumed_by=iam.ServicePrincipal("hyperpod.sagemaker.amazonaws.com"),
        description="HyperPod autoscaling",
    )
    policy = iam.ManagedPolicy(role, "KarpenterPolicy", statements=statements("karpenter"), roles=[role])
    own = "Of this account only; the cluster is made after the role that it names."
    acknowledge(role, resource("sagemaker:*:*:cluster/*"), own)
    acknowledge(role, resource("kms:*:*:key/*"), "Keys of volumes, through SageMaker and by grants only.")
    return role, policy


def _addresses_in(subnet_ids: Sequence[str]) -> iam.PolicyStatement:
    """Network interfaces for pods, in the subnets of the cluster and in no others."""
    prefix = f"arn:{Aws.PARTITION}:ec2:{Aws.REGION}:{Aws.ACCOUNT_ID}:subnet/"
    return iam.PolicyStatement(
        sid="PodSubnets",
        actions=["ec2:CreateNetworkInterface"],
        resources=[f"{prefix}{subnet}" for subnet in dict.fromkeys(subnet_ids)],
    )


def _reads(number: int, folder: str) -> list[iam.PolicyStatement]:
    bucket, _, prefix = _path(folder).partition("/")
    arn = f"arn:{Aws.PARTITION}:s3:::{bucket}"
    listing = iam.PolicyStatement(
        sid=f"ListScripts{number}",
        actions=["s3:ListBucket"],
        resources=[arn],
        conditions={"StringLike": {"s3:prefix": [f"{prefix}/*" if prefix else "*"]}},
    )
    reading = iam.PolicyStatement(
        sid=f"ReadScripts{number}",
        actions=["s3:GetObject"],
        resources=[f"arn:{Aws.PARTITION}:s3:::{_path(folder)}/*"],
    )
    return [listing, reading]


def _path(folder: str) -> str:
    return folder.removeprefix("s3://").rstrip("/")
