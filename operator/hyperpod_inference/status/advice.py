"""What a person does about a cause: one or two sentences each, with the field or the command to use."""

from collections.abc import Mapping, Sequence
from typing import Any

from hyperpod_inference.api import names

DOWNLOADER = "hf-model-downloader"
KUEUE = "kueue.x-k8s.io/"


def unschedulable(message: str) -> str:
    """By the words of the scheduler; the first that fits."""
    table = (
        (
            "Insufficient ",
            f"Free {_short_of(message)} on a matching node, add nodes, ask for less in "
            "spec.worker.resources, or add a type to spec.instanceTypes.",
        ),
        (
            "node affinity/selector",
            "No node matches: compare spec.instanceTypes, spec.instanceType or spec.nodeAffinity with "
            f"`kubectl get nodes -L {names.NODE_INSTANCE_TYPE}`.",
        ),
        (
            "untolerated taint",
            "Every matching node is tainted: look for unhealthy nodes with "
            f"`kubectl get nodes -L {names.NODE_HEALTH}`.",
        ),
        ("no nodes available", "The cluster has no nodes: add an instance group to the HyperPod cluster."),
        ("Too many pods", "The matching nodes hold as many pods as they may: add nodes or remove pods."),
    )
    fallback = "Compare the pod's needs with the nodes: `kubectl describe nodes`."
    return next((step for words, step in table if words in message), fallback)


def gated(metadata: Mapping[str, Any], gates: Sequence[str]) -> str:
    """A pod that task governance, or somebody else, has not let go yet."""
    if not any(gate.startswith(KUEUE) for gate in gates):
        return "Whoever set the gate has to remove it."
    queue = (metadata.get("labels") or {}).get(names.LABEL_QUEUE, "")
    namespace = metadata.get("namespace", "default")
    return (
        f"Task governance admits it when LocalQueue {queue} of namespace {namespace} exists and has quota "
        f"left: `kubectl get localqueues,workloads -n {namespace}`."
    )


def waiting_for_volume() -> str:
    """A pod whose claim is not bound yet, or not there yet."""
    return "See the condition ModelSourceReady."


def image_pull(detail: str) -> str:
    """By the words of the container runtime."""
    lowered = detail.lower()
    if any(
        word in lowered for word in ("unauthorized", "denied", "no basic auth", "forbidden", "401", "403")
    ):
        return "Let the node's role pull from that registry (ecr:GetAuthorizationToken, ecr:BatchGetImage)."
    if any(word in lowered for word in ("no such host", "timeout", "deadline", "refused")):
        return "Check that the nodes reach the registry (NAT or a VPC endpoint)."
    return "Check the name and tag in spec.worker.image."


def container_config() -> str:
    """A container that cannot be put together."""
    return (
        "Check that the Secrets and ConfigMaps named in spec.worker.environmentVariables and "
        "spec.kubernetes.volumes exist in this namespace, and spec.worker.command."
    )


def init_container(name: str, last_words: str) -> str:
    """The downloader's and the copier's failures are known by their words; others are the user's."""
    if name == names.CACHE_COPIER_CONTAINER and "No space left on device" in last_words:
        return (
            "The node's disk is full: remove other models' caches from it, point "
            "spec.modelCacheConfig.weightsCache.hostPath at a larger disk, or disable the cache."
        )
    if name != DOWNLOADER:
        return f"Read its log: `kubectl logs POD -c {name}`."
    if any(word in last_words for word in ("401", "403", "Access denied", "gated")):
        return "Check the Secret in huggingFaceModel.tokenSecretRef and accept the model's license."
    if any(word in last_words for word in ("404", "Repository Not Found", "RepositoryNotFound")):
        return "Check huggingFaceModel.modelId (ORGANISATION/MODEL) and commitSHA."
    return "Check that pods reach *.huggingface.co and *.hf.co on port 443, or use an S3 or FSx source."


def out_of_memory(limit: str | None) -> str:
    """A container killed for memory."""
    now = f"it is {limit}" if limit else "it has none, so the node itself ran out"
    return (
        f"Raise spec.worker.resources.limits.memory ({now}), or let the server use less "
        "(context length, batch size, worker processes)."
    )


def crash(metadata: Mapping[str, Any], container: str, last_words: str) -> str:
    """A container that ends by itself."""
    if "No module named 'lmcache'" in last_words:
        return "The image lacks LMCache, which spec.kvCacheSpec needs: use lmcache/vllm-openai or the like."
    where = f"{metadata['name']} -n {metadata.get('namespace', 'default')}"
    return f"Read the whole log: `kubectl logs {where} -c {container} --previous`."


def liveness() -> str:
    """Restarted by a probe."""
    return (
        "If the model needs longer to load, add a startupProbe to spec.worker.probes or raise its thresholds."
    )


def readiness() -> str:
    """Running, but not ready."""
    return (
        "While the model loads this is normal. If it stays: the path in spec.worker.probes.readinessProbe "
        "(or spec.loadBalancer.healthCheckPath) must be one that the server answers, and "
        "spec.worker.modelInvocationPort the port that it listens on."
    )


def mount(message: str) -> str:
    """A volume that the node cannot mount."""
    if "ai_toolkit_cache" in message:
        return (
            "Enable tiered storage on the HyperPod cluster (TieredStorageConfig, Mode Enable), or choose "
            "redis or no second level in spec.kvCacheSpec."
        )
    if f'"{names.CACHE_VOLUME}"' in message:
        return (
            "The node has no disk at spec.modelCacheConfig.weightsCache.hostPath: name a directory that "
            "every node of these types has, or leave types without local disks out."
        )
    if "not found in the list of registered CSI drivers" in message:
        return "Install the driver's add-on, or update it with OVERWRITE if its DaemonSet does not run."
    if "AccessDenied" in message or "Access Denied" in message or "403" in message:
        return "Let the CSI driver's role list and read the bucket (s3:ListBucket, s3:GetObject)."
    return "Check bucket, region and file system in spec.modelSourceConfig, and the CSI driver's log."


def evicted() -> str:
    """A pod that its node ended."""
    return "A replacement is created; if it repeats, look at the node's conditions: `kubectl describe node`."


def _short_of(message: str) -> str:
    """'nvidia.com/gpu' out of '2 Insufficient nvidia.com/gpu, 4 node(s) ...'."""
    words = message.partition("Insufficient ")[2].split()
    return words[0].strip(".,") if words else "resources"
