"""SageMaker's models, endpoint configurations and endpoints. Each call blocks, and raises CloudError.

SageMaker has one error for much: ValidationException. Its words tell what is not there from what exists
already and from what is being changed just now.
"""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

from hyperpod_inference.cloud.errors import CloudError, Exists, Missing, translated
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.render.sagemaker_endpoint import Request, Seen

_VALIDATION = "ValidationException"
_MISSING = ("could not find", "does not exist", "not found")
_EXISTS = ("already exist", "in-progress", "in progress", "in use")


class Endpoints:
    """Those of one account and region."""

    def __init__(self, session: Session) -> None:
        self._client: Any = session.client("sagemaker")

    def describe(self, name: str) -> Seen | None:
        """The endpoint; None when there is none of that name."""
        try:
            with _spoken("sagemaker:DescribeEndpoint"):
                found = self._client.describe_endpoint(EndpointName=name)
        except Missing:
            return None
        return Seen(
            arn=found["EndpointArn"],
            status=found["EndpointStatus"],
            configuration=found.get("EndpointConfigName", ""),
            modified=found["LastModifiedTime"].astimezone(UTC),
            failure=found.get("FailureReason") or "",
        )

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of an endpoint. Raises Missing, Denied: AWS's managed policy does not allow it."""
        with _spoken("sagemaker:ListTags"):
            pages = self._client.get_paginator("list_tags").paginate(ResourceArn=arn)
            return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        """Give an endpoint that exists these tags too."""
        with _spoken("sagemaker:AddTags"):
            self._client.add_tags(ResourceArn=arn, Tags=_pairs(tags))

    def create_model(self, request: Request, tags: Mapping[str, str]) -> None:
        """Create it; one of that name, which says the same, is fine."""
        with contextlib.suppress(Exists), _spoken("sagemaker:CreateModel"):
            self._client.create_model(**request, Tags=_pairs(tags))

    def create_configuration(self, request: Request, tags: Mapping[str, str]) -> None:
        """Create it; one of that name, which says the same, is fine. Raises Missing without its model."""
        with contextlib.suppress(Exists), _spoken("sagemaker:CreateEndpointConfig"):
            self._client.create_endpoint_config(**request, Tags=_pairs(tags))

    def create(self, name: str, configuration: str, tags: Mapping[str, str]) -> None:
        """Create the endpoint. Raises Exists when somebody was first, Missing without the configuration."""
        with _spoken("sagemaker:CreateEndpoint"):
            self._client.create_endpoint(
                EndpointName=name, EndpointConfigName=configuration, Tags=_pairs(tags)
            )

    def update(self, name: str, configuration: str) -> None:
        """Give the endpoint another configuration. Raises Exists while it is being changed."""
        with _spoken("sagemaker:UpdateEndpoint"):
            self._client.update_endpoint(EndpointName=name, EndpointConfigName=configuration)

    def delete(self, name: str) -> None:
        """Begin to delete the endpoint; gone already is fine. Raises Exists while it is being changed."""
        with contextlib.suppress(Missing), _spoken("sagemaker:DeleteEndpoint"):
            self._client.delete_endpoint(EndpointName=name)

    def delete_configuration(self, name: str) -> None:
        """Delete it; gone already is fine."""
        with contextlib.suppress(Missing), _spoken("sagemaker:DeleteEndpointConfig"):
            self._client.delete_endpoint_config(EndpointConfigName=name)

    def delete_model(self, name: str) -> None:
        """Delete it; gone already is fine."""
        with contextlib.suppress(Missing), _spoken("sagemaker:DeleteModel"):
            self._client.delete_model(ModelName=name)


@contextlib.contextmanager
def _spoken(call: str) -> Iterator[None]:
    """`translated`, and a ValidationException by its words."""
    try:
        with translated(call):
            yield
    except CloudError as error:
        words = error.message.lower()
        if error.code == _VALIDATION and any(each in words for each in _MISSING):
            raise Missing(call, error.code, error.message) from error
        if error.code == _VALIDATION and any(each in words for each in _EXISTS):
            raise Exists(call, error.code, error.message) from error
        raise


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
