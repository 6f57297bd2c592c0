"""Elastic Load Balancing as it is where moto differs: DNS names of load balancers, and the health of targets.

A load balancer that is internal says so in its name, and a number of its own follows. Targets are those that
a load balancer really has (`World.targets`); moto calls healthy whatever is registered.
"""

import zlib
from typing import Any, Final

from moto.elbv2.models import ELBv2Backend, FakeHealthStatus

from hyperpod_inference.local.aws.replace import replace
from hyperpod_inference.local.aws.world import WORLDS

_CREATE: Final = ELBv2Backend.create_load_balancer
_HEALTH: Final = ELBv2Backend.describe_target_health
_REASONS: Final = {
    "initial": ("Elb.InitialHealthChecking", "Initial health checks in progress"),
    "unhealthy": ("Target.FailedHealthChecks", "Health checks failed"),
}


def at_work() -> None:
    """Let moto's be so."""
    replace(
        ELBv2Backend,
        {"create_load_balancer": _create_load_balancer, "describe_target_health": _describe_target_health},
    )


def _create_load_balancer(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    made: Any = _CREATE(self, name, *args, **kwargs)
    number = 10**9 + zlib.crc32(f"{self.account_id}/{self.region_name}/{name}".encode())
    internal = "internal-" if made.scheme == "internal" else ""
    made.dns_name = f"{internal}{name}-{number}.{self.region_name}.elb.amazonaws.com"
    return made


def _describe_target_health(self: Any, target_group_arn: str, targets: Any) -> list[FakeHealthStatus]:
    states = WORLDS.of(self.account_id, self.region_name).targets.get(target_group_arn)
    if states is None or targets:
        return _HEALTH(self, target_group_arn, targets)
    return [
        FakeHealthStatus(host, str(port), str(port), state, *_REASONS.get(state, ()))
        for (host, port), state in sorted(states().items())
    ]
