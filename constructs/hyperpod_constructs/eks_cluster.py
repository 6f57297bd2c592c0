"""The EKS cluster that orchestrates HyperPod: made here, or described when it exists.

L1 on purpose: the L2 constructs hide what HyperPod asks for (authentication mode, self-managed add-ons off)
behind custom resources. :class:`EksCluster` and :class:`ExistingEksCluster` offer the same attributes, which
`hyperpod_cluster.py`, `roles.py` and `addons.py` read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from aws_cdk import Aws
from aws_cdk import aws_eks as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from hyperpod_constructs.acknowledge import acknowledge
from hyperpod_constructs.addons import NODE_ADDONS, AddonSet
from hyperpod_constructs.compatibility import DEFAULT_KUBERNETES_VERSION, check_kubernetes_version
from hyperpod_constructs.errors import PropertyError, require
from hyperpod_constructs.trust import OidcIssuer

LOGS: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")
_ADMIN_POLICY: Final = "cluster-access-policy/AmazonEKSClusterAdminPolicy"


class EksClusterLike(Protocol):
    """What the other parts need to know of an EKS cluster."""

    @property
    def cluster_name(self) -> str: ...
    @property
    def cluster_arn(self) -> str: ...
    @property
    def issuer(self) -> OidcIssuer: ...
    @property
    def security_group_id(self) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class ExistingEksCluster:
    """An EKS cluster that this installation does not own.

    It must use authentication mode API or API_AND_CONFIG_MAP, and IAM must know its OIDC provider.

    Args:
        cluster_name: its name.
        oidc_issuer_url: `aws eks describe-cluster --query cluster.identity.oidc.issuer`, with `https://`.
        oidc_provider_arn: default the ARN that IAM gives to the issuer's provider in this account.
        security_group_id: the cluster security group; needed only to create a HyperPod cluster on it.
        kubernetes_version: such as 1.33; checked when given.
    """

    cluster_name: str
    oidc_issuer_url: str
    oidc_provider_arn: str | None = None
    security_group_id: str | None = None
    kubernetes_version: str | None = None

    def __post_init__(self) -> None:
        require(
            self.oidc_issuer_url.startswith("https://"),
            type(self).__name__,
            "oidc_issuer_url",
            self.oidc_issuer_url,
            "an address that begins with https://",
        )

    @property
    def cluster_arn(self) -> str:
        """In the account and region of the stack."""
        return f"arn:{Aws.PARTITION}:eks:{Aws.REGION}:{Aws.ACCOUNT_ID}:cluster/{self.cluster_name}"

    @property
    def issuer(self) -> OidcIssuer:
        """For trust policies."""
        return OidcIssuer.from_url(self.oidc_issuer_url, self.oidc_provider_arn)


@dataclass(frozen=True, kw_only=True)
class EksClusterProps:
    """How a new :class:`EksCluster` is made.

    Args:
        kubernetes_version: default 1.33; see `compatibility.py`.
        cluster_name: default CloudFormation makes one.
        admins: ARNs of IAM roles or users that get cluster-admin by access entries; default none.
        creator_is_admin: whether who deploys the stack is cluster-admin too; default True. It cannot be
            changed later without replacing the cluster.
        public_access_cidrs: ranges that may reach the API server from the internet; default none.
    """

    kubernetes_version: str = DEFAULT_KUBERNETES_VERSION
    cluster_name: str | None = None
    admins: Sequence[str] = ()
    creator_is_admin: bool = True
    public_access_cidrs: Sequence[str] = ()


_DEFAULTS: Final = EksClusterProps()


class EksCluster(Construct):
    """An EKS cluster fit for HyperPod, with its OIDC provider.

    API server reachable from the VPC only, all five control-plane logs on, secrets encrypted, access entries
    beside the config map. The daemons that every node needs are installed as add-ons; CoreDNS, which needs
    nodes first, is left to :class:`HyperPodInference`.

    Args:
        props: default Kubernetes 1.33, reachable from the VPC only.
        subnet_ids: private subnets in at least two zones.
        encryption_key: for Kubernetes secrets; default a new key that rotates and outlives the stack.

    Attributes:
        cluster_name, cluster_arn, issuer, security_group_id: tokens.
        resource: the L1 cluster.
        daemons: the add-ons that nodes need to become ready.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        props: EksClusterProps = _DEFAULTS,
        *,
        subnet_ids: Sequence[str],
        encryption_key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        check_kubernetes_version(self, props.kubernetes_version)
        require(len(subnet_ids) >= 2, self, "subnet_ids", len(subnet_ids), "subnets in two zones or more")
        key = encryption_key or kms.Key(self, "SecretsKey", enable_key_rotation=True)
        self.resource = self._cluster(props, subnet_ids, key)
        self.issuer = self._issuer()
        self.daemons = AddonSet(self, "Daemons", cluster_name=self.cluster_name, names=NODE_ADDONS)
        for number, principal in enumerate(props.admins, start=1):
            self._admin(number, principal)
        if props.public_access_cidrs:
            self._accept_public_access(props.public_access_cidrs)

    def _cluster(self, props: EksClusterProps, subnet_ids: Sequence[str], key: kms.IKey) -> eks.CfnCluster:
        return eks.CfnCluster(
            self,
            "Cluster",
            name=props.cluster_name,
            version=props.kubernetes_version,
            role_arn=self._service_role().role_arn,
            access_config=eks.CfnCluster.AccessConfigProperty(
                authentication_mode="API_AND_CONFIG_MAP",
                bootstrap_cluster_creator_admin_permissions=props.creator_is_admin,
            ),
            bootstrap_self_managed_addons=False,
            encryption_config=[_encrypt_secrets(key)],
            logging=_all_logs(),
            resources_vpc_config=eks.CfnCluster.ResourcesVpcConfigProperty(
                subnet_ids=list(subnet_ids),
                endpoint_private_access=True,
                endpoint_public_access=bool(props.public_access_cidrs),
                public_access_cidrs=list(props.public_access_cidrs) or None,
            ),
        )

    def _issuer(self) -> OidcIssuer:
        url = self.resource.attr_open_id_connect_issuer_url
        provider = iam.CfnOIDCProvider(
            self,
            "OidcProvider",
            url=url,
            client_id_list=["sts.amazonaws.com"],
        )
        return OidcIssuer.from_url(url, provider.attr_arn)

    @property
    def cluster_name(self) -> str:
        """Known when the cluster exists."""
        return self.resource.ref

    @property
    def cluster_arn(self) -> str:
        """Known when the cluster exists."""
        return self.resource.attr_arn

    @property
    def security_group_id(self) -> str:
        """The group EKS makes for the control plane and its nodes."""
        return self.resource.attr_cluster_security_group_id

    def _service_role(self) -> iam.Role:
        role = iam.Role(
            self,
            "ServiceRole",
            assumed_by=iam.ServicePrincipal("eks.amazonaws.com"),
            description="EKS control plane",
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("AmazonEKSClusterPolicy")],
        )
        acknowledge(
            role,
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/AmazonEKSClusterPolicy]",
            "The policy that EKS requires of the role of its control plane.",
        )
        return role

    def _admin(self, number: int, principal: str) -> None:
        require(
            principal.startswith("arn:"),
            self,
            f"admins[{number - 1}]",
            principal,
            "the ARN of an IAM role or user",
        )
        eks.CfnAccessEntry(
            self,
            f"Admin{number}",
            cluster_name=self.cluster_name,
            principal_arn=principal,
            access_policies=[
                eks.CfnAccessEntry.AccessPolicyProperty(
                    policy_arn=f"arn:{Aws.PARTITION}:eks::aws:{_ADMIN_POLICY}",
                    access_scope=eks.CfnAccessEntry.AccessScopeProperty(type="cluster"),
                )
            ],
        )

    def _accept_public_access(self, cidrs: Sequence[str]) -> None:
        if any(cidr.endswith("/0") for cidr in cidrs):
            raise PropertyError(
                self, "public_access_cidrs", list(cidrs), "ranges that are not the whole internet"
            )
        acknowledge(self.resource, "EKS1", f"Asked for by public_access_cidrs, for {', '.join(cidrs)} only.")


def _encrypt_secrets(key: kms.IKey) -> eks.CfnCluster.EncryptionConfigProperty:
    provider = eks.CfnCluster.ProviderProperty(key_arn=key.key_arn)
    return eks.CfnCluster.EncryptionConfigProperty(provider=provider, resources=["secrets"])


def _all_logs() -> eks.CfnCluster.LoggingProperty:
    types = [eks.CfnCluster.LoggingTypeConfigProperty(type=name) for name in LOGS]
    return eks.CfnCluster.LoggingProperty(
        cluster_logging=eks.CfnCluster.ClusterLoggingProperty(enabled_types=types)
    )
