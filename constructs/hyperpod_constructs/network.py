"""The network: a VPC whose private subnets hold the EKS cluster and the HyperPod instances.

The VPC is built from L1 resources on purpose: subnets sit at fixed places in the address range, so adding a
zone later replaces nothing, zones come from `Fn::GetAZs` and never from a look-up at synth, and every route
table is known to the endpoints (`endpoints.py`). A VPC that exists is passed to :class:`HyperPodInference`
instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from aws_cdk import Aws, CfnTag, Fn, Stack
from aws_cdk import aws_kms as kms
from constructs import Construct, DependencyGroup

from hyperpod_constructs.acknowledge import REGULATORY, acknowledge
from hyperpod_constructs.address_plan import MAX_ZONES, Zone, plan
from hyperpod_constructs.endpoints import CLOSED_NETWORK_SERVICES, DEFAULT_SERVICES, Endpoints
from hyperpod_constructs.flow_log import FlowLog
from hyperpod_constructs.later import Bindings
from hyperpod_inference.installation.errors import require
from hyperpod_inference.installation.settings import DEFAULT_CIDR
from hyperpod_inference.installation.values import ZONE, check_all

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2
else:
    ec2 = Bindings("aws_ec2")

_Subnet = tuple[ec2.CfnSubnet, ec2.CfnRouteTable]


@dataclass(frozen=True)
class RouteTable:
    """Its id."""

    route_table_id: str


@dataclass(frozen=True, kw_only=True)
class Place:
    """A subnet and its route table."""

    subnet_id: str
    route_table: RouteTable


@dataclass(frozen=True, kw_only=True)
class Places:
    """A VPC and its subnets by their ids: as much of `ec2.IVpc` as the other parts read."""

    vpc_id: str
    public_subnets: tuple[Place, ...]
    private_subnets: tuple[Place, ...]
    isolated_subnets: tuple[Place, ...] = ()


class NetworkLike(Protocol):
    """What the other parts need to know of a network."""

    @property
    def vpc(self) -> ec2.IVpc: ...
    @property
    def private_subnet_ids(self) -> list[str]: ...


@dataclass(frozen=True, kw_only=True)
class ExistingNetwork:
    """A VPC that this installation does not own.

    Args:
        vpc: from `Vpc.from_lookup`, `Vpc.from_vpc_attributes` or a construct of your own.
        subnets: where the cluster and the instances go; default all private subnets. They need a route to S3,
            and the tag `kubernetes.io/role/internal-elb=1` for load balancers.
            Make :class:`Endpoints` in it if it has none to S3.
    """

    vpc: ec2.IVpc
    subnets: ec2.SubnetSelection | None = None

    @property
    def private_subnet_ids(self) -> list[str]:
        """Ids of the chosen subnets."""
        if self.subnets is None:
            return [subnet.subnet_id for subnet in self.vpc.private_subnets]
        chosen = self.subnets
        ids = self.vpc.select_subnets(
            availability_zones=chosen.availability_zones,
            one_per_az=chosen.one_per_az,
            subnet_filters=chosen.subnet_filters,
            subnet_group_name=chosen.subnet_group_name,
            subnets=chosen.subnets,
            subnet_type=chosen.subnet_type,
        ).subnet_ids
        return list(ids)


@dataclass(frozen=True, kw_only=True)
class NetworkProps:
    """How a new :class:`Network` is made.

    Args:
        cidr: IPv4 range of the VPC, /16 to /20; default 10.0.0.0/16.
        zones: availability zones by name; default the first two of the region. HyperPod capacity is tied to a
            zone, so name the zones of your reserved instances. Two or three; EKS needs two.
        private_subnet_cidrs, public_subnet_cidrs: ranges of the subnets, one for each zone, inside `cidr`;
            default fixed shares of it, a quarter and a 256th each.
        nat_gateways: how many, 0 to the number of zones; default 1. With 0 the network is closed: images and
            models must be reachable through endpoints, and those of a closed network are made by default.
        endpoint_services: interface endpoints, see `endpoints.py`; default a few, or all in a closed network.
    """

    cidr: str = DEFAULT_CIDR
    zones: Sequence[str] | None = None
    private_subnet_cidrs: Sequence[str] = ()
    public_subnet_cidrs: Sequence[str] = ()
    nat_gateways: int = 1
    endpoint_services: Sequence[str] | None = None


_DEFAULTS: Final = NetworkProps()


class Network(Construct):
    """A VPC with one private and one public subnet in each zone, NAT for the private ones, and endpoints.

    Private subnets take a quarter of the range each (a HyperPod pod has an address of its own); public ones a
    256th. Public subnets give no public address by themselves. Flow logs are on.

    Args:
        props: default two zones and one NAT gateway.
        encryption_key: encrypts the flow log; default a key owned by CloudWatch Logs.

    Attributes:
        vpc: the VPC for other constructs, made when first asked for.
        places: the ids of the same.
        private_subnet_ids: one for each zone.
        endpoints: the endpoints.
        connectivity: depend on it to start after, and be deleted before, the routes and endpoints.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        props: NetworkProps = _DEFAULTS,
        *,
        encryption_key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._cidr = props.cidr
        self._ref: ec2.IVpc | None = None
        self._zones = _plan(self, props)
        self._vpc = ec2.CfnVPC(
            self,
            "Vpc",
            cidr_block=props.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=[self._name_tag()],
        )
        self.connectivity = DependencyGroup()
        public = self._public_side()
        private = self._private_side(self._nat(public, props.nat_gateways))
        FlowLog(self, "FlowLog", vpc_id=self._vpc.attr_vpc_id, encryption_key=encryption_key)
        self.private_subnet_ids = [subnet.attr_subnet_id for subnet, _ in private]
        self.places = Places(
            vpc_id=self._vpc.attr_vpc_id, public_subnets=_placed(public), private_subnets=_placed(private)
        )
        self.endpoints = Endpoints(
            self, "Endpoints", vpc=self.places, cidr=props.cidr, services=_endpoint_services(props)
        )
        self.connectivity.add(self.endpoints)
        self._acknowledge()

    def _public_side(self) -> list[_Subnet]:
        gateway = ec2.CfnInternetGateway(self, "InternetGateway", tags=[self._name_tag()])
        attachment = ec2.CfnVPCGatewayAttachment(
            self,
            "InternetGatewayAttachment",
            vpc_id=self._vpc.attr_vpc_id,
            internet_gateway_id=gateway.attr_internet_gateway_id,
        )
        made = []
        for zone in self._zones:
            subnet, table = self._subnet("Public", zone, zone.public_cidr, "kubernetes.io/role/elb")
            route = self._default_route("Public", zone, table, gateway_id=gateway.attr_internet_gateway_id)
            route.add_resource_dependency(attachment)
            made.append((subnet, table))
        return made

    def _nat(self, public: list[_Subnet], count: int) -> list[ec2.CfnNatGateway]:
        gateways = []
        for index in range(count):
            address = ec2.CfnEIP(self, f"NatAddress{index + 1}", domain="vpc", tags=[self._name_tag()])
            gateway = ec2.CfnNatGateway(
                self,
                f"NatGateway{index + 1}",
                subnet_id=public[index][0].attr_subnet_id,
                allocation_id=address.attr_allocation_id,
                tags=[self._name_tag()],
            )
            gateways.append(gateway)
        return gateways

    def _private_side(self, nat: list[ec2.CfnNatGateway]) -> list[_Subnet]:
        made = []
        for zone in self._zones:
            subnet, table = self._subnet(
                "Private", zone, zone.private_cidr, "kubernetes.io/role/internal-elb"
            )
            if nat:
                own = nat[zone.index % len(nat)]
                self._default_route("Private", zone, table, nat_gateway_id=own.attr_nat_gateway_id)
            made.append((subnet, table))
        return made

    def _subnet(self, side: str, zone: Zone, cidr: str, load_balancer_tag: str) -> _Subnet:
        """A subnet with a route table of its own, tagged so that load balancers find it."""
        number = zone.index + 1
        name = self._name_tag(f"{side}{number}")
        subnet = ec2.CfnSubnet(
            self,
            f"{side}Subnet{number}",
            vpc_id=self._vpc.attr_vpc_id,
            availability_zone=zone.name,
            cidr_block=cidr,
            map_public_ip_on_launch=False,
            tags=[name, CfnTag(key=load_balancer_tag, value="1")],
        )
        table = ec2.CfnRouteTable(
            self, f"{side}RouteTable{number}", vpc_id=self._vpc.attr_vpc_id, tags=[name]
        )
        self.connectivity.add(
            ec2.CfnSubnetRouteTableAssociation(
                self,
                f"{side}Association{number}",
                subnet_id=subnet.attr_subnet_id,
                route_table_id=table.attr_route_table_id,
            )
        )
        return subnet, table

    def _default_route(
        self,
        side: str,
        zone: Zone,
        table: ec2.CfnRouteTable,
        *,
        gateway_id: str | None = None,
        nat_gateway_id: str | None = None,
    ) -> ec2.CfnRoute:
        route = ec2.CfnRoute(
            self,
            f"{side}Route{zone.index + 1}",
            route_table_id=table.attr_route_table_id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway_id,
            nat_gateway_id=nat_gateway_id,
        )
        self.connectivity.add(route)
        return route

    @property
    def vpc(self) -> ec2.IVpc:
        """For constructs that ask for one."""
        self._ref = self._ref or self._as_vpc()
        return self._ref

    def _as_vpc(self) -> ec2.IVpc:
        from aws_cdk import aws_ec2

        public, private = self.places.public_subnets, self.places.private_subnets
        return aws_ec2.Vpc.from_vpc_attributes(
            self,
            "Ref",
            vpc_id=self._vpc.attr_vpc_id,
            vpc_cidr_block=self._cidr,
            region=Aws.REGION,
            availability_zones=[zone.name for zone in self._zones],
            public_subnet_ids=[each.subnet_id for each in public],
            public_subnet_route_table_ids=[each.route_table.route_table_id for each in public],
            private_subnet_ids=[each.subnet_id for each in private],
            private_subnet_route_table_ids=[each.route_table.route_table_id for each in private],
        )

    def _name_tag(self, part: str = "") -> CfnTag:
        prefix = f"{Stack.of(self).stack_name}/{self.node.id}"
        return CfnTag(key="Name", value=f"{prefix}/{part}" if part else prefix)

    def _acknowledge(self) -> None:
        acknowledge(
            self._vpc,
            "VPCDefaultSecurityGroupClosed",
            "Nothing uses the default security group; closing it takes a custom resource with a Lambda.",
            *REGULATORY,
        )
        for zone in self._zones:
            acknowledge(
                self.node.find_child(f"PublicRoute{zone.index + 1}"),
                "VPCNoUnrestrictedRouteToIGW",
                "The public subnets hold the NAT gateways and internet-facing load balancers only.",
                *REGULATORY,
            )


def _placed(subnets: list[_Subnet]) -> tuple[Place, ...]:
    return tuple(
        Place(subnet_id=subnet.attr_subnet_id, route_table=RouteTable(table.attr_route_table_id))
        for subnet, table in subnets
    )


def _endpoint_services(props: NetworkProps) -> Sequence[str]:
    if props.endpoint_services is not None:
        return props.endpoint_services
    return DEFAULT_SERVICES if props.nat_gateways else CLOSED_NETWORK_SERVICES


def _plan(where: Construct, props: NetworkProps) -> list[Zone]:
    names, gateways = _zone_names(props), props.nat_gateways
    count = len(names)
    require(2 <= count <= MAX_ZONES, where, "zones", count, f"2 to {MAX_ZONES} zones")
    check_all(where, "zones", names, ZONE)
    require(len(set(names)) == count, where, "zones", names, "zones that differ")
    require(0 <= gateways <= count, where, "nat_gateways", gateways, f"0 to {count}, one a zone")
    return plan(where, props.cidr, names, props.private_subnet_cidrs, props.public_subnet_cidrs)


def _zone_names(props: NetworkProps) -> list[str]:
    if props.zones is not None:
        return list(props.zones)
    return [Fn.select(index, Fn.get_azs()) for index in range(2)]
