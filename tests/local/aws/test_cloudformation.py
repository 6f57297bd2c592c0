"""Stacks on the double: what CloudFormation makes is what the services then describe."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hyperpod_inference.cloud.errors import lacking
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.installation.roles import ALB_CONTROLLER, KEDA_OPERATOR, S3_CSI_DRIVER, RoleSpec
from hyperpod_inference.local.aws import ACCOUNT, REGION
from hyperpod_inference.local.aws.cloudformation.order import creation_order
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.environment import keyless

QUICK_INSTALL = Path(__file__).parents[2] / "constructs" / "quick_install.json"
ROLE = "arn:aws:iam::111122223333:role/example"
PRINCIPAL = "arn:aws:iam::111122223333:role/admin"


def template(**changes: Any) -> dict[str, Any]:
    """A cluster with an add-on, an entry, an association, an issuer, a key, and a route for its subnet."""
    cluster = {"Ref": "Cluster"}
    network = {"VpcId": {"Ref": "Vpc"}}
    resources: dict[str, Any] = {
        "Vpc": ("AWS::EC2::VPC", {"CidrBlock": "10.0.0.0/16"}),
        "Subnet": ("AWS::EC2::Subnet", network | {"CidrBlock": "10.0.0.0/24"}),
        "Table": ("AWS::EC2::RouteTable", network),
        "Gateway": ("AWS::EC2::InternetGateway", {}),
        "Attachment": (
            "AWS::EC2::VPCGatewayAttachment",
            network | {"InternetGatewayId": {"Fn::GetAtt": ["Gateway", "InternetGatewayId"]}},
        ),
        "Association": (
            "AWS::EC2::SubnetRouteTableAssociation",
            {"RouteTableId": {"Ref": "Table"}, "SubnetId": {"Fn::GetAtt": ["Subnet", "SubnetId"]}},
        ),
        "Key": ("AWS::KMS::Key", {"KeyPolicy": {}, "Tags": [{"Key": "a", "Value": "b"}]}),
        "Cluster": (
            "AWS::EKS::Cluster",
            {"Name": "made", "RoleArn": ROLE, "ResourcesVpcConfig": {"SubnetIds": [{"Ref": "Subnet"}]}},
        ),
        "Issuer": (
            "AWS::IAM::OIDCProvider",
            {
                "Url": {"Fn::GetAtt": ["Cluster", "OpenIdConnectIssuerUrl"]},
                "ClientIdList": ["sts.amazonaws.com"],
            },
        ),
        "Addon": (
            "AWS::EKS::Addon",
            {"ClusterName": cluster, "AddonName": "cert-manager", "Tags": [{"Key": "a", "Value": "b"}]},
        ),
        "Entry": (
            "AWS::EKS::AccessEntry",
            {
                "ClusterName": cluster,
                "PrincipalArn": PRINCIPAL,
                "AccessPolicies": [
                    {
                        "PolicyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
                        "AccessScope": {"Type": "cluster"},
                    }
                ],
            },
        ),
        "Identity": (
            "AWS::EKS::PodIdentityAssociation",
            {"ClusterName": cluster, "Namespace": "keda", "ServiceAccount": "keda-operator", "RoleArn": ROLE},
        ),
        "HyperPod": (
            "AWS::SageMaker::Cluster",
            {
                "ClusterName": "made",
                "Orchestrator": {"Eks": {"ClusterArn": {"Fn::GetAtt": ["Cluster", "Arn"]}}},
                "VpcConfig": {
                    "SecurityGroupIds": [{"Fn::GetAtt": ["Cluster", "ClusterSecurityGroupId"]}],
                    "Subnets": [{"Ref": "Subnet"}],
                },
                "InstanceGroups": [
                    {
                        "InstanceGroupName": "gpu",
                        "InstanceType": "ml.g5.8xlarge",
                        "InstanceCount": 1,
                        "ExecutionRole": ROLE,
                    }
                ],
            },
        ),
    }
    document = {name: {"Type": kind, "Properties": dict(p)} for name, (kind, p) in resources.items()}
    for name, properties in changes.items():
        document[name]["Properties"] |= properties
    outputs = {"Arn": {"Value": {"Fn::GetAtt": ["HyperPod", "ClusterArn"]}}}
    return {"Resources": document, "Outputs": outputs}


@pytest.fixture
def cloudformation(client: Callable[[str], Any]) -> Any:
    return client("cloudformation")


def by_change_set(cloudformation: Any, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """Bring the stack to a template as `cdk deploy` does; what the stack is then."""
    named = {"StackName": "stack", "ChangeSetName": "cdk-deploy-change-set"}
    cloudformation.delete_change_set(**named)
    cloudformation.create_change_set(**named, ChangeSetType=kind, TemplateBody=json.dumps(body))
    cloudformation.execute_change_set(**named)
    stack: dict[str, Any] = cloudformation.describe_stacks(StackName="stack")["Stacks"][0]
    return stack


def resting(cloudformation: Any, stack: str = "stack") -> dict[str, str]:
    """The last status of each resource."""
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"][::-1]
    return {e["LogicalResourceId"]: e["ResourceStatus"] for e in events if "::Stack" not in e["ResourceType"]}


def test_every_resource_of_a_stack_is_made_changed_and_removed(
    cloudformation: Any, eks: Any, sagemaker: Any, client: Callable[[str], Any], clock: Any
) -> None:
    body = template()
    stack = by_change_set(cloudformation, "CREATE", body)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["Outputs"][0]["OutputValue"] == sagemaker.describe_cluster(ClusterName="made")["ClusterArn"]
    assert Counter(resting(cloudformation).values()) == {"CREATE_COMPLETE": len(body["Resources"])}
    clock.pass_(60)
    assert eks.describe_addon(clusterName="made", addonName="cert-manager")["addon"]["tags"] == {"a": "b"}
    policies = eks.list_associated_access_policies(clusterName="made", principalArn=PRINCIPAL)
    assert len(policies["associatedAccessPolicies"]) == 1
    subnet = eks.describe_cluster(name="made")["cluster"]["resourcesVpcConfig"]["subnetIds"][0]
    tables = client("ec2").describe_route_tables(
        Filters=[{"Name": "association.subnet-id", "Values": [subnet]}]
    )
    assert len(tables["RouteTables"]) == 1

    groups = body["Resources"]["HyperPod"]["Properties"]["InstanceGroups"]
    more = template(
        HyperPod={"InstanceGroups": [groups[0] | {"InstanceCount": 2}]},
        Addon={"AddonVersion": "v1.19.0-eksbuild.1"},
    )
    assert by_change_set(cloudformation, "UPDATE", more)["StackStatus"] == "UPDATE_COMPLETE"
    assert {n for n, s in resting(cloudformation).items() if s == "UPDATE_COMPLETE"} == {"HyperPod", "Addon"}
    assert sagemaker.describe_cluster(ClusterName="made")["InstanceGroups"][0]["TargetCount"] == 2
    clock.pass_(60)

    identifier = stack["StackId"]
    cloudformation.delete_stack(StackName="stack")
    assert set(resting(cloudformation, identifier).values()) == {"DELETE_COMPLETE"}
    clock.pass_(60)
    assert sagemaker.list_clusters()["ClusterSummaries"] == []
    assert eks.list_clusters()["clusters"] == ["example"]
    vpcs = client("ec2").describe_vpcs()["Vpcs"]
    assert [vpc["CidrBlock"] for vpc in vpcs if not vpc["IsDefault"]] == []


@pytest.fixture
def as_pod(
    double: AwsDouble,
    client: Callable[[str], Any],
    eks: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pod_token: Callable[..., str],
) -> Iterator[Callable[[RoleSpec], Session]]:
    """as_pod(role): of a pod that takes a role of the quick install; IAM is enforced from then on."""

    def taken(spec: RoleSpec) -> Session:
        double.app.enforcing = False
        (arn,) = [
            each["Arn"]
            for each in client("iam").list_roles()["Roles"]
            if each.get("Description") == spec.description
        ]
        (cluster,) = set(eks.list_clusters()["clusters"]) - {"example"}
        url = eks.describe_cluster(name=cluster)["cluster"]["identity"]["oidc"]["issuer"]
        file = tmp_path / "token"
        file.write_text(pod_token(spec.account.subject, issuer=url.removeprefix("https://")))
        for name, value in keyless(double.environment()).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ROLE_ARN", arn)
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
        double.app.enforcing = True
        return Session(REGION, attempts=1)

    yield taken
    double.app.enforcing = False


def only_what_they_need(client: Callable[[str], Any], as_pod: Callable[[RoleSpec], Session]) -> None:
    """The roles of drivers and controllers allow what their programs ask, and no more."""
    models = f"sagemaker-{REGION}-{ACCOUNT}"
    s3 = client("s3")
    for bucket in (models, "another"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=bucket, Key="chat/weights", Body=b"1")

    driver = as_pod(S3_CSI_DRIVER).client("s3")  # what Mountpoint calls for a mount that may not write
    driver.list_objects_v2(Bucket=models, Prefix="chat/", Delimiter="/")
    driver.head_object(Bucket=models, Key="chat/weights")
    assert driver.get_object(Bucket=models, Key="chat/weights")["Body"].read() == b"1"
    for call in (
        lambda: driver.list_objects_v2(Bucket="another"),
        lambda: driver.get_object(Bucket="another", Key="chat/weights"),
        lambda: driver.put_object(Bucket=models, Key="chat/weights", Body=b"2"),
        lambda: driver.delete_object(Bucket=models, Key="chat/weights"),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert lacking(str(refused.value)).startswith("Role ")

    keda = as_pod(KEDA_OPERATOR).client("cloudwatch")
    keda.list_metrics(Namespace="AWS/ApplicationELB")
    with pytest.raises(ClientError, match="not authorized to perform: cloudwatch:PutMetricData"):
        keda.put_metric_data(Namespace="a", MetricData=[{"MetricName": "b", "Value": 1.0}])

    elb = as_pod(ALB_CONTROLLER).client("elbv2")
    elb.describe_load_balancers()
    vpc = {"Protocol": "HTTP", "Port": 80, "VpcId": client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]}
    tags = [{"Key": "elbv2.k8s.aws/cluster", "Value": "made"}]
    elb.create_target_group(Name="ours", Tags=tags, **vpc)
    with pytest.raises(ClientError) as refused:
        elb.create_target_group(Name="others", **vpc)
    assert " lacks action elasticloadbalancing:CreateTargetGroup on " in lacking(str(refused.value))


def test_the_quick_install_comes_to_rest_whole_its_roles_do_and_it_goes_again_but_for_what_it_retains(
    cloudformation: Any, eks: Any, client: Callable[[str], Any], as_pod: Callable[[RoleSpec], Session]
) -> None:
    client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
    body = json.loads(QUICK_INSTALL.read_text())
    stack = by_change_set(cloudformation, "CREATE", body)
    assert stack["StackStatus"] == "CREATE_COMPLETE", cloudformation.describe_stack_events(StackName="stack")
    assert Counter(resting(cloudformation).values()) == {"CREATE_COMPLETE": len(body["Resources"])}
    (cluster,) = set(eks.list_clusters()["clusters"]) - {"example"}
    addon = eks.describe_addon(clusterName=cluster, addonName="amazon-sagemaker-hyperpod-inference")["addon"]
    assert json.loads(addon["configurationValues"])["executionRoleArn"].startswith(
        "arn:aws:iam::111122223333:role/"
    )
    only_what_they_need(client, as_pod)
    cloudformation.delete_stack(StackName="stack")
    rest = resting(cloudformation, stack["StackId"])
    kept = {body["Resources"][name]["Type"] for name, status in rest.items() if status == "DELETE_SKIPPED"}
    assert kept == {"AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::S3::Bucket"}
    assert set(rest.values()) == {"DELETE_COMPLETE", "DELETE_SKIPPED"}


def test_a_type_that_nobody_models_fails_the_stack_and_what_was_made_goes_again(
    cloudformation: Any, client: Callable[[str], Any]
) -> None:
    body = template()
    body["Resources"]["Other"] = {"Type": "AWS::Nowhere::Thing", "DependsOn": "Vpc"}
    assert by_change_set(cloudformation, "CREATE", body)["StackStatus"] == "ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName="stack")["StackEvents"]
    failed = [e for e in events if e["ResourceStatus"] == "CREATE_FAILED"]
    assert [e["LogicalResourceId"] for e in failed] == ["Other"]
    assert "AWS::Nowhere::Thing" in failed[0]["ResourceStatusReason"]
    assert cloudformation.list_stack_resources(StackName="stack")["StackResourceSummaries"] == []
    assert [vpc for vpc in client("ec2").describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []


def test_an_add_on_that_eks_refuses_fails_the_stack_with_its_words(cloudformation: Any) -> None:
    body = template(Addon={"ConfigurationValues": "{"})
    assert by_change_set(cloudformation, "CREATE", body)["StackStatus"] == "ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName="stack")["StackEvents"]
    reasons = [e["ResourceStatusReason"] for e in events if e["ResourceStatus"] == "CREATE_FAILED"]
    assert "it is not JSON" in reasons[0]


def test_resources_are_ordered_by_every_way_of_naming_another() -> None:
    resources = {
        "D": {"Type": "x", "DependsOn": ["C"]},
        "C": {"Type": "x", "Properties": {"a": {"Fn::Sub": "${B.Arn} and ${AWS::Region}"}}},
        "B": {"Type": "x", "Properties": {"a": {"Fn::GetAtt": ["A", "Arn"]}, "b": {"Ref": "Parameter"}}},
        "A": {"Type": "x"},
    }
    assert creation_order(resources) == ["A", "B", "C", "D"]


def test_resources_that_need_each_other_are_refused() -> None:
    resources = {"A": {"DependsOn": "B"}, "B": {"Properties": {"x": {"Ref": "A"}}}}
    with pytest.raises(ValueError, match="Circular dependency"):
        creation_order(resources)
