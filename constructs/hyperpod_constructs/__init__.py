"""CDK constructs for SageMaker HyperPod inference on EKS.

    from hyperpod_constructs import HyperPodInference
    HyperPodInference(stack, "Inference")

makes all of it. Each part is a construct of its own and can be passed in instead. Values without the CDK
(settings, instance groups, the add-on's configuration) come from `hyperpod_inference.installation`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hyperpod_constructs.access_entries import AccessEntry, AccessPolicy
from hyperpod_constructs.addons import AddonSet, InferenceAddon
from hyperpod_constructs.checks import add_checks
from hyperpod_constructs.eks_cluster import ControlPlaneLog, EksCluster, EksClusterProps, ExistingEksCluster
from hyperpod_constructs.endpoints import Endpoints
from hyperpod_constructs.hyperpod_cluster import (
    Autoscaling,
    ExistingHyperPodCluster,
    HyperPodCluster,
    HyperPodClusterProps,
    NodeRecovery,
    TieredStorage,
)
from hyperpod_constructs.inference import HyperPodInference
from hyperpod_constructs.network import ExistingNetwork, Network, NetworkProps
from hyperpod_constructs.roles import ExistingRoles, InferenceRoles, Pods, ServiceAccountRole
from hyperpod_constructs.self_hosted import SelfHostedOperator
from hyperpod_constructs.stack import ClusterStack, InferenceStack, make_stacks
from hyperpod_constructs.tls_bucket import TlsBucket, TlsBucketProps
from hyperpod_inference.installation.addon_configuration import (
    AddonConfiguration,
    AlbSettings,
    GatewaySettings,
    KedaSettings,
)
from hyperpod_inference.installation.addons import AddonOptions
from hyperpod_inference.installation.errors import PropertyError
from hyperpod_inference.installation.instance_groups import (
    Capacity,
    DeepHealthCheck,
    InstanceGroup,
    LifecycleScript,
    NetworkInterface,
    Taint,
)
from hyperpod_inference.installation.observability import MetricLevel
from hyperpod_inference.installation.quotas import ComputeQuota, Preemption, QuotaResource, Sharing
from hyperpod_inference.installation.settings import Engine, StackSettings
from hyperpod_inference.installation.trust import Identity

if TYPE_CHECKING:
    from hyperpod_constructs.alarms import InferenceAlarms
    from hyperpod_constructs.custom_resources import EndpointError, InferenceEndpoint, JumpStartEndpoint
    from hyperpod_constructs.dashboard import InferenceDashboard
    from hyperpod_constructs.monitoring import EndpointMetrics
    from hyperpod_constructs.operator_metrics import EndpointState, OperatorMetrics
    from hyperpod_constructs.siblings import (
        GrafanaWorkspace,
        Observability,
        ObservabilityProps,
        TaskGovernance,
        TrainingOperator,
    )

_LATER = {
    "EndpointError": "custom_resources",
    "EndpointMetrics": "monitoring",
    "EndpointState": "operator_metrics",
    "GrafanaWorkspace": "siblings",
    "InferenceAlarms": "alarms",
    "InferenceDashboard": "dashboard",
    "InferenceEndpoint": "custom_resources",
    "JumpStartEndpoint": "custom_resources",
    "Observability": "siblings",
    "ObservabilityProps": "siblings",
    "OperatorMetrics": "operator_metrics",
    "TaskGovernance": "siblings",
    "TrainingOperator": "siblings",
}
"""What loads services of AWS that the rest does not need: imported when first asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)


__all__ = [
    "AccessEntry",
    "AccessPolicy",
    "AddonConfiguration",
    "AddonOptions",
    "AddonSet",
    "AlbSettings",
    "Autoscaling",
    "Capacity",
    "ClusterStack",
    "ComputeQuota",
    "ControlPlaneLog",
    "DeepHealthCheck",
    "EksCluster",
    "EksClusterProps",
    "EndpointError",
    "EndpointMetrics",
    "EndpointState",
    "Endpoints",
    "Engine",
    "ExistingEksCluster",
    "ExistingHyperPodCluster",
    "ExistingNetwork",
    "ExistingRoles",
    "GatewaySettings",
    "GrafanaWorkspace",
    "HyperPodCluster",
    "HyperPodClusterProps",
    "HyperPodInference",
    "Identity",
    "InferenceAddon",
    "InferenceAlarms",
    "InferenceDashboard",
    "InferenceEndpoint",
    "InferenceRoles",
    "InferenceStack",
    "InstanceGroup",
    "JumpStartEndpoint",
    "KedaSettings",
    "LifecycleScript",
    "MetricLevel",
    "Network",
    "NetworkInterface",
    "NetworkProps",
    "NodeRecovery",
    "Observability",
    "ObservabilityProps",
    "OperatorMetrics",
    "Pods",
    "Preemption",
    "PropertyError",
    "QuotaResource",
    "SelfHostedOperator",
    "ServiceAccountRole",
    "Sharing",
    "StackSettings",
    "Taint",
    "TaskGovernance",
    "TieredStorage",
    "TlsBucket",
    "TlsBucketProps",
    "TrainingOperator",
    "add_checks",
    "make_stacks",
]
