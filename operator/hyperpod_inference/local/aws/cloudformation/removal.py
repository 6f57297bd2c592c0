"""How a resource of moto's own types is deleted, where moto's CloudFormation leaves it behind."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends

_Remove = Callable[[Any, Any], object]


def _attachment(ec2: Any, made: Any) -> None:
    for gateway in list(ec2.internet_gateways.values()):
        if gateway.vpc is not None and gateway.vpc.id == made.physical_resource_id:
            ec2.detach_internet_gateway(gateway.id, gateway.vpc.id)


def _policy(account: str, made: Any) -> None:
    iam = iam_backends[account]["aws"]
    for role in iam.roles.values():
        role.managed_policies.pop(made.physical_resource_id, None)
    iam.delete_policy(made.physical_resource_id)


_EC2: Final[Mapping[str, _Remove]] = {
    "AWS::EC2::NatGateway": lambda ec2, made: ec2.nat_gateways.pop(made.id),
    "AWS::EC2::FlowLog": lambda ec2, made: ec2.delete_flow_logs([made.id]),
    "AWS::EC2::EIP": lambda ec2, made: ec2.release_address(allocation_id=made.allocation_id),
    "AWS::EC2::VPCEndpoint": lambda ec2, made: ec2.delete_vpc_endpoints([made.id]),
    "AWS::EC2::RouteTable": lambda ec2, made: ec2.delete_route_table(made.id),
    "AWS::EC2::InternetGateway": lambda ec2, made: ec2.delete_internet_gateway(made.id),
    "AWS::EC2::SecurityGroup": lambda ec2, made: ec2.delete_security_group(group_id=made.id),
    "AWS::EC2::VPCGatewayAttachment": _attachment,
    # A route goes with its table, a rule with its group.
    "AWS::EC2::Route": lambda _ec2, _made: None,
    "AWS::EC2::SecurityGroupIngress": lambda _ec2, _made: None,
}


def remove(stack: Any, kind: str, made: Any, resource: Mapping[str, Any]) -> None:
    """Delete one resource of a stack."""
    if kind in _EC2:
        _EC2[kind](ec2_backends[stack.account_id][stack.region_name], made)
    elif kind == "AWS::IAM::ManagedPolicy":
        _policy(stack.account_id, made)
    else:
        stack.resource_map._delete_resource(made, resource)
