"""KEDA takes the ScaledObjects of the charts' examples, and makes of each what it says."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, SCALED_OBJECTS
from hyperpod_inference.local.install import install, wait_for

Body = dict[str, Any]
WITHIN = 300.0


async def test_keda_makes_an_autoscaler_of_every_scaled_object_of_the_examples(
    client: Client, example_scalers: list[Body]
) -> None:
    async with _idle(client, example_scalers):
        for each in example_scalers:
            name, spec = each["metadata"]["name"], each["spec"]
            made = await _autoscaler(client, each)
            assert made["maxReplicas"] == spec["maxReplicaCount"], name
            assert made["minReplicas"] == max(spec["minReplicaCount"], 1), name
            assert len(made["metrics"]) == len(spec["triggers"]), name
            window = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
            assert made["behavior"]["scaleDown"].items() >= window.items(), name


@asynccontextmanager
async def _idle(client: Client, scalers: list[Body]) -> AsyncIterator[None]:
    """These ScaledObjects, and for each a Deployment that runs nothing."""
    targets = [_deployment(each) for each in scalers]
    await install(client, [*targets, *scalers])
    try:
        yield
    finally:
        for each in scalers:
            await client.delete(SCALED_OBJECTS, each["metadata"]["name"], each["metadata"]["namespace"])
        for each in targets:
            await client.delete(DEPLOYMENTS, each["metadata"]["name"], each["metadata"]["namespace"])


def _deployment(scaler: Body) -> Body:
    name, namespace = scaler["spec"]["scaleTargetRef"]["name"], scaler["metadata"]["namespace"]
    labels = {"app": name}
    containers = [{"name": "main", "image": "registry.k8s.io/pause:3.10"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }


async def _autoscaler(client: Client, scaler: Body) -> Body:
    """The spec of the HorizontalPodAutoscaler that KEDA made; what KEDA says instead is in the error."""
    name, namespace = scaler["metadata"]["name"], scaler["metadata"]["namespace"]

    async def missing() -> str | None:
        with suppress(NotFound):
            await client.get(HORIZONTAL_POD_AUTOSCALERS, f"keda-hpa-{name}", namespace)
            return None
        live = await client.get(SCALED_OBJECTS, name, namespace)
        return json.dumps(live.get("status"))

    await wait_for(f"the autoscaler of {name}", missing, WITHIN)
    found = await client.get(HORIZONTAL_POD_AUTOSCALERS, f"keda-hpa-{name}", namespace)
    return dict(found["spec"])
