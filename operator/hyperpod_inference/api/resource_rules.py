"""Rules about requests and limits: devices, partitions (MIG), and what the chosen instance types have.

The table of instance types is known offline and in the operator. The API server gets of it what fits into an
expression: the one `instanceType`, and the largest count of all. Types that are not in the table are never
refused: new ones appear faster than releases.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from hyperpod_inference.api.base import Rule
from hyperpod_inference.api.instance_types import INSTANCE_TYPES, MIG_PROFILES, InstanceType
from hyperpod_inference.api.names import RESOURCE_GPU, RESOURCE_NEURON
from hyperpod_inference.api.quantity import amount, whole

if TYPE_CHECKING:
    from hyperpod_inference.api.endpoint import EndpointSpec
    from hyperpod_inference.api.jumpstart import JumpStartServer
    from hyperpod_inference.api.kubernetes.common import ResourceRequirements

Containers = tuple["ResourceRequirements", ...]
DEVICES = (RESOURCE_GPU, RESOURCE_NEURON)
MIG_PREFIX = "nvidia.com/mig-"
_WHOLE = "matches('^[0-9]{1,9}$')"
_WHOLE_IN_FORMAT = _WHOLE.replace("{", "{{").replace("}", "}}")


def most(resource: str, types: Iterable[InstanceType] = tuple(INSTANCE_TYPES.values())) -> int:
    """The largest count of this accelerator on one of `types`."""
    return max((each.accelerator_count for each in types if each.accelerator_resource == resource), default=0)


def chosen_types(spec: "EndpointSpec") -> tuple[str, ...]:
    """The instance types that the spec names, most preferred first."""
    return spec.instance_types or ((spec.instance_type,) if spec.instance_type else ())


def known_types(spec: "EndpointSpec") -> tuple[InstanceType, ...] | None:
    """The facts about all types that the spec names; None when it names none, or one without facts."""
    names = chosen_types(spec)
    if not names or any(name not in INSTANCE_TYPES for name in names):
        return None
    return tuple(INSTANCE_TYPES[name] for name in names)


def _worker(spec: "EndpointSpec") -> Containers:
    return (spec.worker.resources,)


def _roles(spec: "EndpointSpec") -> Containers:
    """Those of prefill and decode, where they differ from the worker's."""
    if spec.pd_spec is None:
        return ()
    roles = (spec.pd_spec.prefill_spec, spec.pd_spec.decoding_spec)
    return tuple(role.resources for role in roles if role.resources is not None)


def asked(resources: "ResourceRequirements", resource: str) -> int:
    """How many of a device a container asks for, on either side."""
    sides = (resources.requests or {}, resources.limits or {})
    return max(whole(side[resource]) or 0 if resource in side else 0 for side in sides)


def partitions(resources: "ResourceRequirements") -> set[str]:
    """The MIG profiles that a container asks for, e.g. mig-1g.10gb."""
    keys = {*(resources.requests or {}), *(resources.limits or {})}
    return {key.removeprefix("nvidia.com/") for key in keys if key.startswith(MIG_PREFIX)}


# --- one container: self is its ResourceRequirements --------------------------------------------------------


def _devices_are_whole(resources: "ResourceRequirements") -> bool:
    sides = (resources.requests or {}, resources.limits or {})
    return all(whole(side[each]) is not None for side in sides for each in DEVICES if each in side)


def _devices_are_equal(resources: "ResourceRequirements") -> bool:
    requests, limits = resources.requests or {}, resources.limits or {}
    pairs = [
        (whole(requests[each]), whole(limits[each])) for each in DEVICES if {each} <= {*requests} & {*limits}
    ]
    return all({None, 0} & {*pair} or pair[0] == pair[1] for pair in pairs)


def _within_limits(resources: "ResourceRequirements") -> bool:
    requests, limits = resources.requests or {}, resources.limits or {}
    pairs = [
        (amount(requests[each]), amount(limits[each]))
        for each in ("cpu", "memory")
        if {each} <= {*requests} & {*limits}
    ]
    return all(least is None or bound is None or least <= bound for least, bound in pairs)


_DEVICE_LIST = "[" + ", ".join(f"'{each}'" for each in DEVICES) + "]"


def _whole_devices(side: str) -> str:
    return (
        f"(!has(self.{side}) || {_DEVICE_LIST}.all(d,"
        f" !(d in self.{side}) || string(self.{side}[d]).{_WHOLE}))"
    )


def _of_both(names: str, check: str) -> str:
    """`check` of each of `names` that stands on both sides: r is the request and l the limit, as text."""
    sides = {"r": "string(self.requests[k])", "l": "string(self.limits[k])"}
    return (
        f"!has(self.requests) || !has(self.limits) || {names}.all(k,"
        f" !(k in self.requests) || !(k in self.limits) || {check.format(**sides)})"
    )


CLAIM_RULES: tuple[Rule, ...] = (
    Rule(
        cel=None,
        message=(
            "a claim is one of the pod's resourceClaims, and a pod of an endpoint has none:"
            " leave it out, and ask for devices in limits"
        ),
        field="claims",
        holds=lambda resources: not resources.claims,
    ),
)

CONTAINER_RULES = (
    *CLAIM_RULES,
    Rule(
        cel=" && ".join(map(_whole_devices, ("requests", "limits"))),
        message="accelerators come as whole numbers: write for example 1 (or a MIG partition)",
        field="limits",
        since="v1",
        holds=_devices_are_whole,
    ),
    Rule(
        cel=_of_both(
            _DEVICE_LIST,
            f"!{{r}}.{_WHOLE_IN_FORMAT} || !{{l}}.{_WHOLE_IN_FORMAT}"
            " || int({r}) * int({l}) == 0 || int({r}) == int({l})",
        ),
        message="accelerators in requests and limits differ: make them equal, or write one side only",
        field="limits",
        since="v1",
        holds=_devices_are_equal,
    ),
    Rule(
        cel=_of_both(
            "['cpu', 'memory']",
            "!isQuantity({r}) || !isQuantity({l}) || quantity({r}).compareTo(quantity({l})) <= 0",
        ),
        message="a request is above its limit, for cpu or memory: lower the request or raise the limit",
        field="requests",
        since="v1",
        holds=_within_limits,
    ),
)

# --- an endpoint: self is its spec --------------------------------------------------------------------------


def _fits_any_type(spec: "EndpointSpec", those: Containers) -> bool:
    return bool(chosen_types(spec)) or all(
        asked(each, device) <= most(device) for each in those for device in DEVICES
    )


def _fits_chosen(spec: "EndpointSpec", those: Containers) -> bool:
    types = known_types(spec)
    return types is None or all(
        asked(each, device) <= most(device, types) for each in those for device in DEVICES
    )


def _most_of_chosen(spec: "EndpointSpec") -> str:
    def has(each: InstanceType) -> str:
        return f"{each.name} has {each.accelerator_count} of {each.accelerator_resource or 'no accelerator'}"

    return ", ".join(map(has, known_types(spec) or ()))


def _side_fits(side: str) -> str:
    at = f"self.worker.resources.{side}"
    most_of_all = f"(d == '{RESOURCE_GPU}' ? {most(RESOURCE_GPU)} : {most(RESOURCE_NEURON)})"
    return (
        f"(!has({at}) || {_DEVICE_LIST}.all(d, !(d in {at}) || !string({at}[d]).{_WHOLE}"
        f" || int(string({at}[d])) <= {most_of_all}))"
    )


def _by_count() -> Mapping[int, list[str]]:
    """count -> types with so many GPUs, without ml."""
    counts: dict[int, list[str]] = {}
    for each in INSTANCE_TYPES.values():
        count = each.accelerator_count if each.accelerator_resource == RESOURCE_GPU else 0
        counts.setdefault(count, []).append(f"'{each.name.removeprefix('ml.')}'")
    return dict(sorted(counts.items()))


def _type_has_gpus() -> str:
    """The one instanceType against its number of GPUs. Lists, because the server rates patterns as costly."""
    checks = " && ".join(
        f"(n <= {count} || !(self.instanceType.substring(3) in [{','.join(types)}]))"
        for count, types in _by_count().items()
    )
    counts = ", ".join(_gpus(f"self.worker.resources.{side}") for side in ("requests", "limits"))
    return f"!has(self.instanceType) || [{counts}].all(n, {checks})"


def _gpus(side: str) -> str:
    count = f"string({side}['{RESOURCE_GPU}'])"
    return f"has({side}) && '{RESOURCE_GPU}' in {side} && {count}.{_WHOLE} ? int({count}) : 0"


def _no_partition_without_mig(spec: "EndpointSpec", those: Containers) -> bool:
    types = known_types(spec)
    return types is None or not any(map(partitions, those)) or any(each.mig for each in types)


def _partitions_exist(spec: "EndpointSpec", those: Containers) -> bool:
    types = known_types(spec)
    if types is None or not any(each.mig for each in types):
        return True  # nothing known, or told by the rule before
    if any(each.mig and not each.mig_profiles for each in types):
        return True
    return all(
        any(profile in each.mig_profiles for each in types)
        for resources in those
        for profile in partitions(resources)
    )


def _roles_fit(spec: "EndpointSpec") -> bool:
    roles = _roles(spec)
    checks = (_fits_any_type, _fits_chosen, _no_partition_without_mig, _partitions_exist)
    return all(check(spec, roles) for check in checks)


_WITHOUT_MIG = sorted({each.family for each in INSTANCE_TYPES.values() if not each.mig})
_NO_MIG_TYPE = f"(self.instanceType.split('.')[1] in [{','.join(map(repr, _WITHOUT_MIG))}])"
_MIG_TYPES = ", ".join(f"ml.{family}" for family in MIG_PROFILES)
_NO_MIG_MESSAGE = (
    f"has no GPU partitions (MIG): choose one of the families {_MIG_TYPES}, or ask for whole GPUs"
)


def _no_partition(side: str) -> str:
    at = f"self.worker.resources.{side}"
    return f"(!has({at}) || !{at}.exists(k, k.startsWith('{MIG_PREFIX}')))"


ACCELERATOR_RULES = (
    Rule(
        cel=(
            "has(self.instanceType) || (has(self.instanceTypes) && size(self.instanceTypes) > 0) || ("
            + " && ".join(map(_side_fits, ("requests", "limits")))
            + ")"
        ),
        message=(
            f"no instance type has so many accelerators (at most {most(RESOURCE_GPU)} of {RESOURCE_GPU},"
            f" {most(RESOURCE_NEURON)} of {RESOURCE_NEURON}): ask for fewer, or name the type in instanceType"
        ),
        field="worker.resources",
        since="v1",
        holds=lambda spec: _fits_any_type(spec, _worker(spec)),
    ),
    Rule(
        cel=_type_has_gpus(),
        message="instanceType has fewer GPUs than worker.resources asks for: ask for fewer or change it",
        field="worker.resources",
        since="v1",
        holds=lambda spec: (
            spec.instance_type is None or bool(spec.instance_types) or _fits_chosen(spec, _worker(spec))
        ),
        detail=_most_of_chosen,
    ),
    Rule(
        cel=None,
        message=("none of instanceTypes has so many accelerators: ask for fewer, or choose larger types"),
        field="worker.resources",
        holds=lambda spec: not spec.instance_types or _fits_chosen(spec, _worker(spec)),
        detail=_most_of_chosen,
    ),
    Rule(
        cel=(
            f"!has(self.instanceType) || !{_NO_MIG_TYPE} || ("
            + " && ".join(map(_no_partition, ("requests", "limits")))
            + ")"
        ),
        message="the chosen instance type " + _NO_MIG_MESSAGE,
        field="worker.resources",
        since="v1",
        holds=lambda spec: bool(spec.instance_types) or _no_partition_without_mig(spec, _worker(spec)),
    ),
    Rule(
        cel=None,
        message="none of the chosen instance types has this GPU partition (MIG): choose one of its own",
        field="worker.resources",
        holds=lambda spec: (
            (not spec.instance_types or _no_partition_without_mig(spec, _worker(spec)))
            and _partitions_exist(spec, _worker(spec))
        ),
        detail=lambda spec: _profiles(known_types(spec) or ()),
    ),
    Rule(
        cel=None,
        message="no instance type that may be used has what a role of pdSpec asks for: ask for less",
        field="pdSpec",
        holds=_roles_fit,
        detail=_most_of_chosen,
    ),
)


def _profiles(types: Iterable[InstanceType]) -> str:
    return ", ".join(f"{each.name} has {', '.join(each.mig_profiles) or 'none'}" for each in types)


# --- a JumpStart model: self is its server ------------------------------------------------------------------


def _type_of_server(server: "JumpStartServer") -> InstanceType | None:
    return INSTANCE_TYPES.get(server.instance_type) if server.accelerator_partition_type else None


def _server_has_mig(server: "JumpStartServer") -> bool:
    found = _type_of_server(server)
    return found is None or found.mig


def _server_has_profile(server: "JumpStartServer") -> bool:
    found = _type_of_server(server)
    unchecked = server.validations is not None and not server.validations.accelerator_partition_validation
    return (
        unchecked
        or found is None
        or not found.mig_profiles
        or server.accelerator_partition_type in found.mig_profiles
    )


def _profile_of_family(family: str, profiles: Iterable[str]) -> str:
    listed = ", ".join(f"'{each}'" for each in profiles)
    return f"(!self.instanceType.startsWith('ml.{family}.') || self.acceleratorPartitionType in [{listed}])"


SERVER_RULES = (
    Rule(
        cel=f"!has(self.acceleratorPartitionType) || !{_NO_MIG_TYPE}",
        message="instanceType " + _NO_MIG_MESSAGE,
        field="acceleratorPartitionType",
        since="v1",
        holds=_server_has_mig,
    ),
    Rule(
        cel=(
            "!has(self.acceleratorPartitionType)"
            " || (has(self.validations) && !self.validations.acceleratorPartitionValidation) || ("
            + " && ".join(_profile_of_family(*each) for each in MIG_PROFILES.items())
            + ")"
        ),
        message=(
            "instanceType has no such partition: choose one of its profiles, or set"
            " validations.acceleratorPartitionValidation to false if it is newer than this version"
        ),
        field="acceleratorPartitionType",
        since="v1",
        holds=_server_has_profile,
        detail=lambda server: _profiles((INSTANCE_TYPES[server.instance_type],)),
    ),
)
