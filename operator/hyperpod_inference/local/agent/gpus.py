"""The simulated GPUs of a node: who holds which, and what NVIDIA's DCGM exporter would say of them. Pure.

Names, labels and units are the exporter's. A model server tells how long it has computed; how much memory it
takes is its own setting, and power and temperature follow from how busy it is.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import Metric

from hyperpod_inference.api.names import RESOURCE_GPU
from hyperpod_inference.local.nodes import LocalNode

Body = Mapping[str, Any]

MEMORY_SHARE = 0.9
"""What vLLM takes of a GPU's memory unless `--gpu-memory-utilization` says otherwise."""
_SHARE_OPTION = "--gpu-memory-utilization"
_DRIVER_MIB = 4
"""Taken of a GPU that nobody uses."""
_IDLE_POWER, _COOL, _HOT = 0.15, 30.0, 75.0
"""Power of an idle GPU as a share of its limit; degrees Celsius of an idle and of a busy one."""


@dataclass(frozen=True, slots=True)
class Card:
    """A model of GPU: its name in DCGM's label, and its power limit in watts."""

    name: str
    watts: float


_CARDS: Mapping[tuple[str, int], Card] = {
    ("NVIDIA T4", 16): Card("Tesla T4", 70),
    ("NVIDIA A10G", 24): Card("NVIDIA A10G", 300),
    ("NVIDIA L4", 24): Card("NVIDIA L4", 72),
    ("NVIDIA L40S", 48): Card("NVIDIA L40S", 350),
    ("NVIDIA A100", 40): Card("NVIDIA A100-SXM4-40GB", 400),
    ("NVIDIA A100", 80): Card("NVIDIA A100-SXM4-80GB", 400),
    ("NVIDIA H100", 80): Card("NVIDIA H100 80GB HBM3", 700),
    ("NVIDIA H200", 141): Card("NVIDIA H200", 700),
    ("NVIDIA B200", 180): Card("NVIDIA B200", 1000),
}


@dataclass(frozen=True, slots=True)
class Holder:
    """A container that holds GPUs."""

    namespace: str
    pod: str
    container: str
    uid: str


@dataclass(frozen=True, slots=True)
class Use:
    """What a container does with its GPUs: how busy they are and how much of their memory it took, 0 to 1."""

    busy: float = 0.0
    memory: float = 0.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A container that wants GPUs. ports: where its server may tell of itself. memory: as in `Use`."""

    holder: Holder
    gpus: int
    ports: tuple[int, ...]
    memory: float


def claims(pods: Iterable[Body]) -> list[Claim]:
    """The containers of one node that hold GPUs, the oldest pod first; none of a pod that has ended."""
    alive = [pod for pod in pods if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")]
    found = []
    for pod in sorted(alive, key=lambda pod: str((pod.get("status") or {}).get("startTime") or "~")):
        metadata = pod["metadata"]
        for spec in pod["spec"]["containers"]:
            gpus = int(((spec.get("resources") or {}).get("limits") or {}).get(RESOURCE_GPU, 0))
            if gpus:
                holder = Holder(metadata["namespace"], metadata["name"], spec["name"], metadata["uid"])
                ports = tuple(int(port["containerPort"]) for port in spec.get("ports") or ())
                arguments = [*(spec.get("command") or ()), *(spec.get("args") or ())]
                found.append(Claim(holder, gpus, ports, _memory_share(arguments)))
    return found


def _memory_share(arguments: Sequence[str]) -> float:
    for at, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == _SHARE_OPTION:
            try:
                return float(value or arguments[at + 1])
            except (IndexError, ValueError):
                return MEMORY_SHARE
    return MEMORY_SHARE


def assigned(before: Mapping[int, Holder], wanted: Iterable[Claim], count: int) -> dict[int, Holder]:
    """GPU to holder: who had one keeps it, the others get the lowest that are free."""
    numbers = {claim.holder: claim.gpus for claim in wanted}
    held = {gpu: holder for gpu, holder in before.items() if holder in numbers}
    for holder, number in numbers.items():
        missing = number - sum(each == holder for each in held.values())
        free = [gpu for gpu in range(count) if gpu not in held]
        held |= dict.fromkeys(free[: max(missing, 0)], holder)
    return held


def families(node: LocalNode, held: Mapping[int, Holder], uses: Mapping[Holder, Use]) -> list[Metric]:
    """The node's series; a GPU that nobody holds has no labels of a pod."""
    kind = node.instance_type
    card = _CARDS.get(
        (kind.accelerator or "", kind.accelerator_memory_gib), Card(kind.accelerator or "", 1000)
    )
    whole = kind.accelerator_memory_gib * 1024
    made = {name: Metric(name, text, "gauge") for name, text in _HELP.items()}
    for gpu in range(kind.accelerator_count):
        holder = held.get(gpu)
        labels = _labels(node, gpu, card, holder)
        use = uses.get(holder, Use()) if holder else Use()
        taken = max(round(whole * use.memory), _DRIVER_MIB)
        values = {
            "DCGM_FI_DEV_GPU_TEMP": round(_COOL + (_HOT - _COOL) * use.busy),
            "DCGM_FI_DEV_POWER_USAGE": round(card.watts * (_IDLE_POWER + (1 - _IDLE_POWER) * use.busy), 3),
            "DCGM_FI_DEV_GPU_UTIL": round(100 * use.busy, 3),
            "DCGM_FI_DEV_FB_FREE": whole - taken,
            "DCGM_FI_DEV_FB_USED": taken,
        }
        for name, value in values.items():
            made[name].add_sample(name, labels, value)
    return [*made.values()]


_HELP = {
    "DCGM_FI_DEV_GPU_TEMP": "GPU temperature (in C).",
    "DCGM_FI_DEV_POWER_USAGE": "Power draw (in W).",
    "DCGM_FI_DEV_GPU_UTIL": "GPU utilization (in %).",
    "DCGM_FI_DEV_FB_FREE": "Framebuffer memory free (in MiB).",
    "DCGM_FI_DEV_FB_USED": "Framebuffer memory used (in MiB).",
}


def _labels(node: LocalNode, gpu: int, card: Card, holder: Holder | None) -> dict[str, str]:
    own = {
        "gpu": str(gpu),
        "UUID": f"GPU-{uuid.uuid5(uuid.NAMESPACE_DNS, f'{gpu}.{node.name}')}",
        "device": f"nvidia{gpu}",
        "modelName": card.name,
        "Hostname": node.name,
    }
    if holder is None:
        return own
    return own | {"namespace": holder.namespace, "pod": holder.pod, "container": holder.container}
