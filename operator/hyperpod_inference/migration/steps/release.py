"""Objects of the release that make room for those of an add-on, or that nobody needs once it works."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

from hyperpod_inference.kube.errors import AlreadyExists, NotFound
from hyperpod_inference.kube.resources import Body
from hyperpod_inference.migration.steps.base import Before, Step
from hyperpod_inference.migration.steps.owned import held_by_eks, identity, remove
from hyperpod_inference.migration.world import World

# Never removed: with them everything inside would go, or data.
KEPT_KINDS = frozenset(
    {"CustomResourceDefinition", "Namespace", "PersistentVolume", "PersistentVolumeClaim", "StorageClass"}
)
_SERVER_FIELDS = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")


class RemoveObjects(Step):
    """Objects of the release go, except what an add-on holds, CRDs, namespaces and volumes."""

    kind: Literal["remove-objects"] = "remove-objects"
    release: str
    namespace: str
    part: str
    """Which part of the release it is, in words."""
    pauses: str = ""
    """What does not happen until an add-on takes over."""
    objects: tuple[dict[str, str], ...]
    """apiVersion, kind, namespace and name of each object of the release's manifest."""

    @property
    def id(self) -> str:
        """remove-objects/NAMESPACE/RELEASE/PART."""
        part = self.part.removeprefix("the ").replace(" ", "-")
        return f"remove-objects/{self.namespace}/{self.release}/{part}"

    @property
    def changes(self) -> str:
        """What it changes."""
        return (
            f"deletes those of the {len(self.objects)} objects of {self.part} from release {self.release} "
            "that no add-on holds by then; CRDs, namespaces and volumes stay"
        )

    @property
    def undone_by(self) -> str:
        """How it is undone."""
        return "creates them again from the backup"

    @property
    def interrupts(self) -> str:
        """Models keep answering; what waits is named."""
        return f"no traffic; until the add-on works, {self.pauses}" if self.pauses else ""

    async def before(self, world: World) -> Before:
        """The objects that would go, whole."""
        found = [obj async for obj in self._live(world) if not held_by_eks(obj)]
        return {"objects": [portable(obj) for obj in found]}

    async def run(self, world: World, before: Before) -> None:
        """Delete what was noted, unless EKS took it over meanwhile."""
        noted = {identity(obj) for obj in before["objects"]}
        async for obj in self._live(world):
            if identity(obj) in noted and not held_by_eks(obj):
                await remove(world.client, await world.client.resource_of(obj), obj)

    async def undo(self, world: World, before: Before) -> None:
        """Create again what is missing."""
        for obj in before["objects"]:
            with contextlib.suppress(AlreadyExists):
                await world.client.create(await world.client.resource_of(obj), obj)

    async def _live(self, world: World) -> AsyncIterator[Body]:
        for each in self.objects:
            if each["kind"] in KEPT_KINDS:
                continue
            reference = {"apiVersion": each["apiVersion"], "kind": each["kind"]}
            # A kind that nobody serves any more has no objects either.
            with contextlib.suppress(NotFound, LookupError):
                resource = await world.client.resource_of(reference)
                namespace = (each["namespace"] or self.namespace) if resource.namespaced else None
                yield reference | await world.client.get(resource, each["name"], namespace)


def portable(obj: Mapping[str, Any]) -> Body:
    """The object as it can be created again."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _SERVER_FIELDS}
    body = {key: value for key, value in obj.items() if key != "status"} | {"metadata": metadata}
    if body["kind"] == "Service":
        body["spec"] = dict(body["spec"])  # its cluster IP may be taken by then
        for key in ("clusterIP", "clusterIPs"):
            body["spec"].pop(key, None)
    return body
