"""What the app reads from its CDK context, as one typed value for `stack.py`.

Every key begins with `hyperpod-inference:` and is set in `cdk.json` or by `cdk synth -c KEY=VALUE`; lists are
JSON arrays or comma-separated text. An unknown key is an error, so that a misspelt one is never ignored.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from hyperpod_constructs.compatibility import DEFAULT_INFERENCE_VERSION, DEFAULT_KUBERNETES_VERSION
from hyperpod_constructs.errors import PropertyError, require_one_of
from hyperpod_constructs.instance_groups import DEFAULT_INSTANCE_GROUPS, InstanceGroup
from hyperpod_constructs.network import DEFAULT_CIDR
from hyperpod_constructs.tls_bucket import DESTROY_KEY

PREFIX: Final = "hyperpod-inference:"
_WHERE: Final = "CDK context"
_Parser = Callable[[str, Any], Any]


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """One installation, as the context describes it. Nothing set is Quick Install.

    A key is the field's name in camel case: `hyperpod-inference:kubernetesVersion` sets
    `kubernetes_version`.

    Args:
        stack_name: default HyperPodInference.
        account, region: default those of who deploys.
        cidr, zones, nat_gateways: of a new VPC, see `NetworkProps`.
        kubernetes_version, admins, public_access_cidrs: of a new EKS cluster, see `EksClusterProps`.
        instance_groups: of a new HyperPod cluster: JSON objects, or `NAME=TYPE:COUNT`.
        inference_version: of the inference add-on.
        vpc_id, subnet_ids: a VPC that exists, with private subnets in two zones or more.
        eks_cluster_name, oidc_issuer_url, eks_security_group_id: an EKS cluster that exists.
        hyperpod_cluster_arn: a HyperPod cluster that exists, on that EKS cluster.
        tls_bucket_name: a bucket that exists.
        execution_role_arn, jumpstart_gated_model_role_arn, alb_controller_role_arn, keda_operator_role_arn,
            s3_csi_driver_role_arn, fsx_csi_driver_role_arn: roles that exist.
        existing_addons: dependency add-ons that the cluster runs already.
        model_buckets: names of the buckets that models are mounted from.
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

    def __post_init__(self) -> None:
        self._together("vpc_id", "subnet_ids")
        self._together("eks_cluster_name", "oidc_issuer_url")

    @staticmethod
    def from_context(context: Mapping[str, Any]) -> "StackSettings":
        """Read the keys with our prefix out of the app's whole context."""
        ours = {key.removeprefix(PREFIX): value for key, value in context.items() if key.startswith(PREFIX)}
        ours.pop(DESTROY_KEY.removeprefix(PREFIX), None)
        values = {}
        for key, value in ours.items():
            require_one_of(_WHERE, PREFIX, key, _FIELDS)
            name = _FIELDS[key]
            parse: _Parser = _PARSERS.get(name, _text)
            values[name] = parse(PREFIX + key, value)
        return StackSettings(**values)

    def _together(self, first: str, second: str) -> None:
        one, other = getattr(self, first), getattr(self, second)
        if bool(one) != bool(other):
            missing, given = (second, first) if one else (first, second)
            raise PropertyError(_WHERE, PREFIX + _camel(missing), None, f"a value beside {_camel(given)}")


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise PropertyError(_WHERE, key, value, "text")
    return value


def _number(key: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise PropertyError(_WHERE, key, value, "a whole number") from error


def _items(key: str, value: Any) -> list[Any]:
    """A JSON array, as such or as text, or comma-separated text."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise PropertyError(_WHERE, key, value, "a JSON array", f"It stops at: {error}.") from error
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list):
        raise PropertyError(_WHERE, key, value, "a list, or text with commas")
    return value


def _texts(key: str, value: Any) -> tuple[str, ...]:
    return tuple(_text(key, item) for item in _items(key, value))


def _groups(key: str, value: Any) -> tuple[InstanceGroup, ...]:
    return tuple(_group(key, item) for item in _items(key, value))


def _group(key: str, item: Any) -> InstanceGroup:
    if isinstance(item, dict):
        fields_of_group = {_camel(name): name for name in ("name", "instance_type", "count", "volume_gib")}
        for given in item:
            require_one_of(_WHERE, key, given, fields_of_group)
        values = {fields_of_group[given]: value for given, value in item.items()}
        if {"name", "instance_type"} <= values.keys():
            return InstanceGroup(**values)
    name, _, rest = str(item).partition("=")
    instance_type, _, count = rest.partition(":")
    if isinstance(item, dict) or not name or not instance_type:
        allowed = "NAME=TYPE:COUNT, or an object with name, instanceType and count"
        raise PropertyError(_WHERE, key, item, allowed, "For example: accelerated=ml.g5.8xlarge:2")
    return InstanceGroup(name=name, instance_type=instance_type, count=_number(key, count or 1))


_FIELDS: Final = {_camel(field.name): field.name for field in fields(StackSettings)}
_PARSERS: Final[Mapping[str, _Parser]] = {
    "nat_gateways": _number,
    "instance_groups": _groups,
    **dict.fromkeys(
        ("zones", "admins", "public_access_cidrs", "subnet_ids", "existing_addons", "model_buckets"), _texts
    ),
}
