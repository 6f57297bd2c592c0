"""One installation as one typed value, for all ways to install.

The CDK app reads it from its context (keys that begin with `hyperpod-inference:`, set in `cdk.json` or by
`cdk synth -c KEY=VALUE`), `hyperpod-inference install` from a YAML file with the same keys without the
prefix. Lists may be comma-separated text. An unknown key is an error, so that a misspelt one is never
ignored.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from hyperpod_inference.installation.addons import check_names
from hyperpod_inference.installation.compatibility import (
    DEFAULT_INFERENCE_VERSION,
    DEFAULT_KUBERNETES_VERSION,
    INFERENCE,
    check_inference_version,
    check_kubernetes_version,
    check_pair,
    check_region,
)
from hyperpod_inference.installation.errors import PropertyError, require_one_of
from hyperpod_inference.installation.instance_groups import DEFAULT_INSTANCE_GROUPS, InstanceGroup
from hyperpod_inference.installation.values import (
    ACCOUNT,
    BUCKET_NAME,
    CLUSTER_ARN,
    EKS_NAME,
    ISSUER_URL,
    PRINCIPAL_ARN,
    REGION,
    ROLE_ARN,
    SECURITY_GROUP_ID,
    SUBNET_ID,
    VPC_ID,
    ZONE,
    Shape,
    check,
    check_all,
)

PREFIX: Final = "hyperpod-inference:"
DESTROY_KEY: Final = "hyperpod-inference:destroyData"
"""Context key: the second of the two keys that let a stack delete its data."""

DEFAULT_CIDR: Final = "10.0.0.0/16"
_CONTEXT: Final = "CDK context"


class Engine(StrEnum):
    """Which operator reconciles the endpoints."""

    ADDON = "addon"
    """AWS's, installed and upgraded by EKS as a managed add-on."""
    SELF_HOSTED = "self-hosted"
    """This project's, from its charts, applied with kubectl, Helm or GitOps."""


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """One installation. Nothing set is Quick Install.

    A key is the field's name in camel case: `hyperpod-inference:kubernetesVersion` sets
    `kubernetes_version`.

    Args:
        stack_name: default HyperPodInference.
        account, region: default those of who deploys.
        cidr, zones, nat_gateways: of a new VPC, see `NetworkProps`.
        kubernetes_version, admins, public_access_cidrs: of a new EKS cluster, see `EksClusterProps`.
        instance_groups: of a new HyperPod cluster: JSON objects, or `NAME=TYPE:COUNT`.
        engine: addon, AWS's operator, or self-hosted, this project's; default addon.
        inference_version: of the inference add-on.
        vpc_id, subnet_ids: a VPC that exists, with private subnets in two zones or more.
        eks_cluster_name, oidc_issuer_url, eks_security_group_id: an EKS cluster that exists.
        hyperpod_cluster_arn: a HyperPod cluster that exists, on that EKS cluster.
        tls_bucket_name: a bucket that exists.
        execution_role_arn, jumpstart_gated_model_role_arn, alb_controller_role_arn, keda_operator_role_arn,
            s3_csi_driver_role_arn, fsx_csi_driver_role_arn: roles that exist.
        existing_addons: dependency add-ons that the cluster runs already.
        model_buckets: names of the buckets that models are mounted from.
        install_alb_controller, install_keda: False reuses a controller that you installed; default True.
        karpenter: let HyperPod add and remove instances as pods ask for them; default False.
        training_operator, task_governance, observability: HyperPod's other add-ons; default False.
        cloudwatch_metrics: the self-hosted operator tells CloudWatch of its endpoints and of itself; default
            False.
        two_stacks: the EKS cluster in a stack of its own, so that AWS's chart `hyperpod-dependencies` can be
            installed before the HyperPod cluster is made; default False.
    """

    stack_name: str = "HyperPodInference"
    account: str | None = None
    region: str | None = None
    cidr: str = DEFAULT_CIDR
    zones: tuple[str, ...] = ()
    nat_gateways: int = 1
    kubernetes_version: str = DEFAULT_KUBERNETES_VERSION
    admins: tuple[str, ...] = ()
    public_access_cidrs: tuple[str, ...] = ()
    instance_groups: tuple[InstanceGroup, ...] = DEFAULT_INSTANCE_GROUPS
    engine: Engine = Engine.ADDON
    inference_version: str = DEFAULT_INFERENCE_VERSION
    vpc_id: str | None = None
    subnet_ids: tuple[str, ...] = ()
    eks_cluster_name: str | None = None
    oidc_issuer_url: str | None = None
    eks_security_group_id: str | None = None
    hyperpod_cluster_arn: str | None = None
    tls_bucket_name: str | None = None
    execution_role_arn: str | None = None
    jumpstart_gated_model_role_arn: str | None = None
    alb_controller_role_arn: str | None = None
    keda_operator_role_arn: str | None = None
    s3_csi_driver_role_arn: str | None = None
    fsx_csi_driver_role_arn: str | None = None
    existing_addons: tuple[str, ...] = ()
    model_buckets: tuple[str, ...] = ()
    install_alb_controller: bool = True
    install_keda: bool = True
    karpenter: bool = False
    training_operator: bool = False
    task_governance: bool = False
    observability: bool = False
    cloudwatch_metrics: bool = False
    two_stacks: bool = False

    def __post_init__(self) -> None:
        self._together("vpc_id", "subnet_ids")
        self._together("eks_cluster_name", "oidc_issuer_url")
        for name, shape in _SHAPES.items():
            value = getattr(self, name)
            if name in _LISTS:
                check_all(_SETTINGS, name, value, shape)
            else:
                check(_SETTINGS, name, value, shape)
        if self.region is not None:
            check_region(_SETTINGS, self.region)
        check_names(_SETTINGS, "existing_addons", self.existing_addons)
        check_kubernetes_version(_SETTINGS, self.kubernetes_version)
        check_inference_version(_SETTINGS, self.inference_version)
        check_pair(_SETTINGS, self.kubernetes_version, INFERENCE, self.inference_version)

        if self.cloudwatch_metrics and self.engine is not Engine.SELF_HOSTED:
            allowed = "false, or engine: self-hosted"
            raise PropertyError(_SETTINGS, camel("cloudwatch_metrics"), True, allowed, _NOT_TOLD)

    @staticmethod
    def from_context(context: Mapping[str, Any]) -> "StackSettings":
        """Read the keys with our prefix out of the app's whole context."""
        ours = {key.removeprefix(PREFIX): value for key, value in context.items() if key.startswith(PREFIX)}
        ours.pop(DESTROY_KEY.removeprefix(PREFIX), None)
        return StackSettings.from_mapping(ours, _CONTEXT, PREFIX)

    @staticmethod
    def from_mapping(values: Mapping[str, Any], where: str, prefix: str = "") -> "StackSettings":
        """Read camel-case keys; errors name `where` and the key with `prefix`."""
        read = {}
        for key, value in values.items():
            require_one_of(where, prefix or "key", key, _FIELDS)
            name = _FIELDS[key]
            parse: _Parser = _PARSERS.get(name, _text)
            read[name] = parse(_Key(where, prefix + key), value)
        return StackSettings(**read)

    def _together(self, first: str, second: str) -> None:
        one, other = getattr(self, first), getattr(self, second)
        if bool(one) != bool(other):
            missing, given = (second, first) if one else (first, second)
            raise PropertyError(_SETTINGS, camel(missing), None, f"a value beside {camel(given)}")


_SETTINGS: Final = "settings"
_NOT_TOLD: Final = "AWS does not publish what its own operator tells CloudWatch."


@dataclass(frozen=True, slots=True)
class _Key:
    """Where a value came from, for errors."""

    where: str
    name: str

    def error(self, got: object, allowed: str, fix: str = "") -> PropertyError:
        return PropertyError(self.where, self.name, got, allowed, fix)


_Parser = Callable[[_Key, Any], Any]


def camel(name: str) -> str:
    """`kubernetes_version` as `kubernetesVersion`."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _text(key: _Key, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise key.error(value, "text")
    return value


def _number(key: _Key, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise key.error(value, "a whole number") from error


def _boolean(key: _Key, value: Any) -> bool:
    words = {"true": True, "false": False}
    if str(value).lower() not in words:
        raise key.error(value, "true or false")
    return words[str(value).lower()]


def _engine(key: _Key, value: Any) -> Engine:
    require_one_of(key.where, key.name, str(value), list(Engine))
    return Engine(str(value))


def _items(key: _Key, value: Any) -> list[Any]:
    """A JSON array, as such or as text, or comma-separated text."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise key.error(value, "a JSON array", f"It stops at: {error}.") from error
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list):
        raise key.error(value, "a list, or text with commas")
    return value


def _texts(key: _Key, value: Any) -> tuple[str, ...]:
    return tuple(_text(key, item) for item in _items(key, value))


def _groups(key: _Key, value: Any) -> tuple[InstanceGroup, ...]:
    return tuple(_group(key, item) for item in _items(key, value))


_GROUP_FIELDS: Final = {
    camel(name): name
    for name in ("name", "instance_type", "count", "min_count", "volume_gib", "threads_per_core", "labels")
}


def _group(key: _Key, item: Any) -> InstanceGroup:
    if isinstance(item, dict):
        for given in item:
            require_one_of(key.where, key.name, given, _GROUP_FIELDS)
        values = {_GROUP_FIELDS[given]: value for given, value in item.items()}
        if {"name", "instance_type"} <= values.keys():
            return InstanceGroup(**values)
    name, _, rest = str(item).partition("=")
    instance_type, _, count = rest.partition(":")
    if isinstance(item, dict) or not name or not instance_type:
        allowed = "NAME=TYPE:COUNT, or an object with name, instanceType and count"
        raise key.error(item, allowed, "For example: accelerated=ml.g5.8xlarge:2")
    return InstanceGroup(name=name, instance_type=instance_type, count=_number(key, count or 1))


_LISTS: Final = frozenset(field.name for field in fields(StackSettings) if field.type == tuple[str, ...])
_FIELDS: Final = {camel(field.name): field.name for field in fields(StackSettings)}
_PARSERS: Final[Mapping[str, _Parser]] = {
    "nat_gateways": _number,
    "engine": _engine,
    "instance_groups": _groups,
} | {
    field.name: parse
    for parse, kind in ((_texts, tuple[str, ...]), (_boolean, bool))
    for field in fields(StackSettings)
    if field.type == kind
}
ROLE_FIELDS: Final = tuple(field.name for field in fields(StackSettings) if field.name.endswith("_role_arn"))
_SHAPES: Final[Mapping[str, Shape]] = {
    "account": ACCOUNT,
    "region": REGION,
    "zones": ZONE,
    "admins": PRINCIPAL_ARN,
    "vpc_id": VPC_ID,
    "subnet_ids": SUBNET_ID,
    "eks_cluster_name": EKS_NAME,
    "oidc_issuer_url": ISSUER_URL,
    "eks_security_group_id": SECURITY_GROUP_ID,
    "hyperpod_cluster_arn": CLUSTER_ARN,
    "tls_bucket_name": BUCKET_NAME,
    "model_buckets": BUCKET_NAME,
} | dict.fromkeys(ROLE_FIELDS, ROLE_ARN)
