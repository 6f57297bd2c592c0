"""What each part can be told: access, autoscaling, other add-ons, grants, and the self-hosted engine."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Match, Template

from hyperpod_constructs import (
    AccessEntry,
    AccessPolicy,
    AddonOptions,
    Autoscaling,
    ComputeQuota,
    ControlPlaneLog,
    EksCluster,
    EksClusterProps,
    Engine,
    ExistingEksCluster,
    ExistingHyperPodCluster,
    HyperPodCluster,
    HyperPodClusterProps,
    HyperPodInference,
    Identity,
    InstanceGroup,
    LifecycleScript,
    NetworkInterface,
    PropertyError,
    QuotaResource,
    StackSettings,
    Taint,
    make_stacks,
)
from hyperpod_inference.installation.roles import statements

ROLE = "arn:aws:iam::111122223333:role/Someone"
EKS = ExistingEksCluster(
    cluster_name="mine",
    oidc_issuer_url="https://oidc.eks.us-west-2.amazonaws.com/id/EXAMPLE",
    security_group_id="sg-1",
    kubernetes_version="1.33",
)
HYPERPOD = ExistingHyperPodCluster(
    cluster_arn="arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234"
)


def _inference(stack: Stack, **options: Any) -> HyperPodInference:
    return HyperPodInference(stack, "Inference", eks_cluster=EKS, hyperpod_cluster=HYPERPOD, **options)


def _hyperpod(stack: Stack, **props: Any) -> HyperPodCluster:
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["us-west-2a"])
    return HyperPodCluster(
        stack, "HyperPod", HyperPodClusterProps(**props), eks_cluster=EKS, vpc=vpc, subnet_ids=["subnet-a"]
    )


def _statements(template: Template, part: str) -> list[dict[str, Any]]:
    policies = template.find_resources("AWS::IAM::ManagedPolicy")
    return [
        each
        for name, entry in policies.items()
        if part in name
        for each in entry["Properties"]["PolicyDocument"]["Statement"]
    ]


def test_the_eks_cluster_takes_logs_entries_roles_and_addons(synthesize: Callable[..., Template]) -> None:
    def build(stack: Stack) -> None:
        role = iam.Role.from_role_arn(stack, "ServiceRole", ROLE)
        props = EksClusterProps(
            logs=(ControlPlaneLog.API, ControlPlaneLog.AUDIT),
            service_role=role,
            deletion_protection=True,
            access_entries=(
                AccessEntry(principal_arn=ROLE, policy=AccessPolicy.EDIT, namespaces=("chat",)),
                AccessEntry(principal_arn=ROLE + "2", policy=None, kubernetes_groups=("scientists",)),
            ),
            addons={"vpc-cni": AddonOptions(version="v1.19.0-eksbuild.1", configuration={"env": {"A": "b"}})},
        )
        EksCluster(stack, "Eks", props, subnet_ids=["subnet-a", "subnet-b"])

    template = synthesize(build)
    template.has_resource_properties(
        "AWS::EKS::Cluster",
        {
            "Logging": {"ClusterLogging": {"EnabledTypes": [{"Type": "api"}, {"Type": "audit"}]}},
            "RoleArn": ROLE,
            "DeletionProtection": True,
        },
    )
    scope = {"Type": "namespace", "Namespaces": ["chat"]}
    edit = {"AccessPolicies": [{"AccessScope": scope, "PolicyArn": Match.any_value()}]}
    template.has_resource_properties("AWS::EKS::AccessEntry", {"PrincipalArn": ROLE, **edit})
    template.has_resource_properties("AWS::EKS::AccessEntry", {"KubernetesGroups": ["scientists"]})
    template.has_resource_properties(
        "AWS::EKS::Addon",
        {
            "AddonName": "vpc-cni",
            "AddonVersion": "v1.19.0-eksbuild.1",
            "ConfigurationValues": '{"env":{"A":"b"}}',
        },
    )


def test_autoscaling_needs_a_role_and_continuous_provisioning(synthesize: Callable[..., Template]) -> None:
    template = synthesize(lambda stack: _hyperpod(stack, autoscaling=Autoscaling()))
    template.has_resource_properties(
        "AWS::SageMaker::Cluster",
        {
            "AutoScaling": {"Mode": "Enable", "AutoScalerType": "Karpenter"},
            "NodeProvisioningMode": "Continuous",
            "ClusterRole": Match.any_value(),
        },
    )
    actions = {action for each in _statements(template, "Karpenter") for action in each["Action"]}
    assert {"sagemaker:BatchAddClusterNodes", "sagemaker:BatchDeleteClusterNodes"} <= actions


def test_an_instance_group_says_all_that_cloudformation_takes(synthesize: Callable[..., Template]) -> None:
    group = InstanceGroup(
        name="gpu",
        instance_types=("ml.p5.48xlarge", "ml.p5e.48xlarge"),
        count=4,
        min_count=2,
        volume_gib=500,
        volume_key_arn="arn:aws:kms:us-west-2:111122223333:key/EXAMPLE",
        subnet_ids=("subnet-b",),
        network_interface=NetworkInterface.EFA,
        taints=(Taint(key="gpu", value="yes"),),
    )
    template = synthesize(lambda stack: _hyperpod(stack, instance_groups=(group,)))
    (cluster,) = template.find_resources("AWS::SageMaker::Cluster").values()
    (rendered,) = cluster["Properties"]["InstanceGroups"]
    groups = rendered["OverrideVpcConfig"].pop("SecurityGroupIds")
    assert groups[0] == "sg-1"
    assert rendered["OverrideVpcConfig"] == {"Subnets": ["subnet-b"]}
    assert rendered["InstanceRequirements"] == {"InstanceTypes": ["ml.p5.48xlarge", "ml.p5e.48xlarge"]}
    assert (rendered["InstanceCount"], rendered["MinInstanceCount"]) == (4, 2)
    assert rendered["NetworkInterface"] == {"InterfaceType": "efa"}
    assert rendered["KubernetesConfig"]["Taints"] == [{"Key": "gpu", "Value": "yes", "Effect": "NoSchedule"}]


def test_a_node_makes_interfaces_in_its_own_subnets_and_reads_its_own_script(
    synthesize: Callable[..., Template],
) -> None:
    script = LifecycleScript(source_s3_uri="s3://scripts-mine/gpu/", on_init_complete="after.sh")
    group = InstanceGroup(
        name="gpu", instance_type="ml.g5.8xlarge", lifecycle_script=script, subnet_ids=("subnet-b",)
    )
    granted = _statements(synthesize(lambda stack: _hyperpod(stack, instance_groups=(group,))), "NodePolicy")
    text = {each.get("Sid", ""): json.dumps(each["Resource"]) for each in granted}
    assert "subnet/subnet-a" in text["PodSubnets"] and "subnet/subnet-b" in text["PodSubnets"]
    assert "subnet/*" not in json.dumps(granted)
    assert ":s3:::scripts-mine/gpu/*" in text["ReadScripts1"]


def test_the_other_addons_come_with_their_roles_and_task_governance_first(
    synthesize: Callable[..., Template],
) -> None:
    quota = ComputeQuota(
        name="search",
        team="search",
        resources=(QuotaResource(instance_type="ml.g5.8xlarge", count=2),),
        fair_share_weight=50,
    )
    template = synthesize(
        lambda stack: _inference(
            stack, training_operator=True, task_governance=True, compute_quotas=(quota,), observability=True
        )
    )
    addons = {
        entry["Properties"]["AddonName"]: (name, entry)
        for name, entry in template.find_resources("AWS::EKS::Addon").items()
    }
    governance, _ = addons["amazon-sagemaker-hyperpod-taskgovernance"]
    assert governance in addons["amazon-sagemaker-hyperpod-inference"][1]["DependsOn"]
    template.has_resource_properties(
        "AWS::EKS::PodIdentityAssociation",
        {"Namespace": "aws-hyperpod", "ServiceAccount": "hp-training-operator-controller-manager"},
    )
    _, observability = addons["amazon-sagemaker-hyperpod-observability"]
    (association,) = observability["Properties"]["PodIdentityAssociations"]
    assert association["ServiceAccount"] == "hyperpod-observability-operator-otel-collector"
    values = json.dumps(observability["Properties"]["ConfigurationValues"])
    assert "ampWorkspace" in values and "amgWorkspace" not in values
    template.resource_count_is("AWS::APS::Workspace", 1)
    (command,) = [each for name, each in template.find_outputs("*").items() if "Quotasearch" in name]
    assert "create-compute-quota" in json.dumps(command) and "BorrowLimit" in json.dumps(command)


def test_the_self_hosted_engine_has_no_inference_addon_and_says_how_to_install_the_operator(
    synthesize: Callable[..., Template],
) -> None:
    template = synthesize(
        lambda stack: _inference(
            stack,
            engine=Engine.SELF_HOSTED,
            identity=Identity.POD_IDENTITY,
            driver_identity=Identity.POD_IDENTITY,
        )
    )
    names = {each["Properties"]["AddonName"] for each in template.find_resources("AWS::EKS::Addon").values()}
    assert "amazon-sagemaker-hyperpod-inference" not in names
    (command,) = [each for name, each in template.find_outputs("*").items() if "OperatorCommand" in name]
    text = "".join(part if isinstance(part, str) else "X" for part in command["Value"]["Fn::Join"][1])
    assert text == (
        "AWS_REGION=X EKS_CLUSTER_NAME=mine EXECUTION_ROLE_ARN=X "
        f"HYPERPOD_CLUSTER_ARN={HYPERPOD.cluster_arn} JUMPSTART_GATED_MODEL_DOWNLOAD_ARN=X "
        "TLS_CERTIFICATE_OUTPUT_S3URI=s3://X "
        "hyperpod-inference manifests | kubectl apply --server-side -f -"
    )
    drivers = template.find_resources("AWS::EKS::PodIdentityAssociation").values()
    assert "mount-s3" in {each["Properties"]["Namespace"] for each in drivers}


def test_the_operator_tells_cloudwatch_where_that_is_asked_for(synthesize: Callable[..., Template]) -> None:
    asked = synthesize(lambda stack: _inference(stack, engine=Engine.SELF_HOSTED, cloudwatch_metrics=True))
    (command,) = [each for name, each in asked.find_outputs("*").items() if "OperatorCommand" in name]
    assert "ENABLE_CLOUDWATCH_METRICS=true" in json.dumps(command)
    role = {"Properties": {"Description": "HyperPod inference operator"}}
    (execution,) = asked.find_resources("AWS::IAM::Role", role).values()
    allowed = {action for each in statements("execution") for action in each["Action"]}
    assert "AmazonSageMakerHyperPodInferenceAccess" in json.dumps(execution)
    assert "cloudwatch:PutMetricData" in allowed


def test_awss_operator_cannot_be_asked_to_tell_cloudwatch(synthesize: Callable[..., Template]) -> None:
    with pytest.raises(PropertyError, match="cloudwatch_metrics: got True, expected False, or engine self-"):
        synthesize(lambda stack: _inference(stack, cloudwatch_metrics=True))


def test_grants_name_one_endpoint_and_one_prefix(synthesize: Callable[..., Template]) -> None:
    def build(stack: Stack) -> None:
        inference = _inference(stack)
        user = iam.Role(stack, "User", assumed_by=iam.AccountRootPrincipal())
        inference.grant_invoke(user, "chat")
        inference.grant_read_weights(s3.Bucket.from_bucket_name(stack, "Models", "models-mine"), "llm/")

    template = synthesize(build)
    (policy,) = template.find_resources("AWS::IAM::Policy").values()
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == [
        "sagemaker:InvokeEndpoint",
        "sagemaker:InvokeEndpointWithResponseStream",
        "sagemaker:DescribeEndpoint",
    ]
    assert statement["Resource"]["Fn::Join"][1][-1] == ":endpoint/chat"
    assert ":s3:::models-mine/llm/*" in json.dumps(_statements(template, "S3CsiDriver"))


def test_the_callers_tags_are_on_the_resources(synthesize: Callable[..., Template]) -> None:
    template = synthesize(lambda stack: _inference(stack, tags={"team": "search"}))
    tags = Match.array_with([{"Key": "team", "Value": "search"}])
    template.all_resources_properties("AWS::EKS::Addon", {"Tags": tags})


def test_two_stacks_leave_room_for_the_dependencies_chart() -> None:
    app = App(builtin_cloud_formation_validation=False)
    stack = make_stacks(app, StackSettings(two_stacks=True))
    second = Template.from_stack(stack)
    first = Template.from_stack(app.node.find_child("HyperPodInferenceCluster"))  # type: ignore[arg-type]
    first.resource_count_is("AWS::EKS::Cluster", 1)
    first.resource_count_is("AWS::SageMaker::Cluster", 0)
    first.has_output("DependenciesChart", {"Value": Match.string_like_regexp("^helm install hyperpod-dep")})
    second.resource_count_is("AWS::SageMaker::Cluster", 1)
    second.resource_count_is("AWS::EKS::Cluster", 0)
    assert [each.stack_name for each in stack.dependencies] == ["HyperPodInferenceCluster"]
