"""What one does with a local cluster to try an endpoint: other tenants, waiting, placements, one question.

The demo prints what these answer; the end-to-end tests assert on it.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from hyperpod_inference.api import names
from hyperpod_inference.controllers.kinds import CUSTOM
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.resources import NODES, PODS
from hyperpod_inference.local.install import NotReadyError, wait_for
from hyperpod_inference.status.placements import Placement, placements

Manifest = dict[str, Any]
QUESTION = "What is the capital city of France? Answer in one sentence."
"""One that a model of 135 million parameters answers right."""
ENDPOINTS = CUSTOM[names.KIND_ENDPOINT]


def tenant(instance_type: str, gpus: int, namespace: str = "default") -> Manifest:
    """A pod that holds `gpus` GPUs of one instance type, as a training job would."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"training-on-{instance_type.removeprefix('ml.').replace('.', '-')}",
            "namespace": namespace,
            "labels": {"app": "training"},
        },
        "spec": {
            "nodeSelector": {names.NODE_INSTANCE_TYPE: instance_type},
            "terminationGracePeriodSeconds": 1,
            "containers": [
                {
                    "name": "training",
                    "image": "registry.k8s.io/pause:3.10",
                    "resources": {"limits": {names.RESOURCE_GPU: str(gpus)}},
                }
            ],
        },
    }


async def pod_running(client: Client, manifest: Manifest, *, within: float = 60.0) -> None:
    """Wait until the pod of this manifest runs."""
    metadata = manifest["metadata"]

    async def missing() -> str | None:
        pod = await client.get(PODS, metadata["name"], metadata["namespace"])
        phase = pod.get("status", {}).get("phase", "Pending")
        return None if phase == "Running" else f"its phase is {phase}"

    await wait_for(f"pod {metadata['namespace']}/{metadata['name']}", missing, within)


async def endpoint_ready(
    client: Client,
    namespace: str,
    name: str,
    *,
    replicas: int,
    within: float,
    progress: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Wait until `replicas` replicas are ready and the endpoint says it is complete; answer the resource.

    progress: called with the resource's own message each time that it changes.
    """
    last: Manifest = {}
    said = ""

    async def missing() -> str | None:
        nonlocal last, said
        last = await client.get(ENDPOINTS, name, namespace)
        status = last.get("status", {})
        ready = status.get("deploymentStatus", {}).get("status", {}).get("readyReplicas", 0)
        message = f"{status.get('state', 'no state yet')}, {ready} of {replicas} ready: {_message(status)}"
        if message != said:
            said = message
            progress(message)
        done = status.get("state") == "DeploymentComplete" and ready == replicas
        return None if done else message

    await wait_for(f"endpoint {namespace}/{name}", missing, within)
    return last


async def placements_of(client: Client, endpoint: Manifest) -> tuple[Placement, ...]:
    """Where each replica of the endpoint is, and why."""
    metadata = endpoint["metadata"]
    nodes, pods = await asyncio.gather(client.list(NODES), client.list(PODS))
    own = [p for p in pods.items if _belongs(p, metadata["namespace"], metadata["name"])]
    return placements(endpoint["spec"]["instanceTypes"], own, nodes.items, pods.items)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A chat completion: the text, who said it, the tokens it took, seconds it took."""

    text: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float


async def ask(base_url: str, question: str, *, max_tokens: int = 48, within: float = 120.0) -> Answer:
    """Ask one question of an OpenAI-compatible endpoint at `base_url`; NotReadyError carries a refusal."""
    body = {
        "model": "default",
        "messages": [{"role": "user", "content": question}],
        "max_tokens": max_tokens,
        "temperature": 0.0,
    }
    started = time.monotonic()
    url = f"{base_url}/v1/chat/completions"
    limit = aiohttp.ClientTimeout(total=within)
    async with aiohttp.ClientSession(timeout=limit) as session, session.post(url, json=body) as response:
        if response.status != 200:
            raise NotReadyError(f"POST {url} answered {response.status}: {(await response.text())[:400]}")
        said: Mapping[str, Any] = await response.json()
    usage = said.get("usage", {})
    return Answer(
        text=said["choices"][0]["message"]["content"].strip(),
        model=said.get("model", ""),
        prompt_tokens=usage.get("prompt_tokens", 0),
        completion_tokens=usage.get("completion_tokens", 0),
        seconds=time.monotonic() - started,
    )


def _message(status: Mapping[str, Any]) -> str:
    ready = [c for c in status.get("conditions", ()) if c["type"] == "Ready"]
    return str(ready[0]["message"]) if ready else "waiting for the operator"


def _belongs(pod: Mapping[str, Any], namespace: str, name: str) -> bool:
    metadata = pod["metadata"]
    labels: Mapping[str, str] = metadata.get("labels", {})
    return bool(metadata["namespace"] == namespace and labels.get(names.LABEL_APP) == name)
