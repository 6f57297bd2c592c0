"""The files of a gated model of SageMaker's hub, for whoever may have them. Calls block."""

from collections.abc import Iterator
from typing import Any

from hyperpod_inference.cloud.errors import translated
from hyperpod_inference.cloud.session import Session


class GatedFiles:
    """Those of one version of a model, whose licence is accepted. artifact: the S3 URI they must be of."""

    def __init__(self, session: Session, hub: str, model_id: str, version: str, artifact: str) -> None:
        self._client: Any = session.client("sagemaker")
        self._asked = {
            "HubName": hub,
            "HubContentType": "Model",
            "HubContentName": model_id,
            "HubContentVersion": version,
            "AccessConfig": {"AcceptEula": True, "ExpectedS3Url": artifact},
        }

    def urls(self) -> Iterator[tuple[str, str]]:
        """Path and URL of each file, page by page. Raises CloudError."""
        token: dict[str, str] = {}
        while True:
            with translated("sagemaker:CreateHubContentPresignedUrls"):
                page = self._client.create_hub_content_presigned_urls(**self._asked, **token)
            for each in page["AuthorizedUrlConfigs"]:
                yield each["LocalPath"], each["Url"]
            if "NextToken" not in page:
                return
            token = {"NextToken": page["NextToken"]}
