"""What model servers and routers write when something is wrong that no status shows, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass

from hyperpod_inference.diagnosis.observed import Body, Cluster, Findings, key_of, wrong


@dataclass(frozen=True, slots=True)
class Sign:
    """A line that means something: `words` of it, what it means, what a person does."""

    words: str
    meaning: str
    fix: str


SIGNS = (
    Sign(
        "CUDA out of memory",
        "the GPU's memory does not hold weights and KV cache",
        "Ask for a larger instance type or more GPUs, or lower --max-model-len and --gpu-memory-utilization.",
    ),
    Sign(
        "EngineDeadError",
        "the engine died and the server restarts; with pdSpec an operator before v3.2 sets it up wrongly",
        "Update the operator; the lines before it in the log name what the engine died of.",
    ),
    Sign(
        "Failed to initialize LMCacheManager components",
        "LMCache is off, so every prompt is computed again; the server goes on serving",
        "Use an image that holds LMCache in the version of its vLLM, such as lmcache/vllm-openai.",
    ),
    Sign(
        "Retrieved 0 out of",
        "decode servers get no KV cache from prefill servers",
        "Prefill and decode need the same image, and PYTHONHASHSEED=0 in spec.worker.environmentVariables.",
    ),
    Sign(
        "Failed to allocate memory object, retrying",
        "the decode server's transfer buffer is full",
        "Set PD_BUFFER_SIZE to 17179869184 or 34359738368 (16 or 32 GiB), or add decode replicas.",
    ),
    Sign(
        "Matched instance url None",
        "kvaware routing finds no replica that reports its cache, and falls back",
        "The image must publish KV events and PYTHONHASHSEED must be set; requests go to /completions.",
    ),
)


def logs(cluster: Cluster, pods: Sequence[Body]) -> Findings:
    """The first sign in each container's last lines. No finding without one: silence proves nothing."""
    told: set[str] = set()
    for pod in pods:
        for container, text in cluster.logs.get(key_of(pod), {}).items():
            sign = next((each for each in SIGNS if each.words in text), None)
            if sign is not None and sign.words not in told:
                told.add(sign.words)
                where = f"{container} of pod {pod['metadata']['name']}"
                yield wrong("logs", f'{where} writes "{sign.words}": {sign.meaning}', sign.fix)
