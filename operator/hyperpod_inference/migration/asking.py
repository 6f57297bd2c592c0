"""Questions to the cluster and to AWS, of which none changes anything; refusals are noted, and it goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hyperpod_inference.cloud.errors import Denied
from hyperpod_inference.kube.errors import Forbidden, NotFound
from hyperpod_inference.kube.resources import Body, Resource
from hyperpod_inference.migration.world import World

T = TypeVar("T")
Otherwise = TypeVar("Otherwise")
NOTHING: list[Body] = []


class Asking:
    """denied: what was refused so far, one line each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.denied: list[str] = []

    async def aws(self, call: Callable[[], T], otherwise: Otherwise) -> T | Otherwise:
        """An answer of AWS, or `otherwise` after a refusal."""
        try:
            return await asyncio.to_thread(call)
        except Denied as error:
            self.refused(error)
            return otherwise

    async def cluster(self, look: Callable[[], Awaitable[T]], otherwise: Otherwise) -> T | Otherwise:
        """An answer of the API server, or `otherwise` after a refusal and for an unknown kind."""
        try:
            return await look()
        except Forbidden as error:
            self.denied.append(f"The cluster refuses: {error.message or error}.")
        except NotFound:
            pass
        return otherwise

    async def listed(self, resource: Resource, label_selector: str | None = None) -> list[Body]:
        """Every object of a kind, in all namespaces."""

        async def look() -> list[Body]:
            return (await self.world.client.list(resource, label_selector=label_selector)).items

        return await self.cluster(look, NOTHING)

    async def names(self, resource: Resource) -> frozenset[str]:
        """Names of all objects of a kind."""
        return frozenset(each["metadata"]["name"] for each in await self.listed(resource))

    def refused(self, error: Denied) -> None:
        """Note a refusal of AWS."""
        self.denied.append(
            f"AWS refuses {error.call}: {error.message}. Allow it for the credentials you use."
        )
