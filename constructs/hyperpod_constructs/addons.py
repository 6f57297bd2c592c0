"""The EKS add-ons: what every node runs, what the inference add-on needs, and the inference add-on itself.

L1, because the L2 add-on has no `resolve_conflicts` and no role. An add-on that the cluster runs already is
named in `existing` and left alone.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from aws_cdk import Stack
from aws_cdk import aws_eks as eks
from aws_cdk import aws_iam as iam
from constructs import Construct

from hyperpod_constructs.addon_configuration import AddonConfiguration
from hyperpod_constructs.compatibility import (
    DEFAULT_INFERENCE_VERSION,
    DEPENDENCIES,
    check_dependency_version,
    check_inference_version,
)
from hyperpod_constructs.errors import require_one_of
from hyperpod_constructs.naming import INFERENCE_ADDON

NODE_ADDONS: Final = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
"""Daemons: active as soon as they are installed, with or without nodes, and needed for nodes to be ready."""

WORKLOAD_ADDONS: Final = ("coredns",)
"""Deployments of a new cluster: they become active only when there are nodes."""

DEPENDENCY_ADDONS: Final = tuple(DEPENDENCIES)
"""What the inference add-on's pre-flight checks look for."""

_NO_VERSIONS: Final[Mapping[str, str | None]] = MappingProxyType({})


def _construct_id(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


class AddonSet(Construct):
    """Several add-ons with nothing to configure but a version and a role.

    Args:
        cluster_name: where they go.
        names: which; one of those in :data:`NODE_ADDONS`, :data:`WORKLOAD_ADDONS`, :data:`DEPENDENCY_ADDONS`.
        existing: those of `names` that the cluster runs already, which are left alone.
        versions: version by name; default the lowest accepted one of a dependency, else EKS's choice for the
            cluster. None asks for EKS's choice.
        roles: the role of an add-on's service account, by name.

    Attributes:
        addons: the add-ons made, by name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster_name: str,
        names: Collection[str],
        existing: Collection[str] = (),
        versions: Mapping[str, str | None] = _NO_VERSIONS,
        roles: Mapping[str, iam.IRole] = MappingProxyType({}),
    ) -> None:
        super().__init__(scope, construct_id)
        self.addons: dict[str, eks.CfnAddon] = {}
        for name in names:
            if name in existing:
                continue
            version = versions.get(name, DEPENDENCIES.get(name))
            check_dependency_version(self, name, version)
            self.addons[name] = eks.CfnAddon(
                self,
                _construct_id(name),
                addon_name=name,
                addon_version=version,
                cluster_name=cluster_name,
                resolve_conflicts="OVERWRITE",
                service_account_role_arn=roles[name].role_arn if name in roles else None,
            )


class InferenceAddon(Construct):
    """The add-on `amazon-sagemaker-hyperpod-inference`.

    Deleting it while custom resources with finalizers exist leaves CRDs that cannot be deleted: delete all
    InferenceEndpointConfigs and JumpStartModels first.

    Args:
        cluster_name: where it goes.
        configuration: what it is told.
        version: default v1.5.0-eksbuild.1.

    Attributes:
        configuration: as given.
        configuration_json: the document that the add-on gets; holds tokens.
        resource: the L1 add-on.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster_name: str,
        configuration: AddonConfiguration,
        version: str = DEFAULT_INFERENCE_VERSION,
    ) -> None:
        super().__init__(scope, construct_id)
        check_inference_version(self, version)
        configuration.check(version)
        self.configuration = configuration
        self.configuration_json = Stack.of(self).to_json_string(configuration.to_dict())
        self.resource = eks.CfnAddon(
            self,
            "Addon",
            addon_name=INFERENCE_ADDON,
            addon_version=version,
            cluster_name=cluster_name,
            configuration_values=self.configuration_json,
            resolve_conflicts="OVERWRITE",
        )


def check_addon_names(where: Construct, prop: str, names: Collection[str]) -> None:
    """Each is an add-on that this package installs."""
    for name in names:
        require_one_of(where, prop, name, (*NODE_ADDONS, *WORKLOAD_ADDONS, *DEPENDENCY_ADDONS))
