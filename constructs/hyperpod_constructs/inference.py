"""HyperPod inference as one construct: everything is made, or taken from what you have.

Quick Install is `HyperPodInference(stack, "Inference")`. Custom Install passes, for each part, either the
properties of a new one or the one that exists; a construct of this package made elsewhere counts as existing.
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from hyperpod_constructs.addons import NO_OPTIONS, AddonSet, InferenceAddon, Options
from hyperpod_constructs.eks_cluster import EksCluster, EksClusterLike, EksClusterProps
from hyperpod_constructs.hyperpod_cluster import HyperPodCluster, HyperPodClusterLike, HyperPodClusterProps
from hyperpod_constructs.naming import tag_all
from hyperpod_constructs.network import Network, NetworkLike, NetworkProps
from hyperpod_constructs.roles import ExistingRoles, InferenceRoles, Pods
from hyperpod_constructs.self_hosted import SelfHostedOperator
from hyperpod_constructs.tls_bucket import TlsBucket, TlsBucketProps
from hyperpod_inference.installation.addon_configuration import (
    AddonConfiguration,
    AlbSettings,
    GatewaySettings,
    KedaSettings,
)
from hyperpod_inference.installation.addons import DEPENDENCY_ADDONS, WORKLOAD_ADDONS, check_names
from hyperpod_inference.installation.compatibility import DEFAULT_INFERENCE_VERSION, check_region
from hyperpod_inference.installation.errors import PropertyError, require
from hyperpod_inference.installation.quotas import ComputeQuota
from hyperpod_inference.installation.settings import Engine
from hyperpod_inference.installation.trust import Identity

# At run time only where asked for: each service's module costs a synth that does not need it.
if TYPE_CHECKING:
    from hyperpod_constructs.siblings import (
        Observability,
        ObservabilityProps,
        TaskGovernance,
        TrainingOperator,
    )

_NEW_NETWORK: Final = NetworkProps()
_NEW_EKS: Final = EksClusterProps()
_NEW_HYPERPOD: Final = HyperPodClusterProps()
_NEW_BUCKET: Final = TlsBucketProps()
_NO_ROLES: Final = ExistingRoles()
_NO_TAGS: Final[Mapping[str, str]] = MappingProxyType({})


class HyperPodInference(Construct):
    """HyperPod inference on EKS.

    Args:
        network: of new clusters; default a new one. Where both clusters exist, none is needed or made.
        eks_cluster: default a new one.
        hyperpod_cluster: default a new one. One that exists belongs to an EKS cluster that exists: pass both.
        tls_bucket: for certificates; default a new one.
        roles: those that exist; default all are made.
        model_buckets: names of the buckets that models are mounted from; default SageMaker's own,
            `sagemaker-REGION-ACCOUNT`. :meth:`grant_read_weights` adds buckets of the stack.
        existing_addons: dependency add-ons that the cluster runs already; default none.
        addon_options: what to change of a dependency add-on, by name; default the lowest version accepted.
        engine: whose operator: AWS's add-on, or this project's, self-hosted; default the add-on.
        inference_version: of the inference add-on; default v1.5.0-eksbuild.1.
        install_alb_controller, install_keda: False reuses a controller that you installed; default True.
        gateway: of the inference gateway, from add-on v2.0.0; default the add-on's own.
        identity: how pods get their roles; default IRSA. Pod Identity needs the self-hosted engine.
        driver_identity: the same for the storage drivers, with either engine; default IRSA.
        endpoint_namespaces: for the gated model role under Pod Identity; default `default`.
        training_operator, task_governance: HyperPod's other add-ons; default False.
        compute_quotas: of task governance; default none.
        observability: metrics to Amazon Managed Prometheus; default False.
        cloudwatch_metrics: the operator tells CloudWatch of its endpoints and of itself, for
            :class:`InferenceAlarms` and :class:`InferenceDashboard`; default False. It needs the self-hosted
            engine.
        tags: of every resource, beside CreatedBy=HyperPodInference; default none.

    Attributes:
        network: None where both clusters exist.
        eks_cluster, hyperpod_cluster, tls_bucket, roles: the parts, made or given.
        dependencies: the dependency add-ons.
        addon: the inference add-on; None with the self-hosted engine.
        self_hosted: the command that installs the operator; None with the add-on.
        training_operator, task_governance, observability: None where not asked for.
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
        addon_options: Options = NO_OPTIONS,
        engine: Engine = Engine.ADDON,
        inference_version: str = DEFAULT_INFERENCE_VERSION,
        install_alb_controller: bool = True,
        install_keda: bool = True,
        gateway: GatewaySettings | None = None,
        identity: Identity = Identity.IRSA,
        driver_identity: Identity = Identity.IRSA,
        endpoint_namespaces: Sequence[str] = ("default",),
        training_operator: bool = False,
        task_governance: bool = False,
        compute_quotas: Sequence[ComputeQuota] = (),
        observability: "bool | ObservabilityProps" = False,
        cloudwatch_metrics: bool = False,
        tags: Mapping[str, str] = _NO_TAGS,
    ) -> None:
        super().__init__(scope, construct_id)
        check_region(self, Stack.of(self).region)
        check_names(self, "existing_addons", tuple(existing_addons))
        check_names(self, "addon_options", addon_options)
        self._check_parts(network, eks_cluster, hyperpod_cluster)
        self._check_engine(engine, identity)
        own = engine is Engine.SELF_HOSTED or not cloudwatch_metrics
        require(own, self, "cloudwatch_metrics", cloudwatch_metrics, "False, or engine self-hosted", _NAMES)
        require(
            task_governance or not compute_quotas, self, "compute_quotas", len(compute_quotas), _WITH_QUEUES
        )
        self.network = self._network(network, eks_cluster, hyperpod_cluster)
        self.eks_cluster = self._eks_cluster(eks_cluster)
        self.hyperpod_cluster = self._hyperpod_cluster(hyperpod_cluster)
        self.tls_bucket = self._tls_bucket(tls_bucket)
        self.roles = InferenceRoles(
            self,
            "Roles",
            pods=Pods(cluster_name=self.eks_cluster.cluster_name, issuer=self.eks_cluster.issuer),
            tls_bucket=self.tls_bucket,
            existing=roles,
            model_buckets=model_buckets,
            alb_controller=install_alb_controller,
            keda_operator=install_keda,
            identity=identity,
            driver_identity=driver_identity,
            namespaces=endpoint_namespaces,
        )
        irsa_drivers = driver_identity is Identity.IRSA
        self.dependencies = self._dependencies(existing_addons, addon_options, irsa_drivers)
        self.task_governance = self._task_governance(compute_quotas) if task_governance else None
        addon = engine is Engine.ADDON
        self.addon = self._addon(inference_version, gateway) if addon else None
        self.self_hosted = None if addon else self._self_hosted(cloudwatch_metrics)
        self.training_operator = self._training_operator() if training_operator else None
        self.observability = self._observability(observability) if observability else None
        tag_all(self, tags)

    def grant_invoke(self, grantee: iam.IGrantable, endpoint_name: str) -> iam.Grant:
        """Let `grantee` invoke the SageMaker endpoint of that name, and no other."""
        from hyperpod_constructs.custom_resources import grant_invoke

        return grant_invoke(self, grantee, endpoint_name)

    def grant_read_weights(self, bucket: s3.IBucket, prefix: str = "") -> None:
        """Let endpoints mount models from `bucket`, below `prefix` (default all of it)."""
        self.roles.grant_read_weights(bucket, prefix)

    def _check_engine(self, engine: Engine, identity: Identity) -> None:
        fits = engine is Engine.SELF_HOSTED or identity is Identity.IRSA
        fix = "AWS's add-on takes roles by IRSA only: its chart insists on their ARNs."
        require(fits, self, "identity", str(identity), "irsa, or engine self-hosted", fix)

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
            vpc=network.places if isinstance(network, Network) else network.vpc,
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

    def _dependencies(self, existing: Collection[str], options: Options, irsa_drivers: bool) -> AddonSet:
        """Deployments: they become active only on nodes, so they come after the HyperPod cluster."""
        new_cluster = isinstance(self.eks_cluster, EksCluster)
        drivers = {
            "aws-mountpoint-s3-csi-driver": self.roles.s3_csi_driver,
            "aws-fsx-csi-driver": self.roles.fsx_csi_driver,
        }
        addons = AddonSet(
            self,
            "Dependencies",
            cluster_name=self.eks_cluster.cluster_name,
            names=(*WORKLOAD_ADDONS, *DEPENDENCY_ADDONS) if new_cluster else DEPENDENCY_ADDONS,
            kubernetes_version=self.eks_cluster.kubernetes_version,
            existing=existing,
            options=options,
            roles=drivers if irsa_drivers else {},
        )
        self._on_nodes(addons)
        return addons

    def _on_nodes(self, part: Construct) -> None:
        """Start `part` when there are nodes for its pods."""
        if isinstance(self.hyperpod_cluster, HyperPodCluster):
            part.node.add_dependency(self.hyperpod_cluster.resource)

    def _addon(self, version: str, gateway: GatewaySettings | None) -> InferenceAddon:
        addon = InferenceAddon(
            self,
            "Addon",
            cluster_name=self.eks_cluster.cluster_name,
            configuration=self._configuration(gateway),
            version=version,
            kubernetes_version=self.eks_cluster.kubernetes_version,
        )
        addon.node.add_dependency(self.dependencies, self.roles.permissions)
        if self.task_governance:  # whose webhook refuses other Deployments until it is ready
            addon.node.add_dependency(self.task_governance)
        return addon

    def _self_hosted(self, cloudwatch_metrics: bool) -> SelfHostedOperator:
        return SelfHostedOperator(
            self,
            "Operator",
            cluster_name=self.eks_cluster.cluster_name,
            hyperpod_cluster_arn=self.hyperpod_cluster.cluster_arn,
            tls_bucket=self.tls_bucket.bucket_name,
            roles=self.roles,
            cloudwatch_metrics=cloudwatch_metrics,
        )

    def _task_governance(self, quotas: Sequence[ComputeQuota]) -> "TaskGovernance":
        from hyperpod_constructs.siblings import TaskGovernance

        made = TaskGovernance(
            self,
            "TaskGovernance",
            cluster_name=self.eks_cluster.cluster_name,
            hyperpod_cluster_arn=self.hyperpod_cluster.cluster_arn,
            quotas=quotas,
        )
        self._on_nodes(made)
        return made

    def _training_operator(self) -> "TrainingOperator":
        from hyperpod_constructs.siblings import TrainingOperator

        made = TrainingOperator(
            self,
            "TrainingOperator",
            cluster_name=self.eks_cluster.cluster_name,
            kubernetes_version=self.eks_cluster.kubernetes_version,
        )
        self._on_nodes(made)
        made.node.add_dependency(self.dependencies)
        return made

    def _observability(self, asked: "bool | ObservabilityProps") -> "Observability":
        from hyperpod_constructs.siblings import Observability, ObservabilityProps

        made = Observability(
            self,
            "Observability",
            cluster_name=self.eks_cluster.cluster_name,
            hyperpod_cluster_arn=self.hyperpod_cluster.cluster_arn,
            props=asked if isinstance(asked, ObservabilityProps) else ObservabilityProps(),
        )
        self._on_nodes(made)
        made.node.add_dependency(self.dependencies)
        return made

    def _configuration(self, gateway: GatewaySettings | None) -> AddonConfiguration:
        alb, keda = self.roles.alb_controller, self.roles.keda_operator
        return AddonConfiguration(
            execution_role_arn=self.roles.execution.role_arn,
            tls_bucket=self.tls_bucket.bucket_name,
            hyperpod_cluster_arn=self.hyperpod_cluster.cluster_arn,
            jumpstart_gated_model_role_arn=self.roles.jumpstart_gated_model.role_arn,
            alb=AlbSettings(enabled=alb is not None, role_arn=alb.role_arn if alb else None),
            keda=KedaSettings(enabled=keda is not None, role_arn=keda.role_arn if keda else None),
            inference_gateway=gateway,
        )

    def _key(self) -> kms.IKey:
        """One key for the flow log and the cluster's secrets, made when first asked for."""
        made = self.node.try_find_child("Key")
        if isinstance(made, kms.Key):
            return made
        return kms.Key(self, "Key", enable_key_rotation=True, description="HyperPod inference")


_WITH_QUEUES: Final = "none, or task_governance=True: it is task governance that enforces quotas"
_NAMES: Final = "AWS does not publish what its own operator tells CloudWatch."
