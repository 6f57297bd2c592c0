"""Reads of a cluster what `diagnosis` judges; writes nothing. A kind that may not be read hides no other."""

import asyncio
import base64
import binascii
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings, SettingsError
from hyperpod_inference.controllers.kinds import CUSTOM
from hyperpod_inference.diagnosis.observed import Body, Cluster, NotSeen, Objects, key_of
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import ApiError, NotFound
from hyperpod_inference.kube.resources import (
    CRDS,
    CSI_DRIVERS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    EVENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    INGRESS_CLASSES,
    INGRESSES,
    LEASES,
    MUTATING_WEBHOOK_CONFIGURATIONS,
    NODES,
    PODS,
    SECRETS,
    SERVICE_ACCOUNTS,
    VALIDATING_WEBHOOK_CONFIGURATIONS,
    Resource,
)
from hyperpod_inference.webhook.certificates import CERTIFICATE, expiry

LOCAL_QUEUES = Resource("kueue.x-k8s.io", "v1beta1", "localqueues", "LocalQueue")
EVERYWHERE = (
    CRDS,
    VALIDATING_WEBHOOK_CONFIGURATIONS,
    MUTATING_WEBHOOK_CONFIGURATIONS,
    NODES,
    CSI_DRIVERS,
    INGRESS_CLASSES,
    PODS,
    ENDPOINT_SLICES,
    *CUSTOM.values(),
)
IN_NAMESPACES = (
    DEPLOYMENTS,
    LEASES,
    EVENTS,
    SERVICE_ACCOUNTS,
    INGRESSES,
    HORIZONTAL_POD_AUTOSCALERS,
    LOCAL_QUEUES,
)
LOG_LINES = 400


async def examine(client: Client, namespace: str | None = None) -> Cluster:
    """One look at the cluster; `namespace` is the endpoint's. Raises ApiError where nothing can be asked."""
    await client.request("GET", "/version")
    settings = await _settings(client)
    namespaces = {settings.namespace, namespace or settings.namespace}
    wanted: list[tuple[Resource, tuple[str | None, ...]]] = [(each, (None,)) for each in EVERYWHERE]
    wanted += [(resource, tuple(sorted(namespaces))) for resource in IN_NAMESPACES]
    read = await asyncio.gather(*(_listed(client, resource, where) for resource, where in wanted))
    found = {resource.kind: objects for (resource, _), objects in zip(wanted, read, strict=True) if objects}
    found[SECRETS.kind] = secret = await _secret(client, settings.namespace)
    cluster = Cluster(
        now=datetime.now(UTC), settings=settings, objects=found, certificate_until=_until(secret.items)
    )
    return await with_logs(client, cluster, _operators(cluster))


def _operators(cluster: Cluster) -> list[Body]:
    """The pods of the operator; none where they cannot be read."""
    with suppress(NotSeen):
        deployment = cluster.of(DEPLOYMENTS.kind).find(names.OPERATOR_NAME, cluster.settings.namespace)
        if deployment is not None:
            return cluster.pods(cluster.settings.namespace, deployment["spec"]["selector"]["matchLabels"])
    return []


async def with_logs(client: Client, cluster: Cluster, pods: Iterable[Body]) -> Cluster:
    """The same with the last lines of every container of these pods; what cannot be read is left out."""
    wanted = [(key_of(pod), container["name"]) for pod in pods for container in pod["spec"]["containers"]]
    texts = await asyncio.gather(*(_log(client, *key, container) for key, container in wanted))
    found = {key: dict(some) for key, some in cluster.logs.items()}
    for (key, container), text in zip(wanted, texts, strict=True):
        found.setdefault(key, {})[container] = text
    return replace(cluster, logs=found)


async def _listed(client: Client, resource: Resource, namespaces: Iterable[str | None]) -> Objects | None:
    """All objects of a kind; None where nobody installed it."""
    items: list[Body] = []
    try:
        for namespace in namespaces:
            items += (await client.list(resource, namespace)).items
    except NotFound:
        return None
    except ApiError as error:
        return Objects(unread=str(error))
    return Objects(tuple(items))


async def _settings(client: Client) -> OperatorSettings:
    """Those of the installed operator; the defaults where none is installed, or they cannot be read."""
    with suppress(ApiError, SettingsError):
        deployment = await client.get(DEPLOYMENTS, names.OPERATOR_NAME, names.OPERATOR_NAMESPACE)
        containers = deployment["spec"]["template"]["spec"]["containers"]
        environ = {
            each["name"]: each["value"] for each in containers[0].get("env") or () if each.get("value")
        }
        return OperatorSettings.from_env(environ)
    return OperatorSettings()


async def _secret(client: Client, namespace: str) -> Objects:
    """The Secret with the webhook's certificate, without its keys."""
    try:
        found = await client.get(SECRETS, names.WEBHOOK_SECRET, namespace)
    except NotFound:
        return Objects()
    except ApiError as error:
        return Objects(unread=str(error))
    public = {key: value for key, value in (found.get("data") or {}).items() if not key.endswith(".key")}
    return Objects(({**found, "data": public},))


def _until(secrets: Sequence[Body]) -> datetime | None:
    for secret in secrets:
        with suppress(ValueError, binascii.Error, KeyError):
            return expiry(base64.b64decode(secret["data"][CERTIFICATE]))
    return None


async def _log(client: Client, namespace: str, pod: str, container: str) -> str:
    path = PODS.path(namespace, pod, "log")
    with suppress(ApiError):
        return await client.text(path, {"container": container, "tailLines": str(LOG_LINES)})
    return ""
