"""Reads what `preflight` judges: the EKS and HyperPod clusters, IAM, the bucket, the VPC. Changes nothing.

The region, the credentials and AWS_ENDPOINT_URL are those of the AWS command line. What is not there is
None; what may not be read becomes an `Unread` with AWS's own words, so that one missing permission hides
nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from hyperpod_inference.api.errors import InputError
from hyperpod_inference.cloud.errors import CloudError, Missing, translated
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.installation.compatibility import INFERENCE
from hyperpod_inference.installation.preflight import Addon, Facts, Role, Unread
from hyperpod_inference.installation.roles import ADDON_ROLES, DRIVER_ROLES
from hyperpod_inference.installation.settings import StackSettings

_ODD_ABSENCE = "ValidationException"  # SageMaker's answer for a cluster that it does not know
_TAG = "kubernetes.io/role/internal-elb"
Value = TypeVar("Value")
Absent = TypeVar("Absent")


def read(settings: StackSettings, session: Session | None = None) -> Facts:
    """The facts of one account and region. Raises InputError where no region is set anywhere."""
    try:
        account = _Account(session or Session(settings.region))
    except CloudError as error:
        raise InputError(
            f"region: cannot be told ({error}), expected it in the settings or AWS_REGION"
        ) from None
    name = settings.eks_cluster_name or ""
    cluster = account.cluster(name)
    there = cluster if isinstance(cluster, Mapping) else None
    return Facts(
        region=account.region,
        cluster=cluster,
        hyperpod=account.hyperpod(settings.hyperpod_cluster_arn) if settings.hyperpod_cluster_arn else None,
        oidc_providers=_tried("iam:ListOpenIDConnectProviders", account.oidc_providers, {}),
        roles=account.roles(settings),
        bucket_region=account.bucket_region(settings.tls_bucket_name or ""),
        **(_of_cluster(account, name, there) if there else {}),
    )


def connected(settings: StackSettings) -> tuple[Session | None, str]:
    """A session that reaches AWS; else None, and why not, after one call instead of all of `read`."""
    session = Session(settings.region)
    try:
        with translated("sts:GetCallerIdentity"):
            session.client("sts").get_caller_identity()
    except CloudError as error:
        return None, str(error)
    return session, ""


def _of_cluster(account: "_Account", name: str, cluster: Mapping[str, Any]) -> dict[str, Any]:
    """What there is only with a cluster: its add-ons, and its network."""
    vpc = cluster.get("resourcesVpcConfig", {})
    version = str(cluster.get("version"))
    found: dict[str, Any] = {
        "addons": _tried("eks:ListAddons", lambda: account.addons(name), {}),
        "versions": _tried("eks:DescribeAddonVersions", lambda: account.versions(version), ()),
    }
    subnets = tuple(vpc.get("subnetIds", ()))
    id_ = vpc.get("vpcId") or _tried("ec2:DescribeSubnets", lambda: account.vpc_of(subnets), "")
    if isinstance(id_, Unread):
        return found | dict.fromkeys(("s3_route_tables", "subnet_route_tables", "tagged_subnets"), id_)
    network = {
        "s3_route_tables": _tried("ec2:DescribeVpcEndpoints", lambda: account.s3_route_tables(id_), ()),
        "subnet_route_tables": _tried(
            "ec2:DescribeRouteTables", lambda: account.route_tables(id_, subnets), {}
        ),
        "tagged_subnets": _tried("ec2:DescribeSubnets", lambda: account.tagged_subnets(id_), ()),
    }
    return found | network


def _tried(call: str, ask: Callable[[], Value], absent: Absent) -> Value | Absent | Unread:
    """The answer, `absent` where AWS says there is no such thing, Unread where it says no."""
    try:
        with translated(call):
            return ask()
    except Missing:
        return absent
    except CloudError as error:
        return absent if error.code == _ODD_ABSENCE else Unread(str(error))


class _Account:
    def __init__(self, session: Session) -> None:
        self._client = session.client
        with translated("eks"):
            self.region = str(self._client("eks").meta.region_name)

    def cluster(self, name: str) -> Mapping[str, Any] | Unread | None:
        """DescribeCluster of EKS."""
        eks = self._client("eks")
        return _tried("eks:DescribeCluster", lambda: eks.describe_cluster(name=name)["cluster"], None)

    def hyperpod(self, arn: str) -> Mapping[str, Any] | Unread | None:
        """DescribeCluster of SageMaker."""
        sagemaker = self._client("sagemaker")
        return _tried("sagemaker:DescribeCluster", lambda: sagemaker.describe_cluster(ClusterName=arn), None)

    def oidc_providers(self) -> dict[str, list[str]]:
        """Issuer without its scheme, to client ids."""
        iam = self._client("iam")
        listed = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        found = {}
        for each in listed:
            arn = each["Arn"]
            provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
            found[arn.partition(":oidc-provider/")[2]] = list(provider.get("ClientIDList", ()))
        return found

    def roles(self, settings: StackSettings) -> dict[str, Role | Unread | None]:
        """The roles that the settings name."""
        iam = self._client("iam")
        named = {
            spec.key: getattr(settings, f"{spec.key}_role_arn")
            for spec in (*ADDON_ROLES, *DRIVER_ROLES.values())
        }
        return {
            key: _tried("iam:GetRole", partial(_role, iam, arn), None) for key, arn in named.items() if arn
        }

    def bucket_region(self, name: str) -> str | Unread | None:
        """Where the bucket is; S3 says nothing for us-east-1."""
        s3 = self._client("s3")
        return _tried(
            "s3:GetBucketLocation",
            lambda: s3.get_bucket_location(Bucket=name).get("LocationConstraint") or "us-east-1",
            None,
        )

    def addons(self, cluster_name: str) -> dict[str, Addon]:
        """The installed add-ons."""
        eks = self._client("eks")
        pages = eks.get_paginator("list_addons").paginate(clusterName=cluster_name)
        names = [name for page in pages for name in page["addons"]]
        found = {}
        for name in names:
            addon = eks.describe_addon(clusterName=cluster_name, addonName=name)["addon"]
            found[name] = Addon(addon["addonVersion"], addon["status"])
        return found

    def versions(self, kubernetes_version: str) -> tuple[str, ...]:
        """The versions of the inference add-on for the cluster's Kubernetes, as EKS lists them."""
        eks = self._client("eks")
        pages = eks.get_paginator("describe_addon_versions").paginate(
            addonName=INFERENCE, kubernetesVersion=kubernetes_version
        )
        return tuple(
            version["addonVersion"]
            for page in pages
            for addon in page["addons"]
            for version in addon["addonVersions"]
        )

    def s3_route_tables(self, vpc_id: str) -> tuple[str, ...]:
        """Route tables that gateway endpoints to S3 cover."""
        ec2 = self._client("ec2")
        service = f"com.amazonaws.{self.region}.s3"
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "service-name", "Values": [service]}]
        endpoints = ec2.describe_vpc_endpoints(Filters=filters)["VpcEndpoints"]
        gateways = [each for each in endpoints if each.get("VpcEndpointType") == "Gateway"]
        return tuple(table for each in gateways for table in each.get("RouteTableIds", ()))

    def vpc_of(self, subnets: Sequence[str]) -> str:
        """The VPC that the subnets are in."""
        ec2 = self._client("ec2")
        return str(ec2.describe_subnets(SubnetIds=list(subnets[:1]))["Subnets"][0]["VpcId"])

    def route_tables(self, vpc_id: str, subnets: Sequence[str]) -> dict[str, str]:
        """Each subnet of the cluster to its route table: its own, else the VPC's main one."""
        ec2 = self._client("ec2")
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
        tables = ec2.describe_route_tables(Filters=filters)["RouteTables"]
        own, main = {}, ""
        for table in tables:
            for association in table.get("Associations", ()):
                if association.get("Main"):
                    main = table["RouteTableId"]
                elif "SubnetId" in association:
                    own[association["SubnetId"]] = table["RouteTableId"]
        return {subnet: own.get(subnet, main) for subnet in subnets}

    def tagged_subnets(self, vpc_id: str) -> tuple[str, ...]:
        """Subnets of the VPC that internal load balancers may use."""
        ec2 = self._client("ec2")
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "tag-key", "Values": [_TAG]}]
        return tuple(each["SubnetId"] for each in ec2.describe_subnets(Filters=filters)["Subnets"])


def _role(iam: Any, arn: str) -> Role:
    name = arn.rpartition("/")[2]
    role = iam.get_role(RoleName=name)["Role"]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    return Role(role["AssumeRolePolicyDocument"], tuple(each["PolicyName"] for each in attached))
