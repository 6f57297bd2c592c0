"""The resources of the API in a cluster, how they do, and what they have in AWS; by the paths of the CRDs."""

from collections.abc import Iterator, Mapping
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import DEPLOYMENTS, Body, Resource
from hyperpod_inference.migration.facts import Endpoint

VERSION = names.API_VERSION.partition("/")[2]
ENDPOINTS = Resource(names.GROUP, VERSION, "inferenceendpointconfigs", names.KIND_ENDPOINT)
JUMPSTART = Resource(names.GROUP, VERSION, "jumpstartmodels", names.KIND_JUMPSTART)
REGISTRATIONS = Resource(names.GROUP, VERSION, "sagemakerendpointregistrations", names.KIND_REGISTRATION)
SERVED = (ENDPOINTS, JUMPSTART)


async def bodies(client: Client) -> list[Body]:
    """Every resource of ours; none where the CRD is missing."""
    found: list[Body] = []
    for resource in (*SERVED, REGISTRATIONS):
        try:
            found += (await client.list(resource)).items
        except NotFound:
            continue
    return found


async def observed(client: Client) -> list[Endpoint]:
    """Every resource with its state, and its ready replicas as the Deployment of its name has them."""
    found = []
    for body in await bodies(client):
        metadata = body["metadata"]
        ready = 0
        if body["kind"] != names.KIND_REGISTRATION:
            ready = await _ready(client, metadata["namespace"], names.deployment_name(metadata["name"]))
        found.append(
            Endpoint(
                kind=body["kind"],
                namespace=metadata["namespace"],
                name=metadata["name"],
                state=(body.get("status") or {}).get("state", ""),
                ready=ready,
            )
        )
    return found


def certificates(body: Mapping[str, Any]) -> Iterator[str]:
    """ARNs of the certificates that the operator imported for a resource."""
    tls = (body.get("status") or {}).get("tlsCertificate") or {}
    imported = [
        each if isinstance(each, str) else each.get("arn") for each in tls.get("importedCertificates") or ()
    ]
    yield from dict.fromkeys(arn for arn in (tls.get("certificateARN"), *imported) if arn)


def objects(body: Mapping[str, Any]) -> Iterator[str]:
    """s3://BUCKET/KEY of what the operator wrote into the TLS bucket for a resource."""
    tls = (body.get("status") or {}).get("tlsCertificate") or {}
    bucket = str(tls.get("tlsCertificateOutputS3Bucket") or "").removeprefix("s3://").strip("/")
    if bucket:
        yield from (f"s3://{bucket}/{key}" for key in tls.get("tlsCertificateS3Keys") or ())


def buckets(body: Mapping[str, Any]) -> Iterator[str]:
    """TLS buckets that a resource names, in its spec or its status."""
    uri = ((body.get("spec") or {}).get("tlsConfig") or {}).get("tlsCertificateOutputS3Uri") or ""
    status = ((body.get("status") or {}).get("tlsCertificate") or {}).get(
        "tlsCertificateOutputS3Bucket"
    ) or ""
    for each in (uri, status):
        if name := str(each).removeprefix("s3://").partition("/")[0]:
            yield name


def model_buckets(body: Mapping[str, Any]) -> Iterator[str]:
    """Buckets that a resource loads its model from."""
    source = (body.get("spec") or {}).get("modelSourceConfig") or {}
    if name := (source.get("s3Storage") or {}).get("bucketName"):
        yield str(name)


async def _ready(client: Client, namespace: str, name: str) -> int:
    try:
        live = await client.get(DEPLOYMENTS, name, namespace)
    except NotFound:
        return 0
    return int(live.get("status", {}).get("readyReplicas") or 0)
