"""The HyperPod instance types this project knows: size, accelerators, network, local disks.

A table of public facts. Local nodes are made in its image, `render` sizes caches and checks fallback lists
with it. A type that is missing here is not an error anywhere: new types appear faster than releases, so every
reader treats an unknown name as "no facts known".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hyperpod_inference.api.names import RESOURCE_GPU, RESOURCE_NEURON


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One type. Memory and disks in GiB and GB as AWS lists them; accelerator memory per accelerator.

    `accelerator_resource` is the extended resource its device plugin offers, None without accelerators.
    `mig`: its GPUs can be cut into partitions; `mig_profiles` names them (mig-1g.10gb), empty if unknown.
    """

    name: str
    vcpus: int
    memory_gib: int
    accelerator_count: int = 0
    accelerator: str | None = None
    accelerator_memory_gib: int = 0
    accelerator_resource: str | None = None
    efa_interfaces: int = 0
    nvme_gib: int = 0
    mig: bool = False
    mig_profiles: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The middle of the name: g5, p6-b200."""
        return self.name.split(".")[1]


# family -> (accelerator, GiB of memory on each, its resource)
_ACCELERATORS: Mapping[str, tuple[str, int, str]] = {
    "g4dn": ("NVIDIA T4", 16, RESOURCE_GPU),
    "g5": ("NVIDIA A10G", 24, RESOURCE_GPU),
    "g6": ("NVIDIA L4", 24, RESOURCE_GPU),
    "g6e": ("NVIDIA L40S", 48, RESOURCE_GPU),
    "p4d": ("NVIDIA A100", 40, RESOURCE_GPU),
    "p4de": ("NVIDIA A100", 80, RESOURCE_GPU),
    "p5": ("NVIDIA H100", 80, RESOURCE_GPU),
    "p5e": ("NVIDIA H200", 141, RESOURCE_GPU),
    "p5en": ("NVIDIA H200", 141, RESOURCE_GPU),
    "p6-b200": ("NVIDIA B200", 180, RESOURCE_GPU),
    "p6-b300": ("NVIDIA B300", 268, RESOURCE_GPU),
    "p6e-gb200": ("NVIDIA GB200", 186, RESOURCE_GPU),
    "inf2": ("AWS Inferentia2", 32, RESOURCE_NEURON),
    "trn1": ("AWS Trainium", 32, RESOURCE_NEURON),
    "trn1n": ("AWS Trainium", 32, RESOURCE_NEURON),
    "trn2": ("AWS Trainium2", 96, RESOURCE_NEURON),
}

_MIG_40_GB = ("mig-1g.5gb", "mig-1g.10gb", "mig-2g.10gb", "mig-3g.20gb", "mig-4g.20gb", "mig-7g.40gb")
_MIG_80_GB = ("mig-1g.10gb", "mig-1g.20gb", "mig-2g.20gb", "mig-3g.40gb", "mig-4g.40gb", "mig-7g.80gb")
_MIG_141_GB = ("mig-1g.18gb", "mig-1g.35gb", "mig-2g.35gb", "mig-3g.71gb", "mig-4g.71gb", "mig-7g.141gb")

MIG_PROFILES: Mapping[str, tuple[str, ...]] = {
    "p4d": _MIG_40_GB,
    # AWS's client lists the profiles of the 40 GB card here too, NVIDIA those of the 80 GB card: take both.
    "p4de": (*_MIG_40_GB, *(each for each in _MIG_80_GB if each not in _MIG_40_GB)),
    "p5": _MIG_80_GB,
    "p5e": _MIG_141_GB,
    "p5en": _MIG_141_GB,
    "p6-b200": ("mig-1g.23gb", "mig-1g.45gb", "mig-2g.45gb", "mig-3g.90gb", "mig-4g.90gb", "mig-7g.180gb"),
    "p6e-gb200": ("mig-1g.23gb", "mig-1g.47gb", "mig-2g.47gb", "mig-3g.93gb", "mig-4g.93gb", "mig-7g.186gb"),
}
"""family -> the GPU partitions (MIG) that its accelerators can be cut into."""
_MIG_FAMILIES = {*MIG_PROFILES, "p6-b300"}

# family: size -> (vCPUs, GiB of memory, accelerators, EFA interfaces, GB of local NVMe)
_SIZES: Mapping[str, Mapping[str, tuple[int, int, int, int, int]]] = {
    "g4dn": {
        "xlarge": (4, 16, 1, 0, 125),
        "2xlarge": (8, 32, 1, 0, 225),
        "4xlarge": (16, 64, 1, 0, 225),
        "8xlarge": (32, 128, 1, 1, 900),
        "12xlarge": (48, 192, 4, 1, 900),
        "16xlarge": (64, 256, 1, 1, 900),
    },
    "g5": {
        "xlarge": (4, 16, 1, 0, 250),
        "2xlarge": (8, 32, 1, 0, 450),
        "4xlarge": (16, 64, 1, 0, 600),
        "8xlarge": (32, 128, 1, 1, 900),
        "12xlarge": (48, 192, 4, 1, 3800),
        "16xlarge": (64, 256, 1, 1, 1900),
        "24xlarge": (96, 384, 4, 1, 3800),
        "48xlarge": (192, 768, 8, 1, 7600),
    },
    "g6": {
        "xlarge": (4, 16, 1, 0, 250),
        "2xlarge": (8, 32, 1, 0, 450),
        "4xlarge": (16, 64, 1, 0, 600),
        "8xlarge": (32, 128, 1, 1, 900),
        "12xlarge": (48, 192, 4, 1, 3760),
        "16xlarge": (64, 256, 1, 1, 1880),
        "24xlarge": (96, 384, 4, 1, 3760),
        "48xlarge": (192, 768, 8, 1, 7520),
    },
    "g6e": {
        "xlarge": (4, 32, 1, 0, 250),
        "2xlarge": (8, 64, 1, 0, 450),
        "4xlarge": (16, 128, 1, 0, 600),
        "8xlarge": (32, 256, 1, 1, 900),
        "12xlarge": (48, 384, 4, 1, 3800),
        "16xlarge": (64, 512, 1, 1, 1900),
        "24xlarge": (96, 768, 4, 2, 3800),
        "48xlarge": (192, 1536, 8, 4, 7600),
    },
    "p4d": {"24xlarge": (96, 1152, 8, 4, 8000)},
    "p4de": {"24xlarge": (96, 1152, 8, 4, 8000)},
    "p5": {"4xlarge": (16, 256, 1, 1, 3840), "48xlarge": (192, 2048, 8, 32, 30720)},
    "p5e": {"48xlarge": (192, 2048, 8, 32, 30720)},
    "p5en": {"48xlarge": (192, 2048, 8, 16, 30720)},
    "p6-b200": {"48xlarge": (192, 2048, 8, 8, 30720)},
    "p6-b300": {"48xlarge": (192, 4096, 8, 16, 30720)},
    "p6e-gb200": {"36xlarge": (144, 960, 4, 16, 22500)},
    "inf2": {
        "xlarge": (4, 16, 1, 0, 0),
        "8xlarge": (32, 128, 1, 0, 0),
        "24xlarge": (96, 384, 6, 0, 0),
        "48xlarge": (192, 768, 12, 0, 0),
    },
    "trn1": {"2xlarge": (8, 32, 1, 0, 474), "32xlarge": (128, 512, 16, 8, 7600)},
    "trn1n": {"32xlarge": (128, 512, 16, 16, 7600)},
    "trn2": {"48xlarge": (192, 2048, 16, 16, 7680)},
    # CPU only: system nodes, gateways, small models.
    "t3": {"medium": (2, 4, 0, 0, 0), "large": (2, 8, 0, 0, 0), "xlarge": (4, 16, 0, 0, 0)},
    "c5": {
        "large": (2, 4, 0, 0, 0),
        "xlarge": (4, 8, 0, 0, 0),
        "2xlarge": (8, 16, 0, 0, 0),
        "4xlarge": (16, 32, 0, 0, 0),
        "9xlarge": (36, 72, 0, 0, 0),
        "12xlarge": (48, 96, 0, 0, 0),
        "18xlarge": (72, 144, 0, 0, 0),
        "24xlarge": (96, 192, 0, 0, 0),
    },
    "m5": {
        "large": (2, 8, 0, 0, 0),
        "xlarge": (4, 16, 0, 0, 0),
        "2xlarge": (8, 32, 0, 0, 0),
        "4xlarge": (16, 64, 0, 0, 0),
        "8xlarge": (32, 128, 0, 0, 0),
        "12xlarge": (48, 192, 0, 0, 0),
        "16xlarge": (64, 256, 0, 0, 0),
        "24xlarge": (96, 384, 0, 0, 0),
    },
}


def _all() -> Iterator[InstanceType]:
    for family, sizes in _SIZES.items():
        accelerator, memory, resource = _ACCELERATORS.get(family, (None, 0, None))
        for size, (vcpus, memory_gib, count, efa, nvme) in sizes.items():
            yield InstanceType(
                name=f"ml.{family}.{size}",
                vcpus=vcpus,
                memory_gib=memory_gib,
                accelerator_count=count,
                accelerator=accelerator,
                accelerator_memory_gib=memory,
                accelerator_resource=resource,
                efa_interfaces=efa,
                nvme_gib=nvme,
                mig=family in _MIG_FAMILIES,
                mig_profiles=MIG_PROFILES.get(family, ()),
            )


INSTANCE_TYPES: Mapping[str, InstanceType] = MappingProxyType({each.name: each for each in _all()})


def efa_interfaces(instance_type: str) -> int:
    """How many Elastic Fabric Adapters a node of this type offers as a resource; 0 for an unknown type."""
    known = INSTANCE_TYPES.get(instance_type)
    return known.efa_interfaces if known else 0
