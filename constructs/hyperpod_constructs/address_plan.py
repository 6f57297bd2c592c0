"""How the address range of `network.py` is shared out: fixed places, so that a later zone moves nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from typing import Final

from constructs import Construct

from hyperpod_constructs.errors import PropertyError

MAX_ZONES: Final = 3
"""Three quarters of the range hold one private subnet each."""


@dataclass(frozen=True, kw_only=True)
class Zone:
    """One availability zone's share of the VPC."""

    index: int
    name: str
    private_cidr: str
    public_cidr: str


def plan(where: Construct, cidr: str, names: Sequence[str]) -> list[Zone]:
    """Three quarters of the range for private subnets, the last one cut small for public ones."""
    quarters = list(_block(where, cidr).subnets(prefixlen_diff=2))
    small = list(quarters[3].subnets(prefixlen_diff=6))
    return [
        Zone(index=i, name=name, private_cidr=str(quarters[i]), public_cidr=str(small[i]))
        for i, name in enumerate(names)
    ]


def _block(where: Construct, cidr: str) -> IPv4Network:
    allowed = "an IPv4 range from /16 to /20, such as 10.0.0.0/16"
    try:
        block = ip_network(cidr)
    except ValueError as error:
        raise PropertyError(where, "cidr", cidr, allowed, f"Python says: {error}.") from error
    if not isinstance(block, IPv4Network) or not 16 <= block.prefixlen <= 20:
        raise PropertyError(where, "cidr", cidr, allowed)
    return block
