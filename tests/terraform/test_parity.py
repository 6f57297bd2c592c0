"""The three ways to install make the same, part by part and setting by setting; what differs has a reason."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import Any

import hcl2
import pytest
from aws_cdk import App
from aws_cdk.assertions import Template

from hyperpod_constructs import Engine, InferenceStack, PropertyError, StackSettings
from hyperpod_inference.api.errors import InputError
from hyperpod_inference.installation import paths
from hyperpod_inference.installation.addons import DEPENDENCY_ADDONS, NODE_ADDONS, WORKLOAD_ADDONS
from hyperpod_inference.installation.compatibility import INFERENCE, OBSERVABILITY, TASK_GOVERNANCE, TRAINING
from hyperpod_inference.installation.parity import DIFFERENCES, PARTS, Path, reasons
from hyperpod_inference.installation.terraform import definition

ROLE = "arn:aws:iam::111122223333:role"
MODULE = FilePath(__file__).resolve().parents[2] / "terraform"
Parts = Mapping[str, Any]


@pytest.fixture(scope="module")
def parts(blocks: list[tuple[str, dict[str, Any]]]) -> dict[Path, Parts]:
    """Path to part to settings, in one form, read from what each path writes."""
    settings = StackSettings(training_operator=True, task_governance=True, observability=True)
    stack = InferenceStack(App(builtin_cloud_formation_validation=False), "Stack", settings)
    return {
        Path.CDK: of_cdk(Template.from_stack(stack).to_json()["Resources"]) | _self_hosted(),
        Path.CREATE_ADDON: of_create_addon(),
        Path.TERRAFORM: of_terraform(dict(blocks)),
    }


def test_each_path_makes_the_parts_that_the_table_says(parts: dict[Path, Parts]) -> None:
    assert set(parts[Path.CDK]) == set(PARTS)
    for path in (Path.CREATE_ADDON, Path.TERRAFORM):
        missing = set(PARTS) - set(parts[path])
        assert missing == {part for part, setting in reasons(path) if not setting}, path


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("path", [Path.CREATE_ADDON, Path.TERRAFORM])
def test_a_part_that_two_paths_make_has_the_same_settings(
    parts: dict[Path, Parts], path: Path, part: str
) -> None:
    if part not in parts[path]:
        assert reasons(path)[part, ""]
        return
    ours, theirs = parts[Path.CDK][part], parts[path][part]
    excused = {setting for other, setting in reasons(path) if other == part}
    assert {key: value for key, value in theirs.items() if key not in excused} == {
        key: value for key, value in ours.items() if key not in excused
    }
    assert all(ours.get(key) != theirs.get(key) for key in excused), "an excuse that is no longer needed"


def test_the_app_hands_on_what_the_operator_tells_cloudwatch(parts: dict[Path, Parts]) -> None:
    assert parts[Path.CDK]["self-hosted operator"]["ENABLE_CLOUDWATCH_METRICS"] == "true"
    with pytest.raises(PropertyError, match="cloudwatchMetrics: got True, expected false, or engine: self-"):
        StackSettings(cloudwatch_metrics=True)


@pytest.mark.parametrize("write", [paths.terraform_variables, paths.create_addon])
def test_what_installs_the_add_on_refuses_the_other_operator(write: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="got self-hosted, expected addon"):
        write(StackSettings(engine=Engine.SELF_HOSTED))


def test_every_difference_has_a_reason() -> None:
    assert all(each.part in PARTS and len(each.reason) > 40 for each in DIFFERENCES)


# --- what the CDK writes


def _self_hosted() -> dict[str, Any]:
    """Of another stack: it stands in for the inference add-on."""
    settings = StackSettings.from_context(
        {"hyperpod-inference:engine": "self-hosted", "hyperpod-inference:cloudwatchMetrics": "true"}
    )
    stack = InferenceStack(App(builtin_cloud_formation_validation=False), "Stack", settings)
    command = stack.inference.self_hosted
    assert command is not None
    return {"self-hosted operator": dict(command.environment)}


def of_cdk(resources: Mapping[str, Any]) -> dict[str, Any]:
    """The parts in a template."""

    def kind(name: str) -> list[dict[str, Any]]:
        return [each.get("Properties", {}) for each in resources.values() if each["Type"] == name]

    addons = {each["AddonName"]: each for each in kind("AWS::EKS::Addon")}
    endpoints = {each["VpcEndpointType"]: each for each in kind("AWS::EC2::VPCEndpoint")}
    (provider,) = kind("AWS::IAM::OIDCProvider")
    (tls,) = [each for each in kind("AWS::S3::Bucket") if "LoggingConfiguration" in each]
    (logs,) = [each for each in kind("AWS::S3::Bucket") if "LoggingConfiguration" not in each]
    (workspace,) = kind("AWS::APS::Workspace")
    (association,) = kind("AWS::EKS::PodIdentityAssociation")
    collector = addons[OBSERVABILITY]
    denied = [_denials(each["PolicyDocument"]["Statement"]) for each in kind("AWS::S3::BucketPolicy")]
    return {
        "network": kind("AWS::EC2::VPC"),
        "interface endpoints": endpoints["Interface"],
        "EKS cluster": kind("AWS::EKS::Cluster"),
        "HyperPod cluster": kind("AWS::SageMaker::Cluster"),
        "node add-ons": [addons[name] for name in (*NODE_ADDONS, *WORKLOAD_ADDONS)],
        "OIDC provider": {"audience": provider["ClientIdList"], "tags": _tags(provider)},
        "roles": _cdk_roles(resources),
        "TLS bucket": _cdk_bucket(tls, denied) | {"name": "BucketName" in tls},
        "log bucket": _cdk_bucket(logs, denied),
        "S3 endpoint": {"service": ".s3" in json.dumps(endpoints["Gateway"]["ServiceName"])},
        "dependency add-ons": {name: _cdk_addon(addons[name]) for name in DEPENDENCY_ADDONS},
        "inference add-on": _cdk_addon(addons[INFERENCE])
        | {"configuration": _shape(_values(addons[INFERENCE]))},
        "training operator": _cdk_addon(addons[TRAINING])
        | {"association": (association["Namespace"], association["ServiceAccount"])},
        "task governance": _cdk_addon(addons[TASK_GOVERNANCE]),
        "observability": _cdk_addon(collector)
        | {
            "workspace": workspace["Alias"],
            "metrics": _values(collector)["metricsProvider"],
            "account": collector["PodIdentityAssociations"][0]["ServiceAccount"],
        },
    }


def _cdk_roles(resources: Mapping[str, Any]) -> dict[str, Any]:
    keys = {spec["description"]: key for key, spec in definition()["roles"].items()}
    found: dict[str, Any] = {"name": None}
    for name, each in resources.items():
        body = each.get("Properties", {})
        if each["Type"] != "AWS::IAM::Role" or body.get("Description") not in keys:
            continue
        policies = [
            _statements(other["Properties"]["PolicyDocument"]["Statement"])
            for other in resources.values()
            if other["Type"] == "AWS::IAM::ManagedPolicy" and other["Properties"]["Roles"] == [{"Ref": name}]
        ]
        if "RoleName" in body:
            found["name"] = "whole"
        found[keys[body["Description"]]] = {
            "trust": json.loads(body["AssumeRolePolicyDocument"]["Fn::Sub"][0]),
            "aws_policy": [_text(arn).rpartition("/")[2] for arn in body.get("ManagedPolicyArns", [])],
            "statements": [each for policy in policies for each in policy],
            "tags": _tags(body),
        }
    return found


def _cdk_bucket(body: Mapping[str, Any], denied: list[Any]) -> dict[str, Any]:
    encryption = body["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    rule = body["LifecycleConfiguration"]["Rules"][0]
    return {
        "versioning": body["VersioningConfiguration"]["Status"],
        "encryption": encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"],
        "private": sorted(body["PublicAccessBlockConfiguration"].values()) == [True] * 4,
        "ownership": body["OwnershipControls"]["Rules"][0]["ObjectOwnership"],
        "noncurrent_days": rule["NoncurrentVersionExpiration"]["NoncurrentDays"],
        "days": rule.get("ExpirationInDays"),
        "abort_days": rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"],
        "log_prefix": body.get("LoggingConfiguration", {}).get("LogFilePrefix"),
        "denied": denied[0] if denied == [denied[0]] * 2 else denied,
        "tags": _tags(body),
    }


def _cdk_addon(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": body.get("AddonVersion"),
        "conflicts": body["ResolveConflicts"],
        "role": "ServiceAccountRoleArn" in body,
        "tags": _tags(body),
    }


def _tags(body: Mapping[str, Any]) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in body["Tags"] if each["Key"] != "Name"}


def _values(addon: Mapping[str, Any]) -> Any:
    return json.loads(_text(addon["ConfigurationValues"]))


def _text(value: Any) -> str:
    """A template's text, with what it refers to left out."""
    if isinstance(value, str):
        return value
    parts = value.get("Fn::Join", [None, ["aws" if value == {"Ref": "AWS::Partition"} else ""]])[1]
    return "".join(map(_text, parts)) if "Fn::Join" in value else parts[0]


def _statements(statements: Any) -> list[Any]:
    return [
        (set(_listed(each["Action"])), {_pattern(arn) for arn in _listed(each["Resource"])}, _condition(each))
        for each in statements
    ]


def _condition(statement: Mapping[str, Any]) -> Any:
    """The account is a reference in a template, and an expression in Terraform."""
    text = json.dumps(statement.get("Condition"))
    return json.loads(
        text.replace('{"Ref": "AWS::AccountId"}', '"ACCOUNT"').replace("${local.account_id}", "ACCOUNT")
    )


def _pattern(arn: Any) -> str:
    """An ARN, its partition `aws`, and REGION and ACCOUNT for those of the installation."""
    words = {"AWS::Partition": "aws", "AWS::Region": "REGION", "AWS::AccountId": "ACCOUNT"}
    if isinstance(arn, str):
        return arn
    return "".join(part if isinstance(part, str) else words[part["Ref"]] for part in arn["Fn::Join"][1])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _denials(statements: list[dict[str, Any]]) -> list[Any]:
    denied = [each["Condition"] for each in statements if each["Effect"] == "Deny"]
    return sorted(json.dumps(each).replace('"1.2"', "1.2") for each in denied)


def _shape(document: Any) -> Any:
    """A document with the values that each installation has of its own left out: ARNs and names."""
    if isinstance(document, dict):
        return {key: _shape(value) for key, value in document.items()}
    return document if isinstance(document, bool) else "its own"


# --- what the command writes


def of_create_addon() -> dict[str, Any]:
    """The one part, with the settings of an installation on parts that exist."""
    settings = StackSettings(
        eks_cluster_name="mine",
        oidc_issuer_url="https://oidc.eks.us-west-2.amazonaws.com/id/EXAMPLE",
        hyperpod_cluster_arn="arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234",
        tls_bucket_name="hyperpod-tls-mine",
        execution_role_arn=f"{ROLE}/SageMakerHyperPodInference-mine",
        jumpstart_gated_model_role_arn=f"{ROLE}/gated",
        alb_controller_role_arn=f"{ROLE}/alb",
        keda_operator_role_arn=f"{ROLE}/keda",
    )
    call = paths.create_addon(settings)
    addon = {
        "version": call["addonVersion"],
        "conflicts": call["resolveConflicts"],
        "role": "serviceAccountRoleArn" in call,
        "tags": call["tags"],
        "configuration": _shape(json.loads(call["configurationValues"])),
    }
    return {"inference add-on": addon}


# --- what the Terraform module writes


def of_terraform(blocks: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The parts in the module: what an expression reads from the data file is read there."""
    data = json.loads((MODULE / "definition.json").read_text())
    collector = blocks["aws_eks_addon.observability"]
    association = blocks["aws_eks_pod_identity_association.training_operator"]
    endpoint = blocks["aws_vpc_endpoint.s3"]
    dependency = _terraform_addon(blocks["aws_eks_addon.dependency"], data)
    return {
        "OIDC provider": {
            "audience": [
                _read(each, data) for each in blocks["aws_iam_openid_connect_provider.this"]["client_id_list"]
            ],
            "tags": _read_tags(blocks["aws_iam_openid_connect_provider.this"], data),
        },
        "roles": _terraform_roles(blocks, data),
        "TLS bucket": _terraform_bucket(blocks, data, "tls")
        | {"name": "bucket" in blocks["aws_s3_bucket.tls"]},
        "log bucket": _terraform_bucket(blocks, data, "logs"),
        "S3 endpoint": {"service": endpoint["service_name"].strip('"').endswith(".s3")},
        "dependency add-ons": {
            name: dependency | {"version": version, "role": name in data["driver_roles"]}
            for name, version in data["dependencies"].items()
        },
        "inference add-on": _terraform_addon(blocks["aws_eks_addon.inference"], data)
        | {"version": data["addon"]["version"], "configuration": _terraform_configuration()},
        "training operator": _terraform_addon(blocks["aws_eks_addon.training_operator"], data)
        | {"association": tuple(_read(association[key], data) for key in ("namespace", "service_account"))},
        "task governance": _terraform_addon(blocks["aws_eks_addon.task_governance"], data),
        "observability": _terraform_addon(collector, data)
        | {
            "workspace": blocks["aws_prometheus_workspace.this"]["alias"].strip('"'),
            "metrics": data["observability"]["metrics"] if ".metrics" in str(collector) else None,
            "account": _read(collector["pod_identity_association"][0]["service_account"], data),
        },
    }


def _terraform_roles(blocks: Mapping[str, dict[str, Any]], data: Parts) -> dict[str, Any]:
    role, own = blocks["aws_iam_role.this"], blocks["aws_iam_policy.own"]
    assert "each.value.trust" in role["assume_role_policy"]
    assert "each.value" in own["policy"] and "partition" in own["policy"]
    found: dict[str, Any] = {"name": "prefix" if "name_prefix" in role else None}
    for key, spec in data["roles"].items():
        statements = spec["statements"] or (_read_models() if key == "s3_csi_driver" else [])
        found[key] = {
            "trust": json.loads(spec["trust"]),
            "aws_policy": [spec["aws_policy"]] if spec["aws_policy"] else [],
            "statements": _statements(statements),
            "tags": _read_tags(role, data),
        }
    return found


def _read_models() -> list[dict[str, Any]]:
    """The driver's statements, which depend on the buckets: with those of no bucket named."""
    for entry in hcl2.loads((MODULE / "roles.tf").read_text())["locals"]:
        text = json.dumps(entry["read_models"])
        assert "sagemaker-${local.region}-${local.account_id}" in json.dumps(entry["bucket_names"])
        assert "local.bucket_arns" in text and "local.own_account" in text
    arn = "arn:aws:s3:::sagemaker-REGION-ACCOUNT"
    own = {"StringEquals": {"aws:ResourceAccount": "ACCOUNT"}}
    assert "s3:ListBucket" in text and "s3:GetObject" in text and text.count("s3:") == 2
    return [
        {"Action": ["s3:ListBucket"], "Resource": [arn], "Condition": own},
        {"Action": ["s3:GetObject"], "Resource": [f"{arn}/*"], "Condition": own},
    ]


def _terraform_bucket(blocks: Mapping[str, dict[str, Any]], data: Parts, name: str) -> dict[str, Any]:
    settings = data["tls_bucket" if name == "tls" else "log_bucket"]
    encryption = blocks["aws_s3_bucket_server_side_encryption_configuration.this"]["rule"][0]
    public = blocks["aws_s3_bucket_public_access_block.this"]
    policy = blocks["aws_s3_bucket_policy.this"]["policy"]
    lifecycle = blocks["aws_s3_bucket_lifecycle_configuration.this"]
    assert f"local.definition.{'tls' if name == 'tls' else 'log'}_bucket.noncurrent_days" in str(lifecycle)
    return {
        "versioning": blocks["aws_s3_bucket_versioning.this"]["versioning_configuration"][0]["status"].strip(
            '"'
        ),
        "encryption": encryption["apply_server_side_encryption_by_default"][0]["sse_algorithm"].strip('"'),
        "private": [value for key, value in public.items() if "public" in key] == [True] * 4,
        "ownership": blocks["aws_s3_bucket_ownership_controls.this"]["rule"][0]["object_ownership"].strip(
            '"'
        ),
        "noncurrent_days": settings["noncurrent_days"],
        "days": settings["days"],
        "abort_days": settings["abort_days"] if "abort_days" in str(lifecycle) else None,
        "log_prefix": settings["log_prefix"] if "aws_s3_bucket_logging.tls" in blocks else None,
        "denied": sorted(
            [
                json.dumps({"Bool": {"aws:SecureTransport": "false"}})
                if '"aws:SecureTransport"' in policy
                else "",
                json.dumps({"NumericLessThan": {"s3:TlsVersion": data["tls_bucket"]["minimum_tls"]}})
                if '"s3:TlsVersion"' in policy
                else "",
            ]
        ),
        "tags": _read_tags(blocks[f"aws_s3_bucket.{name}"], data),
    }


def _terraform_addon(body: Mapping[str, Any], data: Parts) -> dict[str, Any]:
    create, update = body["resolve_conflicts_on_create"], body["resolve_conflicts_on_update"]
    assert create == update
    return {
        "version": None,
        "conflicts": _read(create, data),
        "role": "service_account_role_arn" in body,
        "tags": _read_tags(body, data),
    }


def _terraform_configuration() -> Any:
    """The document's keys, as the module writes them; `test_module.py` has Terraform evaluate it."""
    text = (MODULE / "modules/configuration/main.tf").read_text()
    keys = (
        "executionRoleArn",
        "tlsCertificateS3Bucket",
        "hyperpodClusterArn",
        "jumpstartGatedModelDownloadRoleArn",
    )
    found: dict[str, Any] = {key: "its own" for key in keys if f"{key} " in text}
    if "serviceAccount = { create = true, roleArn =" in text:
        found["alb"] = {"enabled": True, "serviceAccount": {"create": True, "roleArn": "its own"}}
    if "aws = { irsa = { enabled = true, roleArn =" in text:
        irsa = {"enabled": True, "roleArn": "its own"}
        found["keda"] = {"enabled": True, "auth": {"aws": {"irsa": irsa}}}
    return found


def _read(expression: str, data: Parts) -> Any:
    """What `${local.definition.a.b}` reads."""
    value: Any = data
    for key in expression.strip('"').removeprefix("${local.definition.").removesuffix("}").split("."):
        value = value[key]
    return value


def _read_tags(body: Mapping[str, Any], data: Parts) -> dict[str, str]:
    assert body["tags"] == "${local.tags}"
    tags: dict[str, str] = data["tags"]
    return tags
