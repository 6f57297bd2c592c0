"""The conditions of a resource's status: their types, their reasons, and how one is made.

One condition per sub-resource, so that a person sees which part is not ready, why, and what to do. Clients
print type, status and message but not the reason, so a message must stand alone. `status` makes conditions
with `condition`; `controllers` and the event recorder read the reasons.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

Status = Literal["True", "False", "Unknown"]

# --- types, in the order in which they are shown -----------------------------------------------------------
ACCEPTED = "Accepted"
DEPENDENCIES_READY = "DependenciesReady"
MODEL_SOURCE_READY = "ModelSourceReady"
WORKLOAD_READY = "WorkloadReady"
ROUTER_READY = "RouterReady"
KV_CACHE_READY = "KVCacheReady"
AUTOSCALING_READY = "AutoscalingReady"
TLS_READY = "TLSReady"
ENDPOINT_REGISTERED = "EndpointRegistered"
DNS_READY = "DNSReady"
READY = "Ready"
ORDER = (
    ACCEPTED,
    DEPENDENCIES_READY,
    MODEL_SOURCE_READY,
    WORKLOAD_READY,
    ROUTER_READY,
    KV_CACHE_READY,
    AUTOSCALING_READY,
    TLS_READY,
    ENDPOINT_REGISTERED,
    DNS_READY,
    READY,
)

# --- reasons -----------------------------------------------------------------------------------------------
VALID = "Valid"
INVALID_SPEC = "InvalidSpec"
KUBERNETES_VOLUME_VALIDATION_FAILED = "KubernetesVolumeValidationFailed"  # AWS's own word
AVAILABLE = "Available"
SCALED_TO_ZERO = "ScaledToZero"
PROGRESSING = "Progressing"
NOT_CREATED = "NotCreated"
NOT_BUILT = "NotBuilt"  # asked for in the spec, but this version of the operator does not build it
APPLY_FAILED = "ApplyFailed"
DEPENDENCY_MISSING = "DependencyMissing"
DEPENDENCIES_FOUND = "DependenciesFound"
SCALER_NOT_READY = "ScalerNotReady"
AWS_UNAVAILABLE = "AwsUnavailable"  # AWS did not answer, or not with what is needed
DEADLINE_EXCEEDED = "DeadlineExceeded"
DELETING = "Deleting"
# Causes found on pods, most telling first.
UNSCHEDULABLE = "Unschedulable"
IMAGE_PULL_FAILED = "ImagePullFailed"
OUT_OF_MEMORY = "OutOfMemory"
CRASH_LOOP = "CrashLoop"
CONTAINER_CONFIG_ERROR = "ContainerConfigError"
INIT_FAILED = "InitFailed"
PROBE_FAILED = "ProbeFailed"
EVICTED = "Evicted"
CONTAINERS_STARTING = "ContainersStarting"
QUOTA_EXCEEDED = "QuotaExceeded"

MAX_MESSAGE = 32768  # the schema's bound


def timestamp(moment: datetime) -> str:
    """`moment` as Kubernetes writes times: UTC, whole seconds, trailing Z. Needs an aware datetime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(
    type: str,
    status: Status,
    reason: str,
    message: str,
    generation: int | None,
    now: datetime,
    previous: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """One entry of `status.conditions`.

    `previous` are the conditions of the last written status: lastTransitionTime is taken from the one of the
    same type while its status is unchanged, as kubectl wait and people expect.
    """
    before = find(previous, type)
    unchanged = before is not None and before.get("status") == status
    since = before.get("lastTransitionTime") if before is not None and unchanged else None
    made: dict[str, Any] = {
        "type": type,
        "status": status,
        "reason": reason,
        "message": _fit(message),
        "lastTransitionTime": since or timestamp(now),
    }
    return made if generation is None else made | {"observedGeneration": generation}


def find(conditions: Iterable[Mapping[str, Any]], type: str) -> Mapping[str, Any] | None:
    """The condition of this type, or None."""
    return next((each for each in conditions if each.get("type") == type), None)


def is_true(conditions: Iterable[Mapping[str, Any]], type: str) -> bool:
    """Whether the condition of this type is there with status True."""
    found = find(conditions, type)
    return found is not None and found.get("status") == "True"


def _fit(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
