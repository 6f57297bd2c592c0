"""How the address range of `network.py` is shared out: fixed places, so that a later zone moves nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

from constructs import Construct

from hyperpod_inference.installation.errors import PropertyError, require
from hyperpod_inference.installation.values import check_apart, check_cidr

MAX_ZONES: Final = 3
"""Three quarters of the range hold one private subnet each."""

_RANGE: Final = "an IPv4 range from /16 to /20, such as 10.0.0.0/16"
_SUBNET: Final = "an IPv4 range from /16 to /28 inside that of the VPC"


@dataclass(frozen=True, kw_only=True)
class Zone:
    """One availability zone's share of the VPC."""

    index: int
    name: str
    private_cidr: str
    public_cidr: str


def plan(
    where: Construct,
    cidr: str,
    names: Sequence[str],
    private_cidrs: Sequence[str] = (),
    public_cidrs: Sequence[str] = (),
) -> list[Zone]:
    """Three quarters of the range for private subnets, the last one cut small for public ones.

    Ranges given are used instead: one for each zone, inside the VPC's, and none over another.
    """
    block = check_cidr(where, "cidr", cidr, _RANGE, shortest=16, longest=20)
    if block is None:
        raise PropertyError(where, "cidr", cidr, _RANGE, "It must be known at synth.")
    quarters = list(block.subnets(prefixlen_diff=2))
    small = list(quarters[3].subnets(prefixlen_diff=6))
    private = _given(where, "private_subnet_cidrs", private_cidrs, names, block) or quarters
    public = _given(where, "public_subnet_cidrs", public_cidrs, names, block) or small
    zones = range(len(names))
    check_apart(
        where,
        "private_subnet_cidrs" if private_cidrs else "public_subnet_cidrs",
        {f"private subnet {i + 1}": private[i] for i in zones}
        | {f"public subnet {i + 1}": public[i] for i in zones},
    )
    return [
        Zone(index=i, name=name, private_cidr=str(private[i]), public_cidr=str(public[i]))
        for i, name in enumerate(names)
    ]


def _given(
    where: Construct, prop: str, cidrs: Sequence[str], names: Sequence[str], vpc: IPv4Network
) -> list[IPv4Network]:
    if not cidrs:
        return []
    require(len(cidrs) == len(names), where, prop, len(cidrs), f"{len(names)}, one for each zone")
    blocks = []
    for index, cidr in enumerate(cidrs):
        at = f"{prop}[{index}]"
        block = check_cidr(where, at, cidr, _SUBNET, shortest=16, longest=28)
        if block is None or not block.subnet_of(vpc):
            raise PropertyError(where, at, cidr, f"a range inside {vpc}, that of the VPC")
        blocks.append(block)
    return blocks
