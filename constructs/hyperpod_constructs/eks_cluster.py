"""The EKS cluster that orchestrates HyperPod: made here, or described when it exists.

L1 on purpose: the L2 constructs hide what HyperPod asks for (authentication mode, self-managed add-ons off)
behind custom resources. :class:`EksCluster` and :class:`ExistingEksCluster` offer the same attributes, which
`hyperpod_cluster.py`, `roles.py` and `addons.py` read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from hyperpod_constructs.access_entries import AccessEntry, AccessPolicy, make_entry
from hyperpod_constructs.acknowledge import acknowledge
from hyperpod_constructs.addons import AddonSet, Options
from hyperpod_constructs.later import Bindings
from hyperpod_constructs.role_reasons import aws_policy
from hyperpod_constructs.trust import OidcIssuer
from hyperpod_inference.installation.addons import NODE_ADDONS
from hyperpod_inference.installation.compatibility import DEFAULT_KUBERNETES_VERSION, check_kubernetes_version
from hyperpod_inference.installation.errors import require
from hyperpod_inference.installation.values import (
    EKS_NAME,
    ISSUER_URL,
    OIDC_PROVIDER_ARN,
    PRINCIPAL_ARN,
    SECURITY_GROUP_ID,
    check,
    check_all,
    check_cidr,
)

if TYPE_CHECKING:
    from aws_cdk import aws_eks as eks
else:
    eks = Bindings("aws_eks")


class ControlPlaneLog(StrEnum):
    """A log of the control plane that EKS writes to CloudWatch Logs."""

    API = "api"
    AUDIT = "audit"
    AUTHENTICATOR = "authenticator"
    CONTROLLER_MANAGER = "controllerManager"
    SCHEDULER = "scheduler"


ALL_LOGS: Final = tuple(ControlPlaneLog)


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
    @property
    def kubernetes_version(self) -> str | None: ...


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
        where = type(self).__name__
        check(where, "cluster_name", self.cluster_name, EKS_NAME)
        check(where, "oidc_issuer_url", self.oidc_issuer_url, ISSUER_URL)
        check(where, "oidc_provider_arn", self.oidc_provider_arn, OIDC_PROVIDER_ARN)
        check(where, "security_group_id", self.security_group_id, SECURITY_GROUP_ID)
        if self.kubernetes_version is not None:
            check_kubernetes_version(where, self.kubernetes_version)

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
        kubernetes_version: default 1.33; see `installation/compatibility.py`.
        cluster_name: default CloudFormation makes one.
        admins: ARNs of IAM roles or users that get cluster-admin by access entries; default none.
        access_entries: others, and what each may do; default none.
        creator_is_admin: whether who deploys the stack is cluster-admin too; default True. It cannot be
            changed later without replacing the cluster.
        public_access_cidrs: ranges that may reach the API server from the internet; default none.
        logs: control-plane logs to keep; default all five.
        secrets_key: encrypts Kubernetes secrets; default a key of the installation.
        service_role: of the control plane; default a new one.
        deletion_protection: refuse to delete the cluster; default False.
        addons: what to change of the add-ons of nodes and of CoreDNS, by name; default EKS's choice.
    """

    kubernetes_version: str = DEFAULT_KUBERNETES_VERSION
    cluster_name: str | None = None
    admins: Sequence[str] = ()
    access_entries: Sequence[AccessEntry] = ()
    creator_is_admin: bool = True
    public_access_cidrs: Sequence[str] = ()
    logs: Sequence[ControlPlaneLog] = ALL_LOGS
    secrets_key: kms.IKey | None = None
    service_role: iam.IRole | None = None
    deletion_protection: bool = False
    addons: Options = field(default_factory=dict)


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
        kubernetes_version: as given.
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
        check(self, "cluster_name", props.cluster_name, EKS_NAME)
        check_all(self, "admins", props.admins, PRINCIPAL_ARN)
        require(len(subnet_ids) >= 2, self, "subnet_ids", len(subnet_ids), "subnets in two zones or more")
        self._check_public_access(props.public_access_cidrs)
        key = props.secrets_key or encryption_key or kms.Key(self, "SecretsKey", enable_key_rotation=True)
        self.kubernetes_version: str | None = props.kubernetes_version
        self.resource = self._cluster(props, subnet_ids, key)
        self.issuer = self._issuer()
        self.daemons = AddonSet(
            self,
            "Daemons",
            cluster_name=self.cluster_name,
            names=NODE_ADDONS,
            kubernetes_version=props.kubernetes_version,
            options=props.addons,
        )
        self._entries(props)
        self._acknowledge(props)

    def _cluster(self, props: EksClusterProps, subnet_ids: Sequence[str], key: kms.IKey) -> eks.CfnCluster:
        return eks.CfnCluster(
            self,
            "Cluster",
            name=props.cluster_name,
            version=props.kubernetes_version,
            role_arn=(props.service_role or self._service_role()).role_arn,
            access_config=eks.CfnCluster.AccessConfigProperty(
                authentication_mode="API_AND_CONFIG_MAP",
                bootstrap_cluster_creator_admin_permissions=props.creator_is_admin,
            ),
            bootstrap_self_managed_addons=False,
            encryption_config=[_encrypt_secrets(key)],
            logging=_logging(props.logs),
            deletion_protection=props.deletion_protection or None,
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
            aws_policy("AmazonEKSClusterPolicy"),
            "The policy that EKS requires of the role of its control plane.",
        )
        return role

    def grant_access(self, construct_id: str, entry: AccessEntry) -> eks.CfnAccessEntry:
        """Let one more IAM role or user use the API server."""
        return make_entry(self, construct_id, self.cluster_name, entry)

    def _entries(self, props: EksClusterProps) -> None:
        """One entry a principal: EKS refuses a second."""
        admins = [AccessEntry(principal_arn=arn, policy=AccessPolicy.CLUSTER_ADMIN) for arn in props.admins]
        named = [("Admin", admins), ("Access", list(props.access_entries))]
        seen: set[str] = set()
        for prefix, entries in named:
            for number, entry in enumerate(entries, start=1):
                arn = entry.principal_arn
                require(arn not in seen, self, "access_entries", arn, "each principal at most once")
                seen.add(arn)
                self.grant_access(f"{prefix}{number}", entry)

    def _check_public_access(self, cidrs: Sequence[str]) -> None:
        allowed = "ranges that are not the whole internet, such as 203.0.113.0/24"
        for index, cidr in enumerate(cidrs):
            check_cidr(self, f"public_access_cidrs[{index}]", cidr, allowed, shortest=1)

    def _acknowledge(self, props: EksClusterProps) -> None:
        if cidrs := props.public_access_cidrs:
            reason = f"Asked for by public_access_cidrs, for {', '.join(cidrs)} only."
            acknowledge(self.resource, "EKS1", reason)
        if missing := [str(log) for log in ALL_LOGS if log not in props.logs]:
            for name in missing:
                acknowledge(self.resource, f"EKS2[LogExport::{name}]", "Left out by the property logs.")


def _encrypt_secrets(key: kms.IKey) -> eks.CfnCluster.EncryptionConfigProperty:
    provider = eks.CfnCluster.ProviderProperty(key_arn=key.key_arn)
    return eks.CfnCluster.EncryptionConfigProperty(provider=provider, resources=["secrets"])


def _logging(logs: Sequence[ControlPlaneLog]) -> eks.CfnCluster.LoggingProperty:
    types = [eks.CfnCluster.LoggingTypeConfigProperty(type=str(log)) for log in logs]
    return eks.CfnCluster.LoggingProperty(
        cluster_logging=eks.CfnCluster.ClusterLoggingProperty(enabled_types=types)
    )
