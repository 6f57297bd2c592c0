"""The EKS add-ons: what every node runs, what the inference add-on needs, and the inference add-on itself.

L1, because the L2 add-on has no `resolve_conflicts` and no role. An add-on that the cluster runs already is
named in `existing` and left alone. Names and versions are `hyperpod_inference.installation`'s.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from hyperpod_constructs.later import Bindings
from hyperpod_inference.installation.addon_configuration import RESOLVE_CONFLICTS, AddonConfiguration
from hyperpod_inference.installation.addons import AddonOptions, default_version
from hyperpod_inference.installation.compatibility import (
    DEFAULT_INFERENCE_VERSION,
    INFERENCE,
    check_addon_version,
    check_inference_version,
    check_pair,
)

if TYPE_CHECKING:
    from aws_cdk import aws_eks as eks
else:
    eks = Bindings("aws_eks")

Options = Mapping[str, AddonOptions]
NO_OPTIONS: Final[Options] = MappingProxyType({})


def _construct_id(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


class AddonSet(Construct):
    """Several add-ons whose only needs are a version, a role and settings.

    Args:
        cluster_name: where they go.
        names: which; of those in `installation.addons`.
        kubernetes_version: of the cluster, for the compatibility matrix; default not checked.
        existing: those of `names` that the cluster runs already, which are left alone.
        options: what to change, by name; default the lowest accepted version of a dependency, else EKS's
            choice.
        roles: the role of an add-on's service account (IRSA), by name.

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
        kubernetes_version: str | None = None,
        existing: Collection[str] = (),
        options: Options = NO_OPTIONS,
        roles: Mapping[str, iam.IRole] = MappingProxyType({}),
    ) -> None:
        super().__init__(scope, construct_id)
        self.addons: dict[str, eks.CfnAddon] = {}
        for name in names:
            if name in existing:
                continue
            chosen = options.get(name) or AddonOptions(version=default_version(name))
            check_addon_version(self, name, chosen.version)
            check_pair(self, kubernetes_version, name, chosen.version)
            settings = chosen.configuration
            self.addons[name] = eks.CfnAddon(
                self,
                _construct_id(name),
                addon_name=name,
                addon_version=chosen.version,
                cluster_name=cluster_name,
                configuration_values=Stack.of(self).to_json_string(dict(settings)) if settings else None,
                preserve_on_delete=chosen.preserve_on_delete or None,
                resolve_conflicts=RESOLVE_CONFLICTS,
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
        kubernetes_version: of the cluster, for the compatibility matrix; default not checked.

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
        kubernetes_version: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        check_inference_version(self, version)
        check_pair(self, kubernetes_version, INFERENCE, version)
        configuration.check(version)
        self.configuration = configuration
        self.configuration_json = Stack.of(self).to_json_string(configuration.to_dict())
        self.resource = eks.CfnAddon(
            self,
            "Addon",
            addon_name=INFERENCE,
            addon_version=version,
            cluster_name=cluster_name,
            configuration_values=self.configuration_json,
            resolve_conflicts=RESOLVE_CONFLICTS,
        )
