"""The add-ons that EKS publishes, as data: DescribeAddonVersions, DescribeAddonConfiguration.

The table holds what an installation of HyperPod inference uses. A well-formed version that it does not list
is taken as one that AWS published since.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from hyperpod_inference.local.aws.errors import AwsError
from hyperpod_inference.local.aws.wire import Params
from hyperpod_inference.local.aws.world import World, page

_VERSION: Final = re.compile(r"v\d+\.\d+\.\d+-eksbuild\.\d+")
_SAGEMAKER: Final = "amazon-sagemaker-hyperpod"
KUBERNETES_VERSIONS: Final = ("1.30", "1.31", "1.32", "1.33", "1.34")


@dataclass(frozen=True, kw_only=True)
class Published:
    """One add-on: its versions, newest first, and what it may be given."""

    name: str
    kind: str
    versions: tuple[str, ...]
    namespace: str = "kube-system"
    owner: str = "aws"
    required: tuple[str, ...] = ()
    """Keys without which the configuration is refused."""
    keys: tuple[str, ...] | None = None
    """The configuration's top-level keys; None: any object."""
    iam: bool = False
    schema: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        schema: dict[str, Any] = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}
        if self.keys is not None:
            schema |= {"additionalProperties": False, "properties": {key: {} for key in self.keys}}
        if self.required:
            schema["required"] = list(self.required)
        object.__setattr__(self, "schema", schema)


_INFERENCE: Final = Published(
    name=f"{_SAGEMAKER}-inference",
    kind="machine-learning",
    namespace="hyperpod-inference-system",
    versions=(
        "v2.1.0-eksbuild.1",
        "v2.0.0-eksbuild.2",
        "v2.0.0-eksbuild.1",
        "v1.5.0-eksbuild.1",
        "v1.4.0-eksbuild.1",
        "v1.3.0-eksbuild.1",
        "v1.2.0-eksbuild.1",
        "v1.0.1-eksbuild.1",
        "v1.0.0-eksbuild.1",
    ),
    required=("executionRoleArn", "tlsCertificateS3Bucket"),
)

_CATALOGUE: Final = (
    _INFERENCE,
    Published(
        name=f"{_SAGEMAKER}-taskgovernance",
        kind="machine-learning",
        namespace="kueue-system",
        versions=("v1.6.1-eksbuild.1",),
        keys=(),
    ),
    Published(
        name=f"{_SAGEMAKER}-training-operator",
        kind="machine-learning",
        namespace="aws-hyperpod",
        versions=("v1.2.1-eksbuild.1", "v1.2.0-eksbuild.1"),
    ),
    Published(
        name=f"{_SAGEMAKER}-observability",
        kind="observability",
        namespace="hyperpod-observability",
        versions=("v1.0.4-eksbuild.1",),
        iam=True,
    ),
    Published(
        name="aws-mountpoint-s3-csi-driver", kind="storage", versions=("v1.14.1-eksbuild.1",), iam=True
    ),
    Published(name="aws-fsx-csi-driver", kind="storage", versions=("v1.6.0-eksbuild.1",), iam=True),
    Published(name="aws-ebs-csi-driver", kind="storage", versions=("v1.48.0-eksbuild.1",), iam=True),
    Published(
        name="cert-manager",
        kind="security",
        namespace="cert-manager",
        owner="community",
        versions=("v1.18.2-eksbuild.2",),
    ),
    Published(
        name="metrics-server", kind="observability", owner="community", versions=("v0.7.2-eksbuild.4",)
    ),
    Published(name="eks-pod-identity-agent", kind="security", versions=("v1.3.8-eksbuild.2",)),
    Published(name="vpc-cni", kind="networking", versions=("v1.20.1-eksbuild.1",), iam=True),
    Published(name="kube-proxy", kind="networking", versions=("v1.33.3-eksbuild.4",)),
    Published(name="coredns", kind="networking", versions=("v1.12.2-eksbuild.4",)),
)
BY_NAME: Final = {addon.name: addon for addon in _CATALOGUE}


def published(name: str, version: str | None = None) -> tuple[Published, str]:
    """An add-on and its version, the newest when none is given; InvalidParameterException for others."""
    addon = BY_NAME.get(name)
    if addon is None:
        raise AwsError(
            "InvalidParameterException", f"Addon {name} specified is not supported", addonName=name
        )
    if version is not None and not _VERSION.fullmatch(version):
        message = f"Addon version specified is not supported: {version}"
        raise AwsError("InvalidParameterException", message, addonName=name)
    return addon, version or addon.versions[0]


def check_configuration(addon: Published, text: str) -> None:
    """Hold configuration values to the add-on's schema; InvalidParameterException says what breaks it."""
    try:
        values = json.loads(text)
    except ValueError as error:
        raise _bad(addon, f"it is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise _bad(addon, "it is not an object")
    if missing := [key for key in addon.required if not values.get(key)]:
        raise _bad(addon, f"missing: {', '.join(missing)}")
    if unknown := [key for key in values if addon.keys is not None and key not in addon.keys]:
        raise _bad(addon, f"not in the schema: {', '.join(unknown)}")


def _bad(addon: Published, why: str) -> AwsError:
    message = f"ConfigurationValue provided in request is not supported: {why}"
    return AwsError("InvalidParameterException", message, addonName=addon.name)


def describe_addon_versions(_world: World, params: Params) -> Params:
    """The published add-ons, filtered as asked."""
    name = params.get("addonName")
    if name is not None:
        published(name)
    wanted = params.get("kubernetesVersion")
    chosen = [addon for addon in _CATALOGUE if name in (None, addon.name)]
    chosen = [addon for addon in chosen if not params.get("types") or addon.kind in params["types"]]
    chosen = [addon for addon in chosen if not params.get("owners") or addon.owner in params["owners"]]
    versions = tuple(v for v in KUBERNETES_VERSIONS if wanted in (None, v))
    addons, token = page(chosen, params.get("maxResults"), params.get("nextToken"))
    result: Params = {"addons": [_info(addon, versions) for addon in addons]}
    return result | ({"nextToken": token} if token else {})


def describe_addon_configuration(_world: World, params: Params) -> Params:
    """The JSON schema of an add-on's configuration values."""
    addon, version = published(params["addonName"], params["addonVersion"])
    return {
        "addonName": addon.name,
        "addonVersion": version,
        "configurationSchema": json.dumps(addon.schema),
    }


def _info(addon: Published, kubernetes: tuple[str, ...]) -> Params:
    return {
        "addonName": addon.name,
        "type": addon.kind,
        "owner": addon.owner,
        "publisher": "eks",
        "defaultNamespace": addon.namespace,
        "addonVersions": [
            {
                "addonVersion": version,
                "architecture": ["amd64", "arm64"],
                "computeTypes": ["ec2", "hybrid"],
                "compatibilities": [
                    {
                        "clusterVersion": cluster_version,
                        "platformVersions": ["*"],
                        "defaultVersion": version == addon.versions[0],
                    }
                    for cluster_version in kubernetes
                ],
                "requiresConfiguration": bool(addon.required),
                "requiresIamPermissions": addon.iam,
            }
            for version in addon.versions
            if kubernetes
        ],
    }


OPERATIONS: Final = {
    "DescribeAddonVersions": describe_addon_versions,
    "DescribeAddonConfiguration": describe_addon_configuration,
}
