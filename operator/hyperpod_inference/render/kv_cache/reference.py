"""The table of cache sizes in docs/kv-cache.md, written by `make kv-cache` from what decides them.

A test holds the document equal to what this module writes.
"""

import sys
from pathlib import Path

from hyperpod_inference.api.instance_types import INSTANCE_TYPES, InstanceType
from hyperpod_inference.api.names import RESOURCE_GPU
from hyperpod_inference.api.worker import Worker
from hyperpod_inference.render.kv_cache.sglang import host_pool
from hyperpod_inference.render.kv_cache.sizing import L1_PERCENT, Demand, l1_gib, on_type

BEGIN, END = "<!-- sizes: written by `make kv-cache` -->\n", "<!-- end of sizes -->\n"
_HEAD = (
    "instance type",
    "memory",
    "GPUs",
    "L1 of one worker",
    "of all",
    "with tiered storage",
    "SGLang",
    "why",
)
_WORKER = Worker.model_validate(
    {
        "image": "lmsysorg/sglang",
        "modelInvocationPort": {"containerPort": 8000},
        "modelVolumeMount": {"name": "model"},
        "resources": {},
    }
)


def table() -> str:
    """One row for each instance type with GPUs, sizes in GiB, of a pod without a memory limit."""
    rows = [_row(each) for each in INSTANCE_TYPES.values() if each.accelerator_resource == RESOURCE_GPU]
    lines = [" | ".join(row) for row in (_HEAD, tuple("---" for _ in _HEAD), *rows)]
    return "".join(f"| {line} |\n" for line in lines)


def document(text: str) -> str:
    """`text` with the table between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _row(kind: InstanceType) -> tuple[str, ...]:
    wanted = Demand(resource=kind.accelerator_resource or "", count=1)
    plain, tiered = on_type(kind, wanted, tiered=False), on_type(kind, wanted, tiered=True)
    if plain is None or tiered is None:
        raise ValueError(f"{kind.name} does not fit a pod for one of its own accelerators")
    one = l1_gib([plain])
    return (
        f"`{kind.name}`",
        str(kind.memory_gib),
        f"{kind.accelerator_count} x {kind.accelerator_memory_gib}",
        str(one),
        str(one * kind.accelerator_count),
        str(l1_gib([tiered])),
        _sglang(kind),
        f"{L1_PERCENT} % of {kind.memory_gib} / {kind.accelerator_count}",
    )


def _sglang(kind: InstanceType) -> str:
    room = on_type(kind, Demand(resource=kind.accelerator_resource or "", count=1), tiered=False)
    pool = host_pool([room] if room else [], _WORKER)
    return str(pool.gib) if pool.gib else f"off: more than {pool.needed_gib} needed"


def main(path: str) -> None:
    """Write the table into the document at `path`."""
    document_path = Path(path)
    document_path.write_text(document(document_path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["docs/kv-cache.md"])
