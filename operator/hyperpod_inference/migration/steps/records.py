"""Helm's own record of the release, so that no `helm upgrade` brings the old operator back."""

import contextlib
from typing import Any, Literal

from hyperpod_inference.kube.errors import AlreadyExists
from hyperpod_inference.kube.resources import SECRETS, Body
from hyperpod_inference.migration.helm import body_of, encode, without
from hyperpod_inference.migration.steps.base import Before, Step
from hyperpod_inference.migration.steps.owned import remove
from hyperpod_inference.migration.steps.release import portable
from hyperpod_inference.migration.world import World


class DropRecords(Step):
    """Helm's Secrets of the release go."""

    kind: Literal["drop-records"] = "drop-records"
    release: str
    namespace: str

    @property
    def id(self) -> str:
        """drop-records/NAMESPACE/RELEASE."""
        return f"drop-records/{self.namespace}/{self.release}"

    @property
    def changes(self) -> str:
        """What it changes."""
        return f"deletes Helm's records (all revisions) of release {self.namespace}/{self.release}"

    @property
    def undone_by(self) -> str:
        """How it is undone."""
        return "writes them back from the backup"

    async def before(self, world: World) -> Before:
        """The Secrets, whole."""
        return {
            "secrets": [portable(secret) for secret in await _records(world, self.namespace, self.release)]
        }

    async def run(self, world: World, before: Before) -> None:
        """Delete them."""
        for secret in await _records(world, self.namespace, self.release):
            await remove(world.client, SECRETS, secret)

    async def undo(self, world: World, before: Before) -> None:
        """Create them again."""
        for secret in before["secrets"]:
            with contextlib.suppress(AlreadyExists):
                await world.client.create(SECRETS, secret)


class EditRecord(Step):
    """Under a parent chart, the release stays Helm's: only the operator goes from its newest record."""

    kind: Literal["edit-record"] = "edit-record"
    release: str
    namespace: str
    secret: str
    source: str
    """Folder of the operator's chart, as Helm names it above each manifest."""
    switch: str
    """The value of the parent chart that turns the operator on."""

    @property
    def id(self) -> str:
        """edit-record/NAMESPACE/RELEASE."""
        return f"edit-record/{self.namespace}/{self.release}"

    @property
    def changes(self) -> str:
        """What it changes."""
        return (
            f"takes the operator out of Helm's record of release {self.namespace}/{self.release}, and sets "
            f"{self.switch}.enabled=false there; all else of the release stays Helm's"
        )

    @property
    def undone_by(self) -> str:
        """How it is undone."""
        return "writes the record back from the backup"

    async def before(self, world: World) -> Before:
        """The record as it is."""
        live = await world.client.get(SECRETS, self.secret, self.namespace)
        return {"data": live["data"]}

    async def run(self, world: World, before: Before) -> None:
        """Write the record without the operator."""
        body = body_of({"data": before["data"]})
        config: dict[str, Any] = dict(body.get("config") or {})
        config[self.switch] = {**(config.get(self.switch) or {}), "enabled": False}
        edited = body | {"config": config, "manifest": without(body.get("manifest") or "", self.source)}
        await self._write(world, {"release": encode(edited)})

    async def undo(self, world: World, before: Before) -> None:
        """Write the old record."""
        await self._write(world, before["data"])

    async def _write(self, world: World, data: Body) -> None:
        # What Helm keeps in a Secret is base64 twice; the API server's own layer is the outer one.
        await world.client.patch(SECRETS, self.secret, self.namespace, {"data": data})


async def _records(world: World, namespace: str, release: str) -> list[Body]:
    selector = f"owner=helm,name={release}"
    return (await world.client.list(SECRETS, namespace, label_selector=selector)).items
