"""What a synthesized app would deploy, in plain words: `python -m hyperpod_constructs.summary cdk.out`.

Reads the CloudFormation templates of a cloud assembly, nothing else: no AWS account, no CDK.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

Template = Mapping[str, Any]

_ADDON: Final = "AWS::EKS::Addon"
_INFERENCE_ADDON: Final = "amazon-sagemaker-hyperpod-inference"
_ROLE: Final = "AWS::IAM::Role"


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One stack in figures and words.

    Attributes:
        stack: its name.
        counts: resource type to number, most first.
        parts: part of the installation to a short description.
        configuration: of the inference add-on; references are written as `<LogicalId.Attribute>`.
        roles: description of each role to who may take it.
    """

    stack: str
    counts: Mapping[str, int]
    parts: Mapping[str, str]
    configuration: Mapping[str, Any]
    roles: Mapping[str, str]

    @property
    def resources(self) -> int:
        """How many resources the stack has."""
        return sum(self.counts.values())


def summarize(assembly: Path) -> list[Summary]:
    """Summarize each stack of a cloud assembly, by name. Raises FileNotFoundError if it holds none."""
    templates = sorted(assembly.glob("*.template.json"))
    if not templates:
        raise FileNotFoundError(f"{assembly}: no *.template.json in it; run `cdk synth` first")
    return [_summary(path) for path in templates]


def _summary(path: Path) -> Summary:
    template: Template = json.loads(path.read_text(encoding="utf-8"))
    types = Counter(resource["Type"] for resource in template["Resources"].values())
    return Summary(
        stack=path.name.removesuffix(".template.json"),
        counts=dict(sorted(types.items(), key=lambda item: (-item[1], item[0]))),
        parts=dict(_parts(template)),
        configuration=_configuration(template),
        roles=dict(_roles(template)),
    )


def _of(template: Template, kind: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Logical id and properties of every resource of one type."""
    found = template["Resources"].items()
    return [(name, entry.get("Properties", {})) for name, entry in found if entry["Type"] == kind]


def _parts(template: Template) -> Iterator[tuple[str, str]]:
    for _, vpc in _of(template, "AWS::EC2::VPC"):
        subnets = len(_of(template, "AWS::EC2::Subnet"))
        nat = len(_of(template, "AWS::EC2::NatGateway"))
        yield "VPC", f"{vpc['CidrBlock']}, {subnets} subnets, {nat} NAT gateways"
    endpoints = [_last_word(entry["ServiceName"]) for _, entry in _of(template, "AWS::EC2::VPCEndpoint")]
    if endpoints:
        yield "VPC endpoints", ", ".join(endpoints)
    for _, cluster in _of(template, "AWS::EKS::Cluster"):
        yield "EKS cluster", f"Kubernetes {cluster['Version']}, {_reach(cluster)}"
    for _, cluster in _of(template, "AWS::SageMaker::Cluster"):
        yield "HyperPod cluster", ", ".join(_group(group) for group in cluster["InstanceGroups"])
    for _, addon in _of(template, _ADDON):
        yield f"Add-on {addon['AddonName']}", addon.get("AddonVersion", "EKS's choice of version")
    for logical_id, bucket in _of(template, "AWS::S3::Bucket"):
        yield f"Bucket {_text(bucket.get('BucketName', logical_id))}", _keeps(bucket)


def _reach(cluster: Mapping[str, Any]) -> str:
    config = cluster["ResourcesVpcConfig"]
    if config.get("EndpointPublicAccess"):
        return "reachable from " + ", ".join(config.get("PublicAccessCidrs", ["everywhere"]))
    return "reachable from the VPC only"


def _group(group: Mapping[str, Any]) -> str:
    return f"{group['InstanceCount']} x {group['InstanceType']} ({group['InstanceGroupName']})"


def _keeps(bucket: Mapping[str, Any]) -> str:
    on = bucket.get("VersioningConfiguration", {}).get("Status") == "Enabled"
    return "private, versioned" if on else "private"


def _configuration(template: Template) -> dict[str, Any]:
    for _, addon in _of(template, _ADDON):
        if addon["AddonName"] == _INFERENCE_ADDON:
            document: dict[str, Any] = json.loads(_text(addon["ConfigurationValues"]))
            return document
    return {}


def _roles(template: Template) -> Iterator[tuple[str, str]]:
    for logical_id, role in _of(template, _ROLE):
        yield role.get("Description", logical_id), _takers(role["AssumeRolePolicyDocument"])


def _takers(document: Mapping[str, Any]) -> str:
    """Who may assume a role; a trust written as text for `Fn::Sub` is read as the text."""
    if "Fn::Sub" in document:
        document = json.loads(document["Fn::Sub"][0])
    takers = []
    for statement in document["Statement"]:
        service = statement["Principal"].get("Service")
        takers.append(_text(service) if service else _service_account(statement["Condition"]))
    return ", ".join(takers)


def _service_account(condition: Mapping[str, Mapping[str, str]]) -> str:
    subjects = [value for keys in condition.values() for key, value in keys.items() if key.endswith(":sub")]
    return " or ".join(subject.removeprefix("system:serviceaccount:") for subject in subjects)


def _last_word(service: Any) -> str:
    """`ecr.api` of `com.amazonaws.REGION.ecr.api`, whatever the region is written as."""
    return _text(service).split(">.", 1)[-1].split("com.amazonaws.")[-1]


def _text(value: Any) -> str:
    """A template value as text: joins are joined, references written as `<LogicalId.Attribute>`."""
    if not isinstance(value, Mapping):
        return str(value)
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(_text(part) for part in parts)
    if "Fn::GetAtt" in value:
        return f"<{'.'.join(value['Fn::GetAtt'])}>"
    if "Ref" in value:
        return f"<{value['Ref']}>"
    return "<computed>"


def show(summary: Summary, console: Console) -> None:
    """Print one stack as tables."""
    console.print(f"[bold]{summary.stack}[/]: {summary.resources} resources of {len(summary.counts)} types")
    _print(console, "What would be deployed", ("part", "what"), summary.parts)
    _print(console, "Roles", ("role", "taken by"), summary.roles)
    _print(console, "Configuration of the inference add-on", ("key", "value"), summary.configuration)
    _print(console, "Resources by type", ("type", "number"), summary.counts)


def _print(console: Console, title: str, header: tuple[str, str], rows: Mapping[str, Any]) -> None:
    if not rows:
        return
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in header:
        table.add_column(column, overflow="fold")
    for name, value in rows.items():
        table.add_row(name, value if isinstance(value, str) else json.dumps(value))
    console.print(table)


def main(arguments: list[str]) -> int:
    """Print the summary of the cloud assembly in the folder named (default cdk.out)."""
    folder = Path(arguments[0] if arguments else "cdk.out")
    try:
        summaries = summarize(folder)
    except FileNotFoundError as error:
        Console(stderr=True).print(f"error: {error}", markup=False)
        return 2
    for summary in summaries:
        show(summary, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
