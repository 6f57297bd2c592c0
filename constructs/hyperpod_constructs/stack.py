"""The app's one stack: settings in, one :class:`HyperPodInference`, outputs out; nothing else."""

from aws_cdk import CfnOutput, Environment, Fn, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from hyperpod_constructs.eks_cluster import EksClusterProps, ExistingEksCluster
from hyperpod_constructs.hyperpod_cluster import ExistingHyperPodCluster, HyperPodClusterProps
from hyperpod_constructs.inference import HyperPodInference
from hyperpod_constructs.network import ExistingNetwork, NetworkProps
from hyperpod_constructs.roles import ExistingRoles
from hyperpod_constructs.settings import StackSettings
from hyperpod_constructs.tls_bucket import TlsBucketProps

_DEFAULTS = StackSettings()


class InferenceStack(Stack):
    """HyperPod inference as a stack.

    Args:
        settings: default Quick Install.

    Attributes:
        inference: the installation.
    """

    def __init__(self, scope: Construct, construct_id: str, settings: StackSettings = _DEFAULTS) -> None:
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
            network=self._network(settings),
            eks_cluster=_eks_cluster(settings),
            hyperpod_cluster=_hyperpod_cluster(settings),
            tls_bucket=self._tls_bucket(settings),
            roles=self._roles(settings),
            model_buckets=settings.model_buckets,
            existing_addons=settings.existing_addons,
            inference_version=settings.inference_version,
        )
        self._outputs()

    def _network(self, settings: StackSettings) -> NetworkProps | ExistingNetwork:
        if settings.vpc_id is None:
            return NetworkProps(
                cidr=settings.cidr, zones=settings.zones or None, nat_gateways=settings.nat_gateways
            )
        subnets = settings.subnet_ids
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

    def _outputs(self) -> None:
        """What people paste into kubectl, aws and manifests."""
        parts = self.inference
        name = parts.eks_cluster.cluster_name
        kubectl = f"aws eks update-kubeconfig --region {self.region} --name {name}"
        outputs = {
            "KubectlCommand": (kubectl, "Points kubectl at the cluster; run it inside the VPC"),
            "EksClusterName": (name, "EKS cluster"),
            "HyperPodClusterArn": (parts.hyperpod_cluster.cluster_arn, "HyperPod cluster"),
            "ExecutionRoleArn": (parts.roles.execution.role_arn, "Role of the inference operator"),
            "TlsBucketName": (parts.tls_bucket.bucket_name, "Bucket of the endpoints' certificates"),
            "AddonConfiguration": (parts.addon.configuration_json, "What the inference add-on was told"),
        }
        for construct_id, (value, description) in outputs.items():
            CfnOutput(self, construct_id, value=value, description=description)


def _eks_cluster(settings: StackSettings) -> EksClusterProps | ExistingEksCluster:
    if settings.eks_cluster_name is None or settings.oidc_issuer_url is None:
        return EksClusterProps(
            kubernetes_version=settings.kubernetes_version,
            admins=settings.admins,
            public_access_cidrs=settings.public_access_cidrs,
        )
    return ExistingEksCluster(
        cluster_name=settings.eks_cluster_name,
        oidc_issuer_url=settings.oidc_issuer_url,
        security_group_id=settings.eks_security_group_id,
    )


def _hyperpod_cluster(settings: StackSettings) -> HyperPodClusterProps | ExistingHyperPodCluster:
    if settings.hyperpod_cluster_arn is None:
        return HyperPodClusterProps(instance_groups=settings.instance_groups)
    return ExistingHyperPodCluster(cluster_arn=settings.hyperpod_cluster_arn)
