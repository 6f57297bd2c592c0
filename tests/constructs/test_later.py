"""Resources made without their services' bindings: a process of its own, since this one has loaded them."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aws_cdk import App, aws_ec2, aws_eks, aws_logs, aws_sagemaker
from aws_cdk.assertions import Template

from hyperpod_constructs import StackSettings, make_stacks
from hyperpod_constructs.endpoints import CLOSED_NETWORK_SERVICES
from hyperpod_constructs.later import camel

EVERYTHING: dict[str, Any] = {
    "karpenter": True,
    "training_operator": True,
    "task_governance": True,
    "observability": True,
    "admins": ("arn:aws:iam::111122223333:role/Admin",),
    "public_access_cidrs": ("203.0.113.0/24",),
}
CONSTRUCTS = Path(__file__).parents[2] / "constructs" / "hyperpod_constructs"
SERVICES = (aws_ec2, aws_eks, aws_logs, aws_sagemaker)
BUILD = """
import sys
import aws_cdk as cdk
from hyperpod_constructs import InferenceStack, StackSettings, add_checks, make_stacks
app = cdk.App(builtin_cloud_formation_validation=False)
"""
LOADED = "{f'aws_cdk.aws_{name}' for name in ('ec2', 'eks', 'logs', 'sagemaker')} & set(sys.modules)"
USED = f"""
stack = InferenceStack(app, "HyperPodInference")
assert {LOADED} == set()
parts = stack.inference
parts.eks_cluster.resource.deletion_protection = True
assert parts.eks_cluster.resource.deletion_protection is True
from aws_cdk import aws_ec2 as ec2, aws_eks as eks, aws_sagemaker as sagemaker
assert isinstance(parts.eks_cluster.resource, eks.CfnCluster)
assert type(parts.hyperpod_cluster.resource) is not sagemaker.CfnCluster
assert isinstance(parts.hyperpod_cluster.resource, sagemaker.CfnCluster)
assert type(parts.hyperpod_cluster.resource) is sagemaker.CfnCluster
assert parts.hyperpod_cluster.resource.node_recovery == "Automatic"
subnets = [each for each in stack.node.find_all() if isinstance(each, ec2.CfnSubnet)]
assert [each.cidr_block for each in subnets][2:] == ["10.0.0.0/18", "10.0.64.0/18"]
ec2.SecurityGroup(stack, "Users", vpc=parts.network.vpc)
"""
BROKEN = """
from hyperpod_constructs.later import Bindings
ec2, eks = Bindings("aws_ec2"), Bindings("aws_eks")
stack = cdk.Stack(app, "HyperPodInference")
ssh = ec2.CfnSecurityGroup.IngressProperty(cidr_ip="0.0.0.0/0", ip_protocol="tcp", from_port=22, to_port=22)
ec2.CfnSecurityGroup(stack, "Open", group_description="open", security_group_ingress=[ssh])
reach = eks.CfnCluster.ResourcesVpcConfigProperty(endpoint_public_access=True, subnet_ids=["subnet-1"])
eks.CfnCluster(stack, "Eks", role_arn="arn:aws:iam::111122223333:role/a", resources_vpc_config=reach)
add_checks(app)
"""


def _run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"{BUILD}{code}\napp.synth()"],
        env={**os.environ, "CDK_OUTDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _template(folder: Path) -> Any:
    return json.loads((folder / "HyperPodInference.template.json").read_text())


def test_without_the_bindings_the_template_is_the_same(tmp_path: Path) -> None:
    done = _run(f"make_stacks(app, StackSettings(**{EVERYTHING}))", tmp_path)
    assert done.returncode == 0, done.stderr
    app = App(builtin_cloud_formation_validation=False)
    assert _template(tmp_path) == Template.from_stack(make_stacks(app, StackSettings(**EVERYTHING))).to_json()


def test_a_resource_becomes_the_bindings_own_when_it_is_looked_at(tmp_path: Path) -> None:
    done = _run(USED, tmp_path)
    assert done.returncode == 0, done.stderr
    resources = _template(tmp_path)["Resources"].values()
    (cluster,) = [each for each in resources if each["Type"] == "AWS::EKS::Cluster"]
    assert cluster["Properties"]["DeletionProtection"] is True
    groups = [each for each in resources if each["Type"] == "AWS::EC2::SecurityGroup"]
    assert len(groups) == 3


def test_a_rule_pack_sees_a_resource_that_was_made_without_its_binding(tmp_path: Path) -> None:
    done = _run(BROKEN, tmp_path)
    assert done.returncode != 0
    report = json.loads((tmp_path / "validation-report.json").read_text())
    found = {each["ruleName"] for pack in report["pluginReports"] for each in pack["violations"]}
    assert {"AwsSolutions-EKS1", "AwsSolutions-EC23", "HIPAA.Security-EC2RestrictedSSH"} <= found, found


ODD = re.compile(r"_[gm]ib\b|_v_cpu")
"""Names that `camel` does not know: of a FSx file system's size, and of instance requirements."""


def test_names_in_javascript_are_those_of_the_bindings() -> None:
    """Of every L1 resource and property of the services that are loaded later."""
    structs = [struct for service in SERVICES for struct in _structs(service)]
    assert len(structs) > 900
    wrong = {
        name
        for struct in structs
        for name, javascript in struct.__jsii_name_mapping__.items()
        if camel(name) != javascript
    }
    assert [name for name in wrong if not ODD.search(name)] == []
    sources = [path.read_text() for path in CONSTRUCTS.glob("*.py")]
    assert not any(f"{name}=" in text for name in wrong for text in sources)


def _structs(service: Any) -> Iterator[Any]:
    for name, value in vars(service).items():
        if name.startswith("Cfn"):
            for each in (value, *vars(value).values()):
                if hasattr(each, "__jsii_name_mapping__"):
                    yield each


def test_the_endpoint_services_are_those_that_the_cdk_knows() -> None:
    known = vars(aws_ec2.InterfaceVpcEndpointAwsService)
    names = {
        getattr(aws_ec2.InterfaceVpcEndpointAwsService, name).short_name for name in known if name.isupper()
    }
    assert set(CLOSED_NETWORK_SERVICES) <= names
