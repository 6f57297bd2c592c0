"""All load balancers that are at work, by the uid of their Ingress."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp

from hyperpod_inference.local.agent.endpoints import Address
from hyperpod_inference.local.alb.access_log import Place
from hyperpod_inference.local.alb.elb import Deployed, DeployError, Elb
from hyperpod_inference.local.alb.health import TargetGroup
from hyperpod_inference.local.alb.logs import AccessLogs
from hyperpod_inference.local.alb.proxy import Balancer
from hyperpod_inference.local.alb.tls import Lookup, Presented
from hyperpod_inference.local.alb.wanted import Backend, Wanted
from hyperpod_inference.local.aws.world import World

logger = logging.getLogger(__name__)

Targets = Mapping[Backend, tuple[Address, ...]]
DRAIN = 300.0
"""Seconds for the calls of a load balancer that was changed; new ones go to its successor."""


@dataclass(frozen=True, slots=True)
class Here:
    """Where this process listens for load balancers, and seconds between two files of access logs."""

    address: str
    port: int
    log_seconds: float


class Fleet:
    """AWS's `world` is told where each really listens, and how its targets are."""

    def __init__(
        self,
        elb: Elb,
        lookup: Lookup,
        calls: aiohttp.ClientSession,
        world: World,
        here: Here,
    ) -> None:
        self._elb, self._lookup, self._calls, self._world, self._here = elb, lookup, calls, world, here
        self._balancers: dict[str, Balancer] = {}
        self._asked: dict[str, Wanted] = {}
        self._draining: dict[asyncio.Task[None], Balancer] = {}

    def balancers(self) -> Sequence[Balancer]:
        """Those at work."""
        return [*self._balancers.values()]

    def uids(self) -> set[str]:
        """Of the Ingresses that have one, or of which AWS may hold a part."""
        return {*self._asked}

    def dns_name(self, uid: str) -> str:
        """The name of an Ingress's load balancer; KeyError without one."""
        return self._balancers[uid].deployed.dns_name

    async def have(self, wanted: Wanted, targets: Targets) -> bool:
        """Have this one with these targets; True when it was made or changed. Raises DeployError.

        While a change is refused, the one before goes on.
        """
        now = self._balancers.get(wanted.uid)
        changed = now is None or now.wanted != wanted
        if now is None or changed:
            self._asked.setdefault(wanted.uid, wanted)
            deployed = await asyncio.to_thread(self._elb.deploy, wanted)
            self._asked[wanted.uid] = wanted
            fresh = self._made(wanted, deployed)
            self._balancers[wanted.uid] = fresh
            self._world.hosts[deployed.dns_name] = (self._here.address, self._here.port)
            if now is not None:
                await self._succeed(now, deployed)
            now = fresh
        for backend, found in targets.items():
            now.groups[backend].register(found)
        return changed

    async def remove(self, uid: str) -> None:
        """End the load balancer of an Ingress that is gone."""
        gone = self._balancers.pop(uid, None)
        if gone is not None:
            self._world.hosts.pop(gone.deployed.dns_name, None)
            await gone.close()
            for group in gone.groups.values():
                self._world.targets.pop(group.arn, None)
        await self._delete(self._asked.pop(uid))

    async def close(self) -> None:
        """End all of them, and leave AWS as it is: it ends too."""
        for task in self._draining:
            task.cancel()
        everything = [*self._balancers.values(), *self._draining.values()]
        await asyncio.gather(*(each.close() for each in everything), return_exceptions=True)

    def _made(self, wanted: Wanted, deployed: Deployed) -> Balancer:
        settings = wanted.settings
        presented = None
        if settings.certificates:
            presented = Presented(settings.certificates[0], settings.ssl_policy, self._lookup)
        logs = None
        if settings.access_logs is not None:
            place = Place(*settings.access_logs, deployed.arn)
            logs = AccessLogs(
                place, self._elb.put, address=self._here.address, seconds=self._here.log_seconds
            )
            logs.start()
        groups = {
            backend: TargetGroup(arn, settings.health, settings.algorithm, self._calls)
            for backend, arn in deployed.groups.items()
        }
        for group in groups.values():
            self._world.targets[group.arn] = group.observed
        return Balancer(wanted, deployed, groups, self._calls, presented=presented, logs=logs)

    async def _succeed(self, before: Balancer, deployed: Deployed) -> None:
        """Let one that was changed end its calls; with another name it goes from AWS too."""
        task = asyncio.create_task(before.close(DRAIN))
        self._draining[task] = before
        task.add_done_callback(lambda done: self._draining.pop(done, None))
        if before.deployed.arn != deployed.arn:
            self._world.hosts.pop(before.deployed.dns_name, None)
            await self._delete(before.wanted)

    async def _delete(self, wanted: Wanted) -> None:
        try:
            await asyncio.to_thread(self._elb.delete, wanted)
        except DeployError as error:
            logger.warning("%s is not deleted: %s", wanted.name, error)
