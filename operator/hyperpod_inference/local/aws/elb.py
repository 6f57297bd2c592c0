"""Elastic Load Balancing as it is where moto differs: the DNS name of a load balancer.

One that is internal says so in its name, and a number of its own follows the load balancer's name.
"""

import zlib
from typing import Any, Final

from moto.elbv2.models import ELBv2Backend

from hyperpod_inference.local.aws.replace import replace

_CREATE: Final = ELBv2Backend.create_load_balancer


def dns_names() -> None:
    """Let moto's be so."""
    replace(ELBv2Backend, {"create_load_balancer": _create_load_balancer})


def _create_load_balancer(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    made: Any = _CREATE(self, name, *args, **kwargs)
    number = 10**9 + zlib.crc32(f"{self.account_id}/{self.region_name}/{name}".encode())
    internal = "internal-" if made.scheme == "internal" else ""
    made.dns_name = f"{internal}{name}-{number}.{self.region_name}.elb.amazonaws.com"
    return made
