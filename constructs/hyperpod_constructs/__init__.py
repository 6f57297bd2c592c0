"""CDK constructs for SageMaker HyperPod inference on EKS.

    from hyperpod_constructs import HyperPodInference
    HyperPodInference(stack, "Inference")

makes all of it. Each part is a construct of its own and can be passed in instead.
"""

from hyperpod_constructs.addon_configuration import (
    AddonConfiguration,
    AlbSettings,
    GatewaySettings,
    KedaSettings,
)
from hyperpod_constructs.addons import AddonSet, InferenceAddon
from hyperpod_constructs.checks import add_checks
from hyperpod_constructs.eks_cluster import EksCluster, EksClusterProps, ExistingEksCluster
from hyperpod_constructs.endpoints import Endpoints
from hyperpod_constructs.errors import PropertyError
from hyperpod_constructs.hyperpod_cluster import (
    ExistingHyperPodCluster,
    HyperPodCluster,
    HyperPodClusterProps,
    NodeRecovery,
    TieredStorage,
)
from hyperpod_constructs.inference import HyperPodInference
from hyperpod_constructs.instance_groups import Capacity, DeepHealthCheck, InstanceGroup, LifecycleScript
from hyperpod_constructs.network import ExistingNetwork, Network, NetworkProps
from hyperpod_constructs.roles import ExistingRoles, InferenceRoles
from hyperpod_constructs.settings import StackSettings
from hyperpod_constructs.stack import InferenceStack
from hyperpod_constructs.tls_bucket import TlsBucket, TlsBucketProps

__all__ = [
    "AddonConfiguration",
    "AddonSet",
    "AlbSettings",
    "Capacity",
    "DeepHealthCheck",
    "EksCluster",
    "EksClusterProps",
    "Endpoints",
    "ExistingEksCluster",
    "ExistingHyperPodCluster",
    "ExistingNetwork",
    "ExistingRoles",
    "GatewaySettings",
    "HyperPodCluster",
    "HyperPodClusterProps",
    "HyperPodInference",
    "InferenceAddon",
    "InferenceRoles",
    "InferenceStack",
    "InstanceGroup",
    "KedaSettings",
    "LifecycleScript",
    "Network",
    "NetworkProps",
    "NodeRecovery",
    "PropertyError",
    "StackSettings",
    "TieredStorage",
    "TlsBucket",
    "TlsBucketProps",
    "add_checks",
]
