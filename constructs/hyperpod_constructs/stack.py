"""The app's stacks: settings in, one :class:`HyperPodInference`, outputs out; nothing else.

One stack makes all of it. With `two_stacks` the network and the EKS cluster are in a stack of their own:
AWS's chart `hyperpod-dependencies` (device plugins, health monitoring) belongs on the cluster before
HyperPod's instances are made, and CloudFormation cannot install a chart without a Lambda. So: deploy the
first, install the chart, deploy the second. docs/install.md has the commands.
"""

from aws_cdk import App, CfnOutput, Environment, Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from hyperpod_constructs.eks_cluster import EksCluster, EksClusterProps, ExistingEksCluster
from hyperpod_constructs.hyperpod_cluster import (
    Autoscaling,
    ExistingHyperPodCluster,
    HyperPodClusterProps,
)
from hyperpod_constructs.inference import HyperPodInference
from hyperpod_constructs.naming import tag_all
from hyperpod_constructs.network import ExistingNetwork, Network, NetworkProps
from hyperpod_constructs.roles import ExistingRoles
from hyperpod_constructs.tls_bucket import TlsBucketProps
from hyperpod_inference.installation.errors import require
from hyperpod_inference.installation.settings import StackSettings

_DEFAULTS = StackSettings()


CLUSTER_ID = "HyperPodInferenceCluster"
INFERENCE_ID = "HyperPodInference"
_CHART = "helm install hyperpod-dependencies HyperPodHelmChart --namespace kube-system --dependency-update"


def make_stacks(app: App, settings: StackSettings) -> "InferenceStack":
    """The stacks of the app: one, or two where the settings say so."""
    cluster = ClusterStack(app, CLUSTER_ID, settings) if settings.two_stacks else None
    return InferenceStack(app, INFERENCE_ID, settings, cluster=cluster)


class ClusterStack(Stack):
    """The network and the EKS cluster alone: the first of two stacks.

    Args:
        settings: default Quick Install.

    Attributes:
        network: the network.
        eks_cluster: the cluster.
    """

    def __init__(self, scope: Construct, construct_id: str, settings: StackSettings = _DEFAULTS) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=f"{settings.stack_name}Cluster",
            description="The EKS cluster of SageMaker HyperPod inference",
            env=Environment(account=settings.account, region=settings.region),
        )
        _check_two(self, settings)
        key = kms.Key(self, "Key", enable_key_rotation=True, description="HyperPod inference")
        self.network = Network(self, "Network", _new_network(settings), encryption_key=key)
        self.eks_cluster = EksCluster(
            self,
            "Eks",
            _new_eks(settings),
            subnet_ids=self.network.private_subnet_ids,
            encryption_key=key,
        )
        self.eks_cluster.resource.node.add_dependency(self.network.connectivity)
        tag_all(self)
        kubectl = _kubectl(self, self.eks_cluster.cluster_name)
        CfnOutput(self, "KubectlCommand", value=kubectl, description=_IN_VPC)
        CfnOutput(self, "EksClusterName", value=self.eks_cluster.cluster_name, description="EKS cluster")
        CfnOutput(self, "DependenciesChart", value=_CHART, description="Run it before the second stack")


class InferenceStack(Stack):
    """HyperPod inference as a stack.

    Args:
        settings: default Quick Install.
        cluster: the first of two stacks; default none, all is in this one.

    Attributes:
        inference: the installation.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        settings: StackSettings = _DEFAULTS,
        *,
        cluster: ClusterStack | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=settings.stack_name,
            description="SageMaker HyperPod inference on EKS",
            env=Environment(account=settings.account, region=settings.region),
        )
        self.inference = HyperPodInference(
            self,
            "Inference",
            network=cluster.network if cluster else self._network(settings),
            eks_cluster=cluster.eks_cluster if cluster else _eks_cluster(settings),
            hyperpod_cluster=_hyperpod_cluster(settings),
            tls_bucket=self._tls_bucket(settings),
            roles=self._roles(settings),
            model_buckets=settings.model_buckets,
            existing_addons=settings.existing_addons,
            engine=settings.engine,
            inference_version=settings.inference_version,
            install_alb_controller=settings.install_alb_controller,
            install_keda=settings.install_keda,
            training_operator=settings.training_operator,
            task_governance=settings.task_governance,
            observability=settings.observability,
            cloudwatch_metrics=settings.cloudwatch_metrics,
        )
        self._outputs(beside=cluster)

    def _network(self, settings: StackSettings) -> NetworkProps | ExistingNetwork:
        if settings.vpc_id is None:
            return _new_network(settings)
        subnets = settings.subnet_ids
        from aws_cdk import aws_ec2 as ec2

        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "ExistingVpc",
            vpc_id=settings.vpc_id,
            availability_zones=[Fn.select(index, Fn.get_azs()) for index in range(len(subnets))],
            private_subnet_ids=list(subnets),
        )
        return ExistingNetwork(vpc=vpc)

    def _tls_bucket(self, settings: StackSettings) -> TlsBucketProps | s3.IBucket:
        name = settings.tls_bucket_name
        return s3.Bucket.from_bucket_name(self, "ExistingTlsBucket", name) if name else TlsBucketProps()

    def _roles(self, settings: StackSettings) -> ExistingRoles:
        return ExistingRoles(
            execution=self._role("ExecutionRole", settings.execution_role_arn),
            jumpstart_gated_model=self._role("JumpStartRole", settings.jumpstart_gated_model_role_arn),
            alb_controller=self._role("AlbRole", settings.alb_controller_role_arn),
            keda_operator=self._role("KedaRole", settings.keda_operator_role_arn),
            s3_csi_driver=self._role("S3CsiRole", settings.s3_csi_driver_role_arn),
            fsx_csi_driver=self._role("FsxCsiRole", settings.fsx_csi_driver_role_arn),
        )

    def _role(self, construct_id: str, arn: str | None) -> iam.IRole | None:
        return iam.Role.from_role_arn(self, construct_id, arn, mutable=False) if arn else None

    def _outputs(self, beside: ClusterStack | None) -> None:
        """What people paste into kubectl, aws and manifests; the first of two stacks puts out its own
        part."""
        parts = self.inference
        name = parts.eks_cluster.cluster_name
        addon = parts.addon.configuration_json if parts.addon else None
        outputs = {
            "KubectlCommand": (_kubectl(self, name), _IN_VPC),
            "EksClusterName": (name, "EKS cluster"),
            "HyperPodClusterArn": (parts.hyperpod_cluster.cluster_arn, "HyperPod cluster"),
            "ExecutionRoleArn": (parts.roles.execution.role_arn, "Role of the inference operator"),
            "TlsBucketName": (parts.tls_bucket.bucket_name, "Bucket of the endpoints' certificates"),
            "AddonConfiguration": (addon, "What the inference add-on was told"),
        }
        for construct_id, (value, description) in outputs.items():
            imported = beside is not None and construct_id in ("KubectlCommand", "EksClusterName")
            if value is not None and not imported:
                CfnOutput(self, construct_id, value=value, description=description)


_IN_VPC = "Points kubectl at the cluster; run it inside the VPC"


def _kubectl(stack: Stack, cluster_name: str) -> str:
    return f"aws eks update-kubeconfig --region {stack.region} --name {cluster_name}"


def _check_two(where: Construct, settings: StackSettings) -> None:
    """Two stacks make both clusters: for those that exist one stack is enough."""
    for name in ("vpc_id", "eks_cluster_name", "hyperpod_cluster_arn"):
        value = getattr(settings, name)
        fix = "Where the EKS cluster exists, install the chart there and deploy one stack."
        require(value is None, where, name, value, "nothing with two_stacks", fix)


def _new_network(settings: StackSettings) -> NetworkProps:
    return NetworkProps(cidr=settings.cidr, zones=settings.zones or None, nat_gateways=settings.nat_gateways)


def _new_eks(settings: StackSettings) -> EksClusterProps:
    return EksClusterProps(
        kubernetes_version=settings.kubernetes_version,
        admins=settings.admins,
        public_access_cidrs=settings.public_access_cidrs,
    )


def _eks_cluster(settings: StackSettings) -> EksClusterProps | ExistingEksCluster:
    if settings.eks_cluster_name is None or settings.oidc_issuer_url is None:
        return _new_eks(settings)
    return ExistingEksCluster(
        cluster_name=settings.eks_cluster_name,
        oidc_issuer_url=settings.oidc_issuer_url,
        security_group_id=settings.eks_security_group_id,
    )


def _hyperpod_cluster(settings: StackSettings) -> HyperPodClusterProps | ExistingHyperPodCluster:
    if settings.hyperpod_cluster_arn is None:
        scaling = Autoscaling() if settings.karpenter else None
        return HyperPodClusterProps(instance_groups=settings.instance_groups, autoscaling=scaling)
    return ExistingHyperPodCluster(cluster_arn=settings.hyperpod_cluster_arn)
