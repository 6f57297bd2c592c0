"""The VPC and its endpoints."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from hyperpod_constructs import Network, NetworkProps, PropertyError


@pytest.fixture(scope="module")
def plain(synthesize: Callable[..., Template]) -> Template:
    return synthesize(lambda stack: Network(stack, "Network"))


@pytest.mark.parametrize(
    ("cidr", "tag"),
    [
        ("10.0.0.0/18", "kubernetes.io/role/internal-elb"),
        ("10.0.64.0/18", "kubernetes.io/role/internal-elb"),
        ("10.0.192.0/24", "kubernetes.io/role/elb"),
        ("10.0.193.0/24", "kubernetes.io/role/elb"),
    ],
)
def test_its_subnets_are_tagged_for_load_balancers(plain: Template, cidr: str, tag: str) -> None:
    plain.has_resource_properties(
        "AWS::EC2::Subnet",
        {
            "CidrBlock": cidr,
            "MapPublicIpOnLaunch": False,
            "Tags": Match.array_with([{"Key": tag, "Value": "1"}]),
        },
    )


def test_s3_is_reached_from_every_route_table(plain: Template) -> None:
    tables = plain.find_resources("AWS::EC2::RouteTable")
    assert len(tables) == 4
    (s3,) = plain.find_resources(
        "AWS::EC2::VPCEndpoint", {"Properties": {"VpcEndpointType": "Gateway"}}
    ).values()
    reached = {entry["Fn::GetAtt"][0] for entry in s3["Properties"]["RouteTableIds"]}
    assert reached == set(tables)


def test_interface_endpoints_are_open_to_the_vpc_on_443_only(plain: Template) -> None:
    (group,) = plain.find_resources("AWS::EC2::SecurityGroup").values()
    (rule,) = group["Properties"]["SecurityGroupIngress"]
    assert (rule["CidrIp"], rule["FromPort"], rule["ToPort"]) == ("10.0.0.0/16", 443, 443)


def test_all_traffic_is_logged(plain: Template) -> None:
    plain.has_resource_properties("AWS::EC2::FlowLog", {"TrafficType": "ALL", "ResourceType": "VPC"})
    plain.has_resource("AWS::Logs::LogGroup", {"DeletionPolicy": "Retain"})


def test_a_third_zone_moves_no_subnet_of_the_first_two(
    synthesize: Callable[..., Template], plain: Template
) -> None:
    zones = ("us-west-2a", "us-west-2b", "us-west-2c")
    three = synthesize(lambda stack: Network(stack, "Network", NetworkProps(zones=zones)))
    before = {
        name: entry["Properties"]["CidrBlock"]
        for name, entry in plain.find_resources("AWS::EC2::Subnet").items()
    }
    after = {
        name: entry["Properties"]["CidrBlock"]
        for name, entry in three.find_resources("AWS::EC2::Subnet").items()
    }
    assert before.items() <= after.items()
    assert len(after) == 6


def test_zones_are_never_looked_up(plain: Template) -> None:
    plain.has_resource_properties(
        "AWS::EC2::Subnet", {"AvailabilityZone": {"Fn::Select": [0, {"Fn::GetAZs": ""}]}}
    )


def test_a_closed_network_has_no_way_out_and_all_endpoints(synthesize: Callable[..., Template]) -> None:
    closed = synthesize(lambda stack: Network(stack, "Network", NetworkProps(nat_gateways=0)))
    closed.resource_count_is("AWS::EC2::NatGateway", 0)
    names = str(closed.find_resources("AWS::EC2::VPCEndpoint"))
    for service in ("ecr.api", "sts", "eks-auth", "elasticloadbalancing", "logs", "ec2messages"):
        assert f".{service}'" in names


@pytest.mark.parametrize(
    ("props", "message"),
    [
        ({"cidr": "10.0.0.0/8"}, "cidr: got '10.0.0.0/8', expected an IPv4 range from /16 to /20"),
        ({"cidr": "ten"}, "cidr: got 'ten', expected an IPv4 range"),
        ({"cidr": "fd00::/16"}, "cidr: got 'fd00::/16', expected an IPv4 range"),
        ({"zones": ("a",)}, "zones: got 1, expected 2 to 3 zones"),
        ({"nat_gateways": 3}, "nat_gateways: got 3, expected 0 to 2, one a zone"),
        ({"nat_gateways": -1}, "nat_gateways: got -1"),
        ({"endpoint_services": ("s3",)}, "services: got 's3', expected one of acm-pca"),
        ({"endpoint_services": ("sts", "sts")}, "expected each service at most once"),
    ],
)
def test_a_wrong_property_is_named(
    synthesize: Callable[..., Template], props: dict[str, Any], message: str
) -> None:
    with pytest.raises(PropertyError, match=message):
        synthesize(lambda stack: Network(stack, "Network", NetworkProps(**props)))
