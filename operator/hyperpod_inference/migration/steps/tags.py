"""Tags that the add-on's policies ask for on what the Helm-installed operator made."""

import asyncio
from collections.abc import Iterable
from typing import Literal

from hyperpod_inference.api.names import TAG_CREATED_BY
from hyperpod_inference.migration.facts import Account
from hyperpod_inference.migration.steps.base import Before, Step
from hyperpod_inference.migration.world import World

KEY, VALUE = TAG_CREATED_BY


class TagObject(Step):
    """One thing in AWS gets the tag; its other tags stay. `of`: the resource it serves."""

    kind: Literal["tag"] = "tag"
    target: str
    of: str

    @property
    def id(self) -> str:
        """tag/ARN."""
        return f"tag/{self.target}"

    @property
    def changes(self) -> str:
        """What it changes."""
        return f"adds the tag {KEY}={VALUE} to {self.target} (of {self.of})"

    @property
    def undone_by(self) -> str:
        """How it is undone."""
        return "takes the tag off again, unless it was there before"

    def actions(self, account: Account) -> Iterable[tuple[str, str]]:
        """Its service's calls for tags."""
        if self.target.startswith("s3://"):
            arn = f"arn:{account.partition}:s3:::{self.target.removeprefix('s3://')}"
            return [("s3:PutObjectTagging", arn)]
        if ":acm:" in self.target:
            calls = ("acm:AddTagsToCertificate", "acm:RemoveTagsFromCertificate")
        else:
            calls = ("elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags")
        return [(call, self.target) for call in calls]

    async def before(self, world: World) -> Before:
        """The tags now."""
        return {"tags": await asyncio.to_thread(world.tagging.read, self.target)}

    async def run(self, world: World, before: Before) -> None:
        """Add the tag."""
        tags = await asyncio.to_thread(world.tagging.read, self.target)
        if tags.get(KEY) != VALUE:
            await asyncio.to_thread(world.tagging.write, self.target, tags | {KEY: VALUE})

    async def undo(self, world: World, before: Before) -> None:
        """Put back the one tag's value of before; what others tagged meanwhile stays."""
        tags = await asyncio.to_thread(world.tagging.read, self.target)
        others = {key: value for key, value in tags.items() if key != KEY}
        wanted = others | {key: value for key, value in before["tags"].items() if key == KEY}
        if wanted != tags:
            await asyncio.to_thread(world.tagging.write, self.target, wanted)
