"""The VPC endpoints: S3 for every subnet, and private doors to the services that nodes and operator call.

S3 is not optional: SageMaker puts an endpoint's container into the subnets of the EKS cluster, where it
fetches the CA certificate from the TLS bucket (`tls_bucket.py`), so the gateway endpoint covers all route
tables. Sits beside `network.py`, or on a VPC that exists.
"""

from collections.abc import Sequence
from typing import Final

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from hyperpod_inference.installation.errors import require, require_one_of

_SERVICES: Final = {
    "acm-pca": ec2.InterfaceVpcEndpointAwsService.PRIVATE_CERTIFICATE_AUTHORITY,
    "ec2": ec2.InterfaceVpcEndpointAwsService.EC2,
    "ec2messages": ec2.InterfaceVpcEndpointAwsService.EC2_MESSAGES,
    "ecr.api": ec2.InterfaceVpcEndpointAwsService.ECR,
    "ecr.dkr": ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
    "eks": ec2.InterfaceVpcEndpointAwsService.EKS,
    "eks-auth": ec2.InterfaceVpcEndpointAwsService.EKS_AUTH,
    "elasticloadbalancing": ec2.InterfaceVpcEndpointAwsService.ELASTIC_LOAD_BALANCING,
    "logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    "monitoring": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
    "sagemaker.api": ec2.InterfaceVpcEndpointAwsService.SAGEMAKER_API,
    "sagemaker.runtime": ec2.InterfaceVpcEndpointAwsService.SAGEMAKER_RUNTIME,
    "ssm": ec2.InterfaceVpcEndpointAwsService.SSM,
    "ssmmessages": ec2.InterfaceVpcEndpointAwsService.SSM_MESSAGES,
    "sts": ec2.InterfaceVpcEndpointAwsService.STS,
}

DEFAULT_SERVICES: Final = ("ecr.api", "ecr.dkr", "sagemaker.api", "sts")
"""With NAT: image layers, the operator's own calls and role tokens stay off the internet."""

CLOSED_NETWORK_SERVICES: Final = tuple(_SERVICES)
"""Without NAT: everything that nodes, the operator and its controllers call."""


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
        vpc: ec2.IVpc,
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
            service_name=ec2.GatewayVpcEndpointAwsService.S3.name,
            vpc_endpoint_type="Gateway",
            route_table_ids=_route_tables(vpc),
        )
        self.security_group = self._guard(vpc, cidr)
        self.interfaces = {service: self._interface(vpc, service) for service in services}

    def _guard(self, vpc: ec2.IVpc, cidr: str) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=vpc,
            description="HTTPS from the VPC to its interface endpoints",
            allow_all_outbound=False,
        )
        group.add_ingress_rule(ec2.Peer.ipv4(cidr), ec2.Port.tcp(443), "HTTPS from the VPC")
        return group

    def _interface(self, vpc: ec2.IVpc, service: str) -> ec2.InterfaceVpcEndpoint:
        return ec2.InterfaceVpcEndpoint(
            self,
            "".join(word.capitalize() for word in service.replace("-", ".").split(".")),
            vpc=vpc,
            service=_SERVICES[service],
            private_dns_enabled=True,
            security_groups=[self.security_group],
            open=False,
            subnets=ec2.SubnetSelection(subnets=vpc.private_subnets or vpc.isolated_subnets),
        )


def _route_tables(vpc: ec2.IVpc) -> list[str]:
    subnets = [*vpc.public_subnets, *vpc.private_subnets, *vpc.isolated_subnets]
    return list(dict.fromkeys(subnet.route_table.route_table_id for subnet in subnets))
