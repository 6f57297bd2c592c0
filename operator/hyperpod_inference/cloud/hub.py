"""SageMaker's hub: one model's document, and the models that there are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from hyperpod_inference.cloud.errors import translated
from hyperpod_inference.cloud.session import Session

PUBLIC_HUB: Final = "SageMakerPublicHub"


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
        self._of = {"HubName": name, "HubContentType": "Model"}

    def document(self, model_id: str, version: str | None = None) -> tuple[str, str]:
        """The version that was found, the newest when none is asked for, and its document as JSON text.

        Raises Missing without such a model or version, CloudError for anything else.
        """
        chosen = {"HubContentVersion": version} if version else {}
        with translated("sagemaker:DescribeHubContent"):
            found = self._client.describe_hub_content(**self._of, HubContentName=model_id, **chosen)
        return found["HubContentVersion"], found["HubContentDocument"]

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
