"""The EKS add-ons of an installation as data: which there are, in what order, with which settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hyperpod_inference.installation.compatibility import DEPENDENCIES
from hyperpod_inference.installation.errors import require_one_of

NODE_ADDONS: Final = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
"""Daemons: active as soon as they are installed, with or without nodes, and needed for nodes to be ready."""

WORKLOAD_ADDONS: Final = ("coredns",)
"""Deployments of a new cluster: they become active only when there are nodes."""

DEPENDENCY_ADDONS: Final = tuple(DEPENDENCIES)
"""What the inference add-on's pre-flight checks look for."""

ALL_ADDONS: Final = (*NODE_ADDONS, *WORKLOAD_ADDONS, *DEPENDENCY_ADDONS)


@dataclass(frozen=True, kw_only=True)
class AddonOptions:
    """What to change of one add-on.

    Args:
        version: None is EKS's choice for the cluster; default the lowest that the inference add-on accepts
            for a dependency, else EKS's choice.
        configuration: its `configurationValues`; default those of the add-on.
        preserve_on_delete: leave its objects in the cluster when the add-on is deleted; default False.
    """

    version: str | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict)
    preserve_on_delete: bool = False


def default_version(name: str) -> str | None:
    """The version that is installed when none is asked for; None is EKS's choice."""
    return DEPENDENCIES.get(name)


def check_names(where: object, prop: str, names: Mapping[str, Any] | tuple[str, ...] | list[str]) -> None:
    """Each is an add-on that an installation brings."""
    for name in names:
        require_one_of(where, prop, name, ALL_ADDONS)
