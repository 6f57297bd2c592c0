"""HyperPod inference as one construct: everything is made, or taken from what you have.

Quick Install is `HyperPodInference(stack, "Inference")`. Custom Install passes, for each part, either the
properties of a new one or the one that exists; a construct of this package made elsewhere counts as existing.
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from aws_cdk import Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from hyperpod_constructs.addon_configuration import AddonConfiguration, AlbSettings, KedaSettings
from hyperpod_constructs.addons import (
    DEPENDENCY_ADDONS,
    WORKLOAD_ADDONS,
    AddonSet,
    InferenceAddon,
    check_addon_names,
)
from hyperpod_constructs.compatibility import DEFAULT_INFERENCE_VERSION, check_region
from hyperpod_constructs.eks_cluster import EksCluster, EksClusterLike, EksClusterProps
from hyperpod_constructs.errors import PropertyError
from hyperpod_constructs.hyperpod_cluster import HyperPodCluster, HyperPodClusterLike, HyperPodClusterProps
from hyperpod_constructs.naming import tag_created_by
from hyperpod_constructs.network import Network, NetworkLike, NetworkProps
from hyperpod_constructs.roles import ExistingRoles, InferenceRoles
from hyperpod_constructs.tls_bucket import TlsBucket, TlsBucketProps

_NEW_NETWORK: Final = NetworkProps()
_NEW_EKS: Final = EksClusterProps()
_NEW_HYPERPOD: Final = HyperPodClusterProps()
_NEW_BUCKET: Final = TlsBucketProps()
_NO_ROLES: Final = ExistingRoles()
_NO_VERSIONS: Final[Mapping[str, str | None]] = MappingProxyType({})


class HyperPodInference(Construct):
    """HyperPod inference on EKS, through AWS's managed add-on.

    Args:
        network: of new clusters; default a new one. Where both clusters exist, none is needed or made.
        eks_cluster: default a new one.
        hyperpod_cluster: default a new one. One that exists belongs to an EKS cluster that exists: pass both.
        tls_bucket: for certificates; default a new one.
        roles: those that exist; default all are made.
        model_buckets: names of the buckets that models are mounted from; default all of the account, to read.
        existing_addons: dependency add-ons that the cluster runs already; default none.
        addon_versions: version by name of a dependency add-on; default the lowest that is accepted.
        inference_version: of the inference add-on; default v1.5.0-eksbuild.1.
        install_alb_controller, install_keda: False reuses a controller that you installed; default True.

    Attributes:
        network: None where both clusters exist.
        eks_cluster, hyperpod_cluster, tls_bucket, roles: the parts, made or given.
        dependencies: the dependency add-ons.
        addon: the inference add-on.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: NetworkProps | NetworkLike = _NEW_NETWORK,
        eks_cluster: EksClusterProps | EksClusterLike = _NEW_EKS,
        hyperpod_cluster: HyperPodClusterProps | HyperPodClusterLike = _NEW_HYPERPOD,
        tls_bucket: TlsBucketProps | s3.IBucket = _NEW_BUCKET,
        roles: ExistingRoles = _NO_ROLES,
        model_buckets: Sequence[str] = (),
        existing_addons: Collection[str] = (),
        addon_versions: Mapping[str, str | None] = _NO_VERSIONS,
        inference_version: str = DEFAULT_INFERENCE_VERSION,
        install_alb_controller: bool = True,
        install_keda: bool = True,
    ) -> None:
        super().__init__(scope, construct_id)
        check_region(self, Stack.of(self).region)
        check_addon_names(self, "existing_addons", existing_addons)
        check_addon_names(self, "addon_versions", addon_versions)
        self._check_parts(network, eks_cluster, hyperpod_cluster)
        self.network = self._network(network, eks_cluster, hyperpod_cluster)
        self.eks_cluster = self._eks_cluster(eks_cluster)
        self.hyperpod_cluster = self._hyperpod_cluster(hyperpod_cluster)
        self.tls_bucket = self._tls_bucket(tls_bucket)
        self.roles = InferenceRoles(
            self,
            "Roles",
            issuer=self.eks_cluster.issuer,
            tls_bucket=self.tls_bucket,
            existing=roles,
            model_buckets=model_buckets,
            alb_controller=install_alb_controller,
            keda_operator=install_keda,
        )
        self.dependencies = self._dependencies(existing_addons, addon_versions)
        self.addon = self._addon(inference_version)
        tag_created_by(self)

    def _check_parts(
        self,
        network: NetworkProps | NetworkLike,
        eks_cluster: EksClusterProps | EksClusterLike,
        hyperpod_cluster: HyperPodClusterProps | HyperPodClusterLike,
    ) -> None:
        """A part that exists needs the parts that it was made on."""
        if isinstance(eks_cluster, EksClusterProps) and not isinstance(
            hyperpod_cluster, HyperPodClusterProps
        ):
            allowed = "the EKS cluster that the HyperPod cluster given belongs to"
            fix = "Pass ExistingEksCluster(...), or leave hyperpod_cluster out."
            raise PropertyError(self, "eks_cluster", type(eks_cluster).__name__, allowed, fix)
        both_exist = not isinstance(hyperpod_cluster, HyperPodClusterProps)
        if (
            not isinstance(eks_cluster, EksClusterProps)
            and not both_exist
            and isinstance(network, NetworkProps)
        ):
            allowed = "the network of the EKS cluster that was given"
            fix = "Pass ExistingNetwork(vpc=...): the new HyperPod cluster joins that EKS cluster's VPC."
            raise PropertyError(self, "network", type(network).__name__, allowed, fix)

    def _network(
        self,
        given: NetworkProps | NetworkLike,
        eks_cluster: EksClusterProps | EksClusterLike,
        hyperpod_cluster: HyperPodClusterProps | HyperPodClusterLike,
    ) -> NetworkLike | None:
        if not isinstance(given, NetworkProps):
            return given
        if not isinstance(hyperpod_cluster, HyperPodClusterProps):
            return None
        return Network(self, "Network", given, encryption_key=self._key())

    def _eks_cluster(self, given: EksClusterProps | EksClusterLike) -> EksClusterLike:
        if not isinstance(given, EksClusterProps):
            return given
        network = self._placed()
        cluster = EksCluster(
            self, "Eks", given, subnet_ids=network.private_subnet_ids, encryption_key=self._key()
        )
        if isinstance(network, Network):
            cluster.resource.node.add_dependency(network.connectivity)
        return cluster

    def _hyperpod_cluster(self, given: HyperPodClusterProps | HyperPodClusterLike) -> HyperPodClusterLike:
        if not isinstance(given, HyperPodClusterProps):
            return given
        network = self._placed()
        cluster = HyperPodCluster(
            self,
            "HyperPod",
            given,
            eks_cluster=self.eks_cluster,
            vpc=network.vpc,
            subnet_ids=network.private_subnet_ids,
        )
        if isinstance(self.eks_cluster, EksCluster):
            cluster.resource.node.add_dependency(self.eks_cluster.daemons)
        return cluster

    def _placed(self) -> NetworkLike:
        assert self.network is not None  # noqa: S101  (_check_parts has seen to it)
        return self.network

    def _tls_bucket(self, given: TlsBucketProps | s3.IBucket) -> s3.IBucket:
        return TlsBucket(self, "Tls", given).bucket if isinstance(given, TlsBucketProps) else given

    def _dependencies(self, existing: Collection[str], versions: Mapping[str, str | None]) -> AddonSet:
        """Deployments: they become active only on nodes, so they come after the HyperPod cluster."""
        new_cluster = isinstance(self.eks_cluster, EksCluster)
        addons = AddonSet(
            self,
            "Dependencies",
            cluster_name=self.eks_cluster.cluster_name,
            names=(*WORKLOAD_ADDONS, *DEPENDENCY_ADDONS) if new_cluster else DEPENDENCY_ADDONS,
            existing=existing,
            versions=versions,
            roles={
                "aws-mountpoint-s3-csi-driver": self.roles.s3_csi_driver,
                "aws-fsx-csi-driver": self.roles.fsx_csi_driver,
            },
        )
        if isinstance(self.hyperpod_cluster, HyperPodCluster):
            addons.node.add_dependency(self.hyperpod_cluster.resource)
        return addons

    def _addon(self, version: str) -> InferenceAddon:
        addon = InferenceAddon(
            self,
            "Addon",
            cluster_name=self.eks_cluster.cluster_name,
            configuration=self._configuration(),
            version=version,
        )
        addon.node.add_dependency(self.dependencies, self.roles.permissions)
        return addon

    def _configuration(self) -> AddonConfiguration:
        alb, keda = self.roles.alb_controller, self.roles.keda_operator
        return AddonConfiguration(
            execution_role_arn=self.roles.execution.role_arn,
            tls_bucket=self.tls_bucket.bucket_name,
            hyperpod_cluster_arn=self.hyperpod_cluster.cluster_arn,
            jumpstart_gated_model_role_arn=self.roles.jumpstart_gated_model.role_arn,
            alb=AlbSettings(enabled=alb is not None, role_arn=alb.role_arn if alb else None),
            keda=KedaSettings(enabled=keda is not None, role_arn=keda.role_arn if keda else None),
        )

    def _key(self) -> kms.IKey:
        """One key for the flow log and the cluster's secrets, made when first asked for."""
        made = self.node.try_find_child("Key")
        if isinstance(made, kms.Key):
            return made
        return kms.Key(self, "Key", enable_key_rotation=True, description="HyperPod inference")
