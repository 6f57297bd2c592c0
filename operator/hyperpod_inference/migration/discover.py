"""Looks at the cluster and the account and changes nothing; all that may not be read is told at once."""

import asyncio
from functools import partial

from hyperpod_inference.cloud.addons import Addon
from hyperpod_inference.cloud.roles import Role
from hyperpod_inference.installation.compatibility import INFERENCE
from hyperpod_inference.kube.resources import CRDS, CSI_DRIVERS, DEPLOYMENTS
from hyperpod_inference.migration import endpoints, permissions, values
from hyperpod_inference.migration.asking import NOTHING, Asking
from hyperpod_inference.migration.aws_objects import aws_objects
from hyperpod_inference.migration.facts import Account, Discovered, Workload
from hyperpod_inference.migration.helm import Release
from hyperpod_inference.migration.releases import releases
from hyperpod_inference.migration.roles import role_names
from hyperpod_inference.migration.world import World

HELM_RELEASE = "meta.helm.sh/release-name"


class Discovery:
    """One look; `await Discovery(world, region).look()`, or `look_at_addon()`."""

    def __init__(self, world: World, region: str, helm_namespace: str = "") -> None:
        self._world, self._region, self._helm_namespace = world, region, helm_namespace
        self._asking = Asking(world)

    async def look(self) -> Discovered:
        """Everything that the plan needs. Raises CloudError or ApiError when nothing can be asked at all."""
        world, asking = self._world, self._asking
        asking.denied += await permissions.missing(world.client)
        account = await self._account()
        found, unreadable = await releases(asking, self._helm_namespace)
        readable = [] if unreadable else found
        bodies = await asking.cluster(lambda: endpoints.bodies(world.client), NOTHING)
        return Discovered(
            account=account,
            releases=tuple(found),
            unreadable=tuple(unreadable),
            addons=await asking.aws(world.eks.addons, {}),
            roles=await self._roles(readable),
            taken=await self._taken(account, readable),
            workloads=await self._workloads(),
            csi_drivers=await asking.names(CSI_DRIVERS),
            crds=await asking.names(CRDS),
            endpoints=tuple(await asking.cluster(lambda: endpoints.observed(world.client), [])),
            aws_objects=tuple(await aws_objects(asking, bodies)),
            buckets=frozenset(bucket for body in bodies for bucket in endpoints.buckets(body)),
            model_buckets=frozenset(name for body in bodies for name in endpoints.model_buckets(body)),
            denied=tuple(dict.fromkeys(asking.denied)),
        )

    async def look_at_addon(self) -> Discovered:
        """What an upgrade of the add-on needs to know."""
        world, asking = self._world, self._asking
        asking.denied += await permissions.missing(world.client, permissions.TO_UPGRADE)
        account = await self._account()
        addons: dict[str, Addon] = await asking.aws(world.eks.addons, {})
        inference = addons.get(INFERENCE)
        arn = str(inference.configuration.get("executionRoleArn") or "") if inference else ""
        role = await asking.aws(partial(world.iam.role, arn), None) if arn else None
        return Discovered(
            account=account,
            addons=addons,
            roles={arn: role} if role else {},
            csi_drivers=await asking.names(CSI_DRIVERS),
            crds=await asking.names(CRDS),
            endpoints=tuple(await asking.cluster(lambda: endpoints.observed(world.client), [])),
            denied=tuple(dict.fromkeys(asking.denied)),
        )

    async def _account(self) -> Account:
        world = self._world
        cluster = await asyncio.to_thread(world.eks.cluster)
        number, caller = await asyncio.to_thread(world.iam.caller)
        versions = await self._asking.aws(lambda: world.eks.versions(INFERENCE, cluster.version), ())
        return Account(
            cluster=cluster.name,
            region=self._region,
            partition=caller.split(":")[1],
            account=number,
            kubernetes=cluster.version,
            issuer=cluster.issuer,
            caller=caller,
            known=await self._asking.aws(lambda: world.iam.knows_issuer(cluster.issuer), True),
            addon_versions=versions,
        )

    async def _roles(self, found: list[Release]) -> dict[str, Role]:
        """Those that the releases name, by ARN."""
        arns = [arn for each in found for arn in values.read(each).role_arns if arn]
        return await self._known(arns)

    async def _taken(self, account: Account, found: list[Release]) -> dict[str, Role]:
        """Roles that have the names which the new ones would get."""
        wanted = {name for each in found for name in role_names(account, values.read(each)).values()}
        return await self._known(sorted(wanted))

    async def _known(self, wanted: list[str]) -> dict[str, Role]:
        asked = [(each, await self._asking.aws(partial(self._world.iam.role, each), None)) for each in wanted]
        return {each: role for each, role in asked if role is not None}

    async def _workloads(self) -> tuple[Workload, ...]:
        return tuple(
            Workload(
                namespace=each["metadata"]["namespace"],
                name=each["metadata"]["name"],
                replicas=each["spec"].get("replicas", 1),
                release=(each["metadata"].get("annotations") or {}).get(HELM_RELEASE, ""),
            )
            for each in await self._asking.listed(DEPLOYMENTS)
        )
