"""InvokeEndpoint of an endpoint whose model forwards: the real forwarder, in the double's process.

SageMaker runs `hyperpod-router serve` with the model's environment; here the same code makes the call, trusts
what lies in the double's S3, and finds load balancers by `World.hosts`.
"""

import asyncio
import json
import re
import socket
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends

from hyperpod_inference.local.aws.errors import AwsError
from hyperpod_inference.local.aws.sagemaker.endpoints import settle
from hyperpod_inference.local.aws.wire import Response
from hyperpod_inference.local.aws.world import World
from hyperpod_inference.router.forward import Forwarder, Target

PATH: Final = re.compile(r"/endpoints/([^/]+)/invocations")
_SERVES: Final = ("InService", "Updating", "SystemUpdating", "RollingBack")


class _Hosts(AbstractResolver):
    """Load balancers where they listen; any other name is not found."""

    def __init__(self, hosts: Mapping[str, tuple[str, int]]) -> None:
        self._hosts = hosts

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host not in self._hosts:
            raise OSError(f"no load balancer {host}")
        address, real = self._hosts[host]
        return [ResolveResult(hostname=host, host=address, port=real, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is kept."""


def invoke(world: World, name: str, body: bytes, headers: Mapping[str, str]) -> Response:
    """What the model behind an endpoint answers; an error of SageMaker's runtime as one of its service."""
    try:
        environment, variant = _model(world, name)
        target = Target.of(environment)
        if target is None:
            raise AwsError("ValidationError", f"The container behind {name} does not forward.")
        status, found, content = asyncio.run(_call(world, target, body, headers))
    except AwsError as error:
        return _refused(error)
    if status >= 400:
        words = f"Received error ({status}) from primary with message {content.decode(errors='replace')!r}."
        return _refused(AwsError("ModelError", words, status=424))
    told = {"Content-Type": found, "x-Amzn-Invoked-Production-Variant": variant}
    return Response(200, told, content)


async def _call(
    world: World, target: Target, body: bytes, headers: Mapping[str, str]
) -> tuple[int, str, bytes]:
    def load(uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        found = s3_backends[world.account]["aws"].get_object(bucket, key)
        if found is None:
            raise AwsError("ModelError", f"Error downloading CA certificate: there is no {uri}", status=424)
        return bytes(found.value)

    async with Forwarder(target, load, _Hosts(world.hosts)) as forwarder:
        try:
            async with await forwarder.call(body, headers) as answer:
                content_type = answer.headers.get("Content-Type", "application/octet-stream")
                return answer.status, content_type, await answer.read()
        except aiohttp.ClientError as error:
            words = f"Received server error (502) from primary: the load balancer cannot be reached: {error}"
            raise AwsError("ModelError", words, status=424) from error


def _model(world: World, name: str) -> tuple[dict[str, str], str]:
    """The environment of the model of an endpoint's only variant, and that variant's name."""
    settle(world)
    backend: Any = sagemaker_backends[world.account][world.region]
    endpoint = backend.endpoints.get(name)
    if endpoint is None or endpoint.endpoint_status not in _SERVES:
        raise AwsError("ValidationError", f"Endpoint {name} of account {world.account} not found.")
    variant = backend.describe_endpoint_config(endpoint.endpoint_config_name)["ProductionVariants"][0]
    model = backend.describe_model(variant["ModelName"])
    container = model.primary_container or {}
    return dict(container.get("Environment") or {}), str(variant["VariantName"])


def _refused(error: AwsError) -> Response:
    body = json.dumps({"__type": error.code, "Message": error.message})
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}
    return Response(error.status, headers, body.encode())
