"""The steps of `registrations` in SageMaker. Each blocks, can be repeated, and raises CloudError."""

import contextlib
import logging
from collections.abc import Iterable

from hyperpod_inference.cloud.errors import Denied, Exists, Missing
from hyperpod_inference.controllers.aws import Aws
from hyperpod_inference.kube.resources import Body
from hyperpod_inference.render.sagemaker_endpoint import TAG_OWNER, Seen, Wanted

logger = logging.getLogger(__name__)

Entry = tuple[str, str]
"""Of an inventory: an endpoint, and the name of its configuration and model."""


def tags(aws: Aws, seen: Seen | None) -> dict[str, str]:
    """The endpoint's tags; none where they may not be read: its configuration's name must tell then."""
    try:
        return aws.sagemaker.tags(seen.arn) if seen else {}
    except (Denied, Missing) as error:
        logger.info("whose endpoint it is cannot be told by its tags: %s", error)
        return {}


def create(aws: Aws, wanted: Wanted) -> None:
    """Create model, configuration and endpoint."""
    _prepare(aws, wanted)
    with contextlib.suppress(Exists):  # an earlier try, whose answer was lost; a foreign one shows next time
        aws.sagemaker.create(wanted.endpoint, wanted.resource, wanted.tags)


def update(aws: Aws, wanted: Wanted, seen: Seen | None) -> None:
    """Create another model and configuration, and give the endpoint that one."""
    _prepare(aws, wanted)
    aws.sagemaker.update(wanted.endpoint, wanted.resource)
    try:
        if seen is not None:
            aws.sagemaker.tag(seen.arn, wanted.tags)
    except Denied as error:  # AWS's managed policy allows it at creation only
        logger.info("endpoint %s keeps its tags: %s", wanted.endpoint, error)


def _prepare(aws: Aws, wanted: Wanted) -> None:
    aws.sagemaker.create_model(wanted.model, wanted.tags)
    aws.sagemaker.create_configuration(wanted.configuration, wanted.tags)


def remove(aws: Aws, body: Body, entries: Iterable[Entry], spare: str = "") -> list[Entry]:
    """Delete endpoints but `spare`, then configurations and models of those gone; returns what is left."""
    entries = [*entries]
    resources = {resource for _, resource in entries}
    gone = {
        endpoint: endpoint == spare or _is_gone(aws, body, endpoint, resources)
        for endpoint in dict.fromkeys(endpoint for endpoint, _ in entries)
    }
    for endpoint, resource in entries:
        if gone[endpoint]:
            aws.sagemaker.delete_configuration(resource)
            aws.sagemaker.delete_model(resource)
    return [entry for entry in entries if not gone[entry[0]]]


def _is_gone(aws: Aws, body: Body, endpoint: str, resources: set[str]) -> bool:
    """Whether our endpoint of that name is there no more; one of somebody else's counts as gone."""
    seen = aws.sagemaker.describe(endpoint)
    if seen is None or not _is_ours(aws, body, seen, resources):
        return True
    if seen.status not in ("Deleting", "SystemUpdating"):
        aws.sagemaker.delete(endpoint)
        return aws.sagemaker.describe(endpoint) is None
    return False


def _is_ours(aws: Aws, body: Body, seen: Seen, resources: set[str]) -> bool:
    if seen.configuration in resources:
        return True
    metadata = body["metadata"]
    owner = tags(aws, seen).get(TAG_OWNER, "")
    cluster = ((body.get("spec") or {}).get("eksClusterDetails") or {}).get("name", "")
    return owner == "/".join((str(cluster), metadata["namespace"], metadata["name"]))
