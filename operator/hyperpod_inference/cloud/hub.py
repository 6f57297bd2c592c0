"""SageMaker's hub: one model's document, the models that there are, and what to say of one that is not."""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from hyperpod_inference.api.problems import Problem, nearest
from hyperpod_inference.cloud.errors import CloudError, Missing, translated
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.render.hub_document import HubDocument, parse_document

logger = logging.getLogger(__name__)

PUBLIC_HUB: Final = "SageMakerPublicHub"
_ADVISED: Final = 3


@dataclass(frozen=True, slots=True)
class Listed:
    """A model in the hub's list; `keywords` such as @task:text-generation."""

    model_id: str
    title: str
    version: str
    keywords: tuple[str, ...]

    @property
    def task(self) -> str:
        """What the model does, '' if the hub does not say."""
        return next((word[6:] for word in self.keywords if word.startswith("@task:")), "")


class Hub:
    """One hub. Calls block; a coroutine makes them with `asyncio.to_thread`."""

    def __init__(self, session: Session, name: str = PUBLIC_HUB) -> None:
        self._client: Any = session.client("sagemaker")
        self.name = name
        self._of = {"HubName": name, "HubContentType": "Model"}

    def document(self, model_id: str, version: str | None = None) -> HubDocument:
        """A model's document; the newest version's when none is asked for.

        Raises Missing without such a model or version, InvalidResource for a document that cannot be read,
        CloudError for anything else.
        """
        chosen = {"HubContentVersion": version} if version else {}
        with translated("sagemaker:DescribeHubContent"):
            found = self._client.describe_hub_content(**self._of, HubContentName=model_id, **chosen)
        return parse_document(model_id, found["HubContentVersion"], found["HubContentDocument"])

    def models(self, part: str = "") -> Iterator[Listed]:
        """The models whose id contains `part`, page by page."""
        named = {"NameContains": part} if part else {}
        token: dict[str, str] = {}
        while True:
            with translated("sagemaker:ListHubContents"):
                page = self._client.list_hub_contents(**self._of, **named, **token)
            for item in page["HubContentSummaries"]:
                yield Listed(
                    item["HubContentName"],
                    item.get("HubContentDisplayName", item["HubContentName"]),
                    item["HubContentVersion"],
                    tuple(item.get("HubContentSearchKeywords") or ()),
                )
            if "NextToken" not in page:
                return
            token = {"NextToken": page["NextToken"]}

    def versions(self, model_id: str) -> list[str]:
        """The versions of a model, newest first. Raises Missing, CloudError."""
        with translated("sagemaker:ListHubContentVersions"):
            page = self._client.list_hub_content_versions(**self._of, HubContentName=model_id)
        return [item["HubContentVersion"] for item in page["HubContentSummaries"]]

    def missed(self, model_id: str, version: str | None) -> Problem:
        """What was wrong about a model that was not found: the version, the hub, or the id."""
        versions: list[str] = []
        with contextlib.suppress(CloudError):  # without such a model, or the right to list: the names tell
            versions = self.versions(model_id) if version else []
        if versions:
            fix = "leave it out for the newest"
            return Problem("spec.model.modelVersion", repr(version), f"one of {', '.join(versions)}", fix)
        allowed, fix = f"a model of hub {self.name}", "`hyperpod-inference models list` shows them"
        try:
            close = nearest(model_id, [each.model_id for each in self.models()])[:_ADVISED]
            fix = f"the nearest: {', '.join(close)}"
        except Missing:
            fix = f"AWS's own is {PUBLIC_HUB}"
            return Problem(
                "spec.model.modelHubName", repr(self.name), "a hub of this account and region", fix
            )
        except CloudError as error:
            logger.info("no nearest names for %s: %s", model_id, error)
        return Problem("spec.model.modelId", repr(model_id), allowed, fix)
