"""The EKS cluster and the HyperPod cluster on it."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Stack
from aws_cdk.assertions import Match, Template

from hyperpod_constructs import (
    Capacity,
    DeepHealthCheck,
    EksCluster,
    EksClusterProps,
    ExistingEksCluster,
    ExistingHyperPodCluster,
    HyperPodCluster,
    HyperPodClusterProps,
    InstanceGroup,
    LifecycleScript,
    Network,
    NodeRecovery,
    PropertyError,
    TieredStorage,
)

ADMIN = "arn:aws:iam::111122223333:role/Admin"


def _eks(stack: Stack, **props: Any) -> EksCluster:
    return EksCluster(stack, "Eks", EksClusterProps(**props), subnet_ids=["subnet-a", "subnet-b"])


def _hyperpod(stack: Stack, **props: Any) -> HyperPodCluster:
    network = Network(stack, "Network")
    return HyperPodCluster(
        stack,
        "HyperPod",
        HyperPodClusterProps(**props),
        eks_cluster=_eks(stack),
        vpc=network.vpc,
        subnet_ids=network.private_subnet_ids,
    )


def test_the_api_server_is_private_logged_and_encrypts_secrets(quick: Template) -> None:
    quick.has_resource_properties(
        "AWS::EKS::Cluster",
        {
            "Version": "1.33",
            "AccessConfig": {"AuthenticationMode": "API_AND_CONFIG_MAP"},
            "BootstrapSelfManagedAddons": False,
            "ResourcesVpcConfig": {"EndpointPrivateAccess": True, "EndpointPublicAccess": False},
            "EncryptionConfig": [{"Resources": ["secrets"]}],
            "Logging": {
                "ClusterLogging": {
                    "EnabledTypes": [
                        {"Type": name}
                        for name in ("api", "audit", "authenticator", "controllerManager", "scheduler")
                    ]
                }
            },
        },
    )


def test_the_cluster_waits_for_its_routes_and_endpoints(quick: Template) -> None:
    (cluster,) = quick.find_resources("AWS::EKS::Cluster").values()
    waits_for = " ".join(cluster["DependsOn"])
    assert "PrivateRoute1" in waits_for
    assert "EndpointsS3" in waits_for


def test_instances_wait_for_the_network_daemon(quick: Template) -> None:
    (cluster,) = quick.find_resources("AWS::SageMaker::Cluster").values()
    assert any("DaemonsVpcCni" in name for name in cluster["DependsOn"])


def test_an_admin_gets_an_access_entry(synthesize: Callable[..., Template]) -> None:
    template = synthesize(lambda stack: _eks(stack, admins=(ADMIN,)))
    template.has_resource_properties(
        "AWS::EKS::AccessEntry",
        {
            "PrincipalArn": ADMIN,
            "AccessPolicies": [{"AccessScope": {"Type": "cluster"}, "PolicyArn": Match.any_value()}],
        },
    )


def test_public_access_is_limited_to_the_ranges_given(synthesize: Callable[..., Template]) -> None:
    template = synthesize(lambda stack: _eks(stack, public_access_cidrs=("203.0.113.0/24",)))
    template.has_resource_properties(
        "AWS::EKS::Cluster",
        {
            "ResourcesVpcConfig": {
                "EndpointPublicAccess": True,
                "PublicAccessCidrs": ["203.0.113.0/24"],
            }
        },
    )


@pytest.mark.parametrize(
    ("props", "message"),
    [
        ({"kubernetes_version": "1.27"}, "kubernetes_version: got '1.27', expected one of 1.28, 1.29"),
        ({"admins": ("Admin",)}, r"admins\[0\]: got 'Admin', expected the ARN of an IAM role or user"),
        ({"public_access_cidrs": ("0.0.0.0/0",)}, r"public_access_cidrs\[0\]: .* not the whole internet"),
    ],
)
def test_a_wrong_property_of_the_eks_cluster_is_named(
    synthesize: Callable[..., Template], props: dict[str, Any], message: str
) -> None:
    with pytest.raises(PropertyError, match=message):
        synthesize(lambda stack: _eks(stack, **props))


def test_instances_recover_by_themselves_and_run_where_the_cluster_is(quick: Template) -> None:
    quick.has_resource_properties(
        "AWS::SageMaker::Cluster",
        {
            "NodeRecovery": "Automatic",
            "Orchestrator": {"Eks": {"ClusterArn": Match.any_value()}},
            "InstanceGroups": [
                Match.object_like({"InstanceGroupName": "system", "InstanceType": "ml.c5.4xlarge"}),
                Match.object_like({"InstanceGroupName": "accelerated", "InstanceType": "ml.g5.8xlarge"}),
            ],
        },
    )


def test_every_option_of_an_instance_group_reaches_the_template(synthesize: Callable[..., Template]) -> None:
    group = InstanceGroup(
        name="gpu",
        instance_type="ml.p5.48xlarge",
        count=2,
        threads_per_core=1,
        volume_gib=500,
        deep_health_checks=(DeepHealthCheck.INSTANCE_STRESS, DeepHealthCheck.INSTANCE_CONNECTIVITY),
        lifecycle_script=LifecycleScript(source_s3_uri="s3://sagemaker-mine/x", on_create="on_create.sh"),
        capacity=Capacity.SPOT,
        labels={"team": "search"},
    )
    template = synthesize(
        lambda stack: _hyperpod(
            stack,
            instance_groups=(group,),
            node_recovery=NodeRecovery.NONE,
            tiered_storage=TieredStorage(memory_percent=30),
        )
    )
    (cluster,) = template.find_resources("AWS::SageMaker::Cluster").values()
    properties = cluster["Properties"]
    (rendered,) = properties["InstanceGroups"]
    rendered.pop("ExecutionRole")
    assert rendered == {
        "InstanceGroupName": "gpu",
        "InstanceType": "ml.p5.48xlarge",
        "InstanceCount": 2,
        "ThreadsPerCore": 1,
        "InstanceStorageConfigs": [{"EbsVolumeConfig": {"VolumeSizeInGB": 500}}],
        "OnStartDeepHealthChecks": ["InstanceStress", "InstanceConnectivity"],
        "LifeCycleConfig": {"SourceS3Uri": "s3://sagemaker-mine/x", "OnCreate": "on_create.sh"},
        "CapacityRequirements": {"Spot": {}},
        "KubernetesConfig": {"Labels": {"team": "search"}},
    }
    assert properties["NodeRecovery"] == "None"
    assert properties["TieredStorageConfig"] == {"Mode": "Enable", "InstanceMemoryAllocationPercentage": 30}


GROUP = InstanceGroup(name="a", instance_type="ml.g5.8xlarge")


@pytest.mark.parametrize(
    ("props", "message"),
    [
        ({"instance_groups": ()}, "instance_groups: .*one group or more"),
        ({"instance_groups": (GROUP, GROUP)}, r"instance_groups: got \['a'\], expected names that differ"),
    ],
)
def test_a_wrong_property_of_the_hyperpod_cluster_is_named(
    synthesize: Callable[..., Template], props: dict[str, Any], message: str
) -> None:
    with pytest.raises(PropertyError, match=message):
        synthesize(lambda stack: _hyperpod(stack, **props))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: InstanceGroup(name="a", instance_type="g5.8xlarge"),
            "InstanceGroup a: instance_type: got 'g5.8xlarge'.*Did you mean 'ml.g5.8xlarge'",
        ),
        (lambda: InstanceGroup(name="a_b", instance_type="ml.g5.8xlarge"), "name: got 'a_b'"),
        (
            lambda: InstanceGroup(name="a", instance_type="ml.g5.8xlarge", count=-1),
            "count: got -1, expected 0 to 6758",
        ),
        (
            lambda: InstanceGroup(name="a", instance_type="ml.g5.8xlarge", threads_per_core=3),
            "threads_per_core: got 3, expected 1 or 2",
        ),
        (
            lambda: InstanceGroup(name="a", instance_type="ml.g5.8xlarge", volume_gib=0),
            "volume_gib: got 0, expected 1 to 16384 GiB",
        ),
        (lambda: LifecycleScript(source_s3_uri="mine", on_create="x"), "expected an s3:// address"),
        (lambda: LifecycleScript(source_s3_uri="s3://mine"), "expected exactly one of the two"),
        (lambda: TieredStorage(memory_percent=101), "memory_percent: got 101, expected a percentage"),
        (
            lambda: ExistingHyperPodCluster(cluster_arn="mine"),
            "cluster_arn: got 'mine', expected arn:aws:sagemaker",
        ),
        (
            lambda: ExistingEksCluster(cluster_name="mine", oidc_issuer_url="oidc.eks"),
            "oidc_issuer_url: got 'oidc.eks', expected an address that begins with https://",
        ),
    ],
)
def test_a_wrong_value_is_named(build: Any, message: str) -> None:
    with pytest.raises(PropertyError, match=message):
        build()


def test_a_new_hyperpod_cluster_asks_for_the_security_group_of_its_eks_cluster(
    synthesize: Callable[..., Template],
) -> None:
    eks = ExistingEksCluster(cluster_name="mine", oidc_issuer_url="https://oidc.eks/id/X")

    def build(stack: Stack) -> None:
        network = Network(stack, "Network")
        HyperPodCluster(
            stack, "HyperPod", eks_cluster=eks, vpc=network.vpc, subnet_ids=network.private_subnet_ids
        )

    with pytest.raises(PropertyError, match=r"eks_cluster.security_group_id: .* aws eks describe-cluster"):
        synthesize(build)
