"""The VPC endpoints: S3 for every subnet, and private doors to the services that nodes and operator call.

S3 is not optional: SageMaker puts an endpoint's container into the subnets of the EKS cluster, where it
fetches the CA certificate from the TLS bucket (`tls_bucket.py`), so the gateway endpoint covers all route
tables. Sits beside `network.py`, or on a VPC that exists.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

import jsii
from constructs import Construct

from hyperpod_constructs.later import Bindings
from hyperpod_inference.installation.errors import require, require_one_of

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2
else:
    ec2 = Bindings("aws_ec2")

_SERVICES: Final = (
    "acm-pca",
    "ec2",
    "ec2messages",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "logs",
    "monitoring",
    "sagemaker.api",
    "sagemaker.runtime",
    "ssm",
    "ssmmessages",
    "sts",
)

DEFAULT_SERVICES: Final = ("ecr.api", "ecr.dkr", "sagemaker.api", "sts")
"""With NAT: image layers, the operator's own calls and role tokens stay off the internet."""

CLOSED_NETWORK_SERVICES: Final = _SERVICES
"""Without NAT: everything that nodes, the operator and its controllers call."""


class _RouteTable(Protocol):
    @property
    def route_table_id(self) -> str: ...


class _Subnet(Protocol):
    @property
    def subnet_id(self) -> str: ...
    @property
    def route_table(self) -> _RouteTable: ...


class VpcLike(Protocol):
    """What the parts need to know of a VPC; an `ec2.IVpc` is one."""

    @property
    def vpc_id(self) -> str: ...
    @property
    def public_subnets(self) -> Sequence[_Subnet]: ...
    @property
    def private_subnets(self) -> Sequence[_Subnet]: ...
    @property
    def isolated_subnets(self) -> Sequence[_Subnet]: ...


class Endpoints(Construct):
    """A gateway endpoint to S3 on all route tables of a VPC, and interface endpoints in its private subnets.

    Args:
        vpc: where; its subnets must know their route tables.
        cidr: the VPC's range, a literal: only it may reach the interface endpoints, on port 443.
        services: interface endpoints by service name; default :data:`DEFAULT_SERVICES`.

    Attributes:
        s3: the gateway endpoint.
        interfaces: the interface endpoints by service name.
        security_group: guards the interface endpoints.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: VpcLike,
        cidr: str,
        services: Sequence[str] = DEFAULT_SERVICES,
    ) -> None:
        super().__init__(scope, construct_id)
        for service in services:
            require_one_of(self, "services", service, _SERVICES)
        require(
            len(set(services)) == len(services), self, "services", list(services), "each service at most once"
        )
        self.s3 = ec2.CfnVPCEndpoint(
            self,
            "S3",
            vpc_id=vpc.vpc_id,
            service_name=_name(ec2.GatewayVpcEndpointAwsService("s3")),
            vpc_endpoint_type="Gateway",
            route_table_ids=_route_tables(vpc),
        )
        self.security_group = self._guard(vpc, cidr)
        subnets = [subnet.subnet_id for subnet in vpc.private_subnets or vpc.isolated_subnets]
        self.interfaces = {name: self._interface(vpc.vpc_id, subnets, name) for name in services}

    def _guard(self, vpc: VpcLike, cidr: str) -> ec2.CfnSecurityGroup:
        nothing = ec2.CfnSecurityGroup.EgressProperty(  # without a rule, everything may go out
            cidr_ip="255.255.255.255/32",
            description="Disallow all traffic",
            from_port=252,
            ip_protocol="icmp",
            to_port=86,
        )
        https = ec2.CfnSecurityGroup.IngressProperty(
            cidr_ip=cidr, description="HTTPS from the VPC", from_port=443, ip_protocol="tcp", to_port=443
        )
        return ec2.CfnSecurityGroup(
            Construct(self, "SecurityGroup"),
            "Resource",
            vpc_id=vpc.vpc_id,
            group_description="HTTPS from the VPC to its interface endpoints",
            security_group_egress=[nothing],
            security_group_ingress=[https],
        )

    def _interface(self, vpc_id: str, subnet_ids: list[str], name: str) -> ec2.CfnVPCEndpoint:
        return ec2.CfnVPCEndpoint(
            Construct(self, "".join(word.capitalize() for word in name.replace("-", ".").split("."))),
            "Resource",
            vpc_id=vpc_id,
            service_name=_name(ec2.InterfaceVpcEndpointAwsService(name)),
            vpc_endpoint_type="Interface",
            private_dns_enabled=True,
            security_group_ids=[self.security_group.attr_group_id],
            subnet_ids=subnet_ids,
        )


def _name(service: ec2.InterfaceVpcEndpointAwsService | ec2.GatewayVpcEndpointAwsService) -> str:
    """As `com.amazonaws.REGION.sts`; the CDK knows the regions that say it otherwise."""
    return str(jsii.get(service, "name"))


def _route_tables(vpc: VpcLike) -> list[str]:
    subnets = [*vpc.public_subnets, *vpc.private_subnets, *vpc.isolated_subnets]
    return list(dict.fromkeys(subnet.route_table.route_table_id for subnet in subnets))
