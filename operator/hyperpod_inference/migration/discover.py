"""Looks at the cluster and the account and changes nothing; all that may not be read is told at once."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from hyperpod_inference.api import names
from hyperpod_inference.cloud.errors import CloudError, Denied
from hyperpod_inference.cloud.roles import Role
from hyperpod_inference.installation.compatibility import INFERENCE
from hyperpod_inference.kube.errors import Forbidden, NotFound
from hyperpod_inference.kube.resources import CRDS, DEPLOYMENTS, SECRETS, Body, Resource
from hyperpod_inference.migration import endpoints, parts, permissions, selfhosted, values
from hyperpod_inference.migration.facts import Account, AwsObject, Discovered, Workload
from hyperpod_inference.migration.helm import SECRET_SELECTOR, Release, UnreadableRelease, decode, newest
from hyperpod_inference.migration.roles import role_names
from hyperpod_inference.migration.steps.owned import CLUSTER_WIDE, NAMESPACED, held_by_eks
from hyperpod_inference.migration.world import World

CSI_DRIVERS = Resource("storage.k8s.io", "v1", "csidrivers", "CSIDriver", namespaced=False)
INGRESSES = Resource("networking.k8s.io", "v1", "ingresses", "Ingress")
CERTIFICATE_ANNOTATION = "alb.ingress.kubernetes.io/certificate-arn"
HELM_RELEASE = "meta.helm.sh/release-name"
T = TypeVar("T")
Otherwise = TypeVar("Otherwise")
NOTHING: list[Body] = []


class Discovery:
    """One look; `await Discovery(world, region).look()`, or `look_at_addon()`."""

    def __init__(self, world: World, region: str, helm_namespace: str = "") -> None:
        self._world, self._region, self._helm_namespace = world, region, helm_namespace
        self._denied: list[str] = []

    async def look(self) -> Discovered:
        """Everything that the plan needs. Raises CloudError or ApiError when nothing can be asked at all."""
        world = self._world
        self._denied += await permissions.missing(world.client)
        account = await self._account()
        releases, unreadable = await self._releases()
        bodies = await self._seen(lambda: endpoints.bodies(world.client), NOTHING)
        return Discovered(
            account=account,
            releases=releases,
            unreadable=unreadable,
            addons=await self._asked(world.eks.addons, {}),
            roles=await self._roles(releases),
            taken=await self._taken(account, releases),
            workloads=await self._workloads(),
            csi_drivers=frozenset(await self._names(CSI_DRIVERS)),
            crds=frozenset(await self._names(CRDS)),
            endpoints=tuple(await self._seen(lambda: endpoints.observed(world.client), [])),
            aws_objects=tuple(await self._aws_objects(bodies)),
            buckets=frozenset(bucket for body in bodies for bucket in endpoints.buckets(body)),
            model_buckets=frozenset(name for body in bodies for name in endpoints.model_buckets(body)),
            denied=tuple(dict.fromkeys(self._denied)),
        )

    async def look_at_addon(self) -> Discovered:
        """What an upgrade of the add-on needs to know."""
        world = self._world
        self._denied += await permissions.missing(world.client, permissions.TO_UPGRADE)
        account, addons = await self._account(), await self._asked(world.eks.addons, {})
        inference = addons.get(INFERENCE)
        arn = str(inference.configuration.get("executionRoleArn") or "") if inference else ""
        role = await self._asked(partial(world.iam.role, arn), None) if arn else None
        return Discovered(
            account=account,
            addons=addons,
            roles={arn: role} if role else {},
            csi_drivers=frozenset(await self._names(CSI_DRIVERS)),
            crds=frozenset(await self._names(CRDS)),
            endpoints=tuple(await self._seen(lambda: endpoints.observed(world.client), [])),
            denied=tuple(dict.fromkeys(self._denied)),
        )

    async def _account(self) -> Account:
        world = self._world
        cluster = await asyncio.to_thread(world.eks.cluster)
        number, caller = await asyncio.to_thread(world.iam.caller)
        versions = await self._asked(lambda: world.eks.versions(INFERENCE, cluster.version), ())
        return Account(
            cluster=cluster.name,
            region=self._region,
            partition=caller.split(":")[1],
            account=number,
            kubernetes=cluster.version,
            issuer=cluster.issuer,
            caller=caller,
            known=await self._asked(lambda: world.iam.knows_issuer(cluster.issuer), True),
            addon_versions=versions,
        )

    async def _releases(self) -> tuple[tuple[Release, ...], tuple[str, ...]]:
        async def listed() -> list[Body]:
            found = await self._world.client.list(
                SECRETS, self._helm_namespace or None, label_selector=SECRET_SELECTOR
            )
            return found.items

        read, unreadable = [], []
        for secret in await self._seen(listed, NOTHING):
            try:
                read.append(decode(secret))
            except UnreadableRelease as error:
                if any(chart in secret["metadata"]["name"] for chart in parts.CHARTS):
                    unreadable.append(str(error))
        ours = [
            each
            for each in newest(read).values()
            if values.is_inference(each) and each.status != "uninstalled"
        ]
        if not any(each.chart == parts.OWN_CHART for each in ours):
            ours += await self._applied(unreadable)
        return tuple(ours), tuple(unreadable)

    async def _applied(self, unreadable: list[str]) -> list[Release]:
        """Our own operator where kubectl applied it."""

        async def look() -> list[Release]:
            found = (await self._world.client.list(DEPLOYMENTS, label_selector=selfhosted.SELECTOR)).items
            mine = [each for each in found if selfhosted.is_ours(each) and not held_by_eks(each)]
            if self._helm_namespace:
                mine = [each for each in mine if each["metadata"]["namespace"] == self._helm_namespace]
            return [selfhosted.as_release(each, await self._objects(each)) for each in mine]

        try:
            return await self._seen(look, [])
        except ValueError as error:
            unreadable.append(str(error))
            return []

    async def _objects(self, deployment: Body) -> list[Body]:
        """What our charts installed beside a Deployment."""
        namespace, found = deployment["metadata"]["namespace"], NOTHING
        for resource in (*NAMESPACED, *CLUSTER_WIDE):
            where = namespace if resource.namespaced else None
            listed = await self._world.client.list(resource, where, label_selector=selfhosted.SELECTOR)
            found = [*found, *listed.items]
        return found

    async def _roles(self, releases: tuple[Release, ...]) -> dict[str, Role]:
        found: dict[str, Role] = {}
        for release in releases:
            settings = values.read(release)
            for arn in filter(None, settings.role_arns):
                role = await self._asked(partial(self._world.iam.role, arn), None)
                if role is not None:
                    found[arn] = role
        return found

    async def _taken(self, account: Account, releases: tuple[Release, ...]) -> dict[str, Role]:
        """Roles that have the names which the new ones would get."""
        wanted = {name for each in releases for name in role_names(account, values.read(each)).values()}
        asked = [
            (name, await self._asked(partial(self._world.iam.role, name), None)) for name in sorted(wanted)
        ]
        return {name: role for name, role in asked if role is not None}

    async def _workloads(self) -> tuple[Workload, ...]:
        async def listed() -> list[Body]:
            return (await self._world.client.list(DEPLOYMENTS)).items

        return tuple(
            Workload(
                namespace=each["metadata"]["namespace"],
                name=each["metadata"]["name"],
                replicas=each["spec"].get("replicas", 1),
                release=(each["metadata"].get("annotations") or {}).get(HELM_RELEASE, ""),
            )
            for each in await self._seen(listed, NOTHING)
        )

    async def _aws_objects(self, bodies: list[Body]) -> list[AwsObject]:
        """Certificates and S3 objects by the resources' status, load balancers by our Ingresses."""
        named: dict[str, str] = {}
        for body in bodies:
            of = f"{body['kind']} {body['metadata']['namespace']}/{body['metadata']['name']}"
            for id in (*endpoints.certificates(body), *endpoints.objects(body)):
                named.setdefault(id, of)
        missing = await self._from_ingresses(bodies, named)
        return [*[await self._tagged(id, of) for id, of in named.items()], *missing]

    async def _from_ingresses(self, bodies: list[Body], named: dict[str, str]) -> list[AwsObject]:
        async def listed() -> list[Body]:
            return (await self._world.client.list(INGRESSES)).items

        ours, missing = _ingress_names(bodies), []
        for ingress in await self._seen(listed, NOTHING):
            of = ours.get((ingress["metadata"]["namespace"], ingress["metadata"]["name"]))
            if of is None:
                continue
            certificate = (ingress["metadata"].get("annotations") or {}).get(CERTIFICATE_ANNOTATION)
            if certificate:
                named.setdefault(certificate, of)
            for entry in ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ():
                host = entry.get("hostname", "")
                arn = await self._asked(partial(self._world.tagging.load_balancer, host), None)
                if arn:
                    named.setdefault(arn, of)
                elif host:
                    missing.append(
                        AwsObject(id=host, of=of, error="no load balancer of the account has this name")
                    )
        return missing

    async def _tagged(self, id: str, of: str) -> AwsObject:
        try:
            return AwsObject(id=id, of=of, tags=await asyncio.to_thread(self._world.tagging.read, id))
        except Denied as error:
            self._denied.append(_may_not(error))
            return AwsObject(id=id, of=of, error=str(error))
        except CloudError as error:
            return AwsObject(id=id, of=of, error=str(error))

    async def _names(self, resource: Resource) -> list[str]:
        async def listed() -> list[Body]:
            return (await self._world.client.list(resource)).items

        return [each["metadata"]["name"] for each in await self._seen(listed, NOTHING)]

    async def _asked(self, call: Callable[[], T], otherwise: Otherwise) -> T | Otherwise:
        """An answer of AWS; a refusal is noted and the look goes on."""
        try:
            return await asyncio.to_thread(call)
        except Denied as error:
            self._denied.append(_may_not(error))
            return otherwise

    async def _seen(self, look: Callable[[], Awaitable[T]], otherwise: Otherwise) -> T | Otherwise:
        """An answer of the API server; a refusal is noted and the look goes on."""
        try:
            return await look()
        except Forbidden as error:
            self._denied.append(f"The cluster refuses: {error.message or error}.")
        except NotFound:
            pass
        return otherwise


def _may_not(error: Denied) -> str:
    return f"AWS refuses {error.call}: {error.message}. Allow it for the credentials you use."


def _ingress_names(bodies: list[Body]) -> dict[tuple[str, str], str]:
    """Where the operator puts the Ingress of each resource, with and without routing."""
    found = {}
    for body in bodies:
        name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
        of = f"{body['kind']} {namespace}/{name}"
        found[(namespace, names.ingress_name(name, namespace, routed=False))] = of
        found[(names.OPERATOR_NAMESPACE, names.ingress_name(name, namespace, routed=True))] = of
    return found
