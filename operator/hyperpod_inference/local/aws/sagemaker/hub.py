"""SageMaker's hub operations over the catalogue: describe, list, versions, presigned URLs of gated models."""

import re
from datetime import UTC, datetime
from typing import Any, Final

from moto.s3.models import s3_backends

from hyperpod_inference.local.aws.errors import AwsError
from hyperpod_inference.local.aws.gates import presigned
from hyperpod_inference.local.aws.sagemaker.hub_content import SCHEMA_VERSION, HubModel
from hyperpod_inference.local.aws.wire import Params
from hyperpod_inference.local.aws.world import World, page

PUBLIC_HUB: Final = "SageMakerPublicHub"
_NAME: Final = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
_CONTENT: Final = {
    "config.json": b'{"architectures": ["LlamaForCausalLM"]}',
    "model.safetensors": bytes(range(256)) * 64,
    "tokenizer/tokenizer.json": b"{}",
}
_PUBLISHED: Final = datetime(2025, 11, 1, tzinfo=UTC)


def describe_hub(world: World, params: Params) -> Params:
    """The public hub."""
    _check_hub(world, params)
    return {
        "HubName": PUBLIC_HUB,
        "HubArn": _hub_arn(world),
        "HubDisplayName": "SageMaker Public Hub",
        "HubStatus": "InService",
        "CreationTime": _PUBLISHED,
        "LastModifiedTime": _PUBLISHED,
    }


def describe_hub_content(world: World, params: Params) -> Params:
    """One model with its document, the newest version when none is named."""
    model, version = _find(world, params)
    return _summary(world, model, version) | {
        "HubName": PUBLIC_HUB,
        "HubArn": _hub_arn(world),
        "HubContentDocument": model.document(world.region, version),
        "HubContentMarkdown": f"# {model.title}\n",
        "HubContentDependencies": [],
        "LastModifiedTime": _PUBLISHED,
    }


def list_hub_contents(world: World, params: Params) -> Params:
    """The models, newest version each, by name."""
    _check_hub(world, params)
    models = list(world.hub.values()) if params["HubContentType"] == "Model" else []
    part = params.get("NameContains", "").lower()
    found = [_summary(world, model, model.versions[-1]) for model in models if part in model.id]
    return _summaries(found, params)


def list_hub_content_versions(world: World, params: Params) -> Params:
    """The versions of a model, newest first."""
    model, _ = _find(world, params)
    return _summaries([_summary(world, model, version) for version in reversed(model.versions)], params)


def create_hub_content_presigned_urls(world: World, params: Params) -> Params:
    """URLs of a gated model's files, after its licence was accepted."""
    model, version = _find(world, params)
    access = params.get("AccessConfig", {})
    if model.eula and not access.get("AcceptEula", False):
        raise AwsError("ValidationException", f"AcceptEula must be true to access {model.id}")
    expected = access.get("ExpectedS3Url")
    artifact = model.artifact(world.region, version)
    if expected is not None and expected != artifact:
        raise AwsError("ValidationException", f"ExpectedS3Url is {expected}, the model is at {artifact}")
    bucket, _, prefix = artifact.removeprefix("s3://").partition("/")
    urls = [
        {"Url": presigned(world, bucket, f"{prefix}{file}"), "LocalPath": file}
        for file in _files(world, bucket, prefix)
    ]
    urls, token = page(urls, params.get("MaxResults"), params.get("NextToken"), code="ValidationException")
    return {"AuthorizedUrlConfigs": urls} | ({"NextToken": token} if token else {})


def _files(world: World, bucket: str, prefix: str) -> list[str]:
    """What lies in the bucket there; small files of any model are put there as long as there are none."""
    s3 = s3_backends[world.account]["aws"]
    if bucket not in s3.buckets:
        s3.create_bucket(bucket, world.region)
    keys = [key for key in s3.buckets[bucket].keys if key.startswith(prefix)]
    if not keys:
        for name, content in _CONTENT.items():
            s3.put_object(bucket, f"{prefix}{name}", content)
        keys = [f"{prefix}{name}" for name in _CONTENT]
    return [key.removeprefix(prefix) for key in keys]


def _check_hub(world: World, params: Params) -> None:
    name = params["HubName"].rpartition("/")[2]
    if name != PUBLIC_HUB:
        arn = world.arn("sagemaker", f"hub/{name}")
        raise AwsError("ResourceNotFound", f"Hub {arn} does not exist.")


def _find(world: World, params: Params) -> tuple[HubModel, str]:
    _check_hub(world, params)
    name, wanted = params["HubContentName"], params.get("HubContentVersion")
    if not _NAME.fullmatch(name):
        # A Hugging Face id has a slash; a client tells "no such model" from "no name of a model" by this.
        message = f"Value '{name}' at 'hubContentName' failed to satisfy constraint: {_NAME.pattern}"
        raise AwsError("ValidationException", message)
    model = world.hub.get(name) if params["HubContentType"] == "Model" else None
    if model is None:
        raise AwsError("ResourceNotFound", f"Hub content {name} does not exist in hub {PUBLIC_HUB}.")
    if wanted in (None, "*"):
        return model, model.versions[-1]
    if wanted not in model.versions:
        raise AwsError("ResourceNotFound", f"Hub content {name} has no version {wanted}.")
    return model, str(wanted)


def _summary(world: World, model: HubModel, version: str) -> dict[str, Any]:
    return {
        "HubContentName": model.id,
        "HubContentArn": f"{_hub_arn(world, 'hub-content')}/Model/{model.id}/{version}",
        "HubContentVersion": version,
        "HubContentType": "Model",
        "DocumentSchemaVersion": SCHEMA_VERSION,
        "HubContentDisplayName": model.title,
        "HubContentDescription": f"{model.title}, {model.task}",
        "HubContentSearchKeywords": [
            "@task:" + model.task,
            "@framework:" + model.server,
            "@min-version:" + model.versions[0],
        ],
        "SupportStatus": "Supported",
        "HubContentStatus": "Available",
        "CreationTime": _PUBLISHED,
    }


def _summaries(found: list[dict[str, Any]], params: Params) -> Params:
    if params.get("SortBy") == "HubContentName":
        found = sorted(found, key=lambda item: str(item["HubContentName"]))
    if params.get("SortOrder") == "Descending":
        found = found[::-1]
    found, token = page(found, params.get("MaxResults"), params.get("NextToken"), code="ValidationException")
    return {"HubContentSummaries": found} | ({"NextToken": token} if token else {})


def _hub_arn(world: World, kind: str = "hub") -> str:
    return f"arn:aws:sagemaker:{world.region}:aws:{kind}/{PUBLIC_HUB}"


OPERATIONS: Final = {
    "DescribeHub": describe_hub,
    "DescribeHubContent": describe_hub_content,
    "ListHubContents": list_hub_contents,
    "ListHubContentVersions": list_hub_content_versions,
    "CreateHubContentPresignedUrls": create_hub_content_presigned_urls,
}
