"""Environment variables, resources and selectors: the small core/v1 types that many blocks share."""

from hyperpod_inference.api.base import Atomic, AtomicValue, ByName, Int32, Int64, Quantity, Value
from hyperpod_inference.api.pod_rules import ENV_RULES
from hyperpod_inference.api.resource_rules import CLAIM_RULES, CONTAINER_RULES


class LocalReference(AtomicValue):
    """An object of the same namespace, by name."""

    name: str = ""
    """Its name."""


class KeySelector(AtomicValue):
    """One key of a ConfigMap or Secret."""

    key: str
    """The key."""
    name: str = ""
    """Name of the object."""
    optional: bool | None = None
    """Whether it may be missing."""


class FieldSelector(AtomicValue):
    """A field of the pod, e.g. status.podIP."""

    api_version: str | None = None
    """Version of the path, v1."""
    field_path: str
    """Path such as metadata.name."""


class FileKeySelector(AtomicValue):
    """One key of an env file in a volume."""

    key: str
    """Key in the file."""
    optional: bool = False
    """Whether it may be missing."""
    path: str
    """Path of the file in the volume."""
    volume_name: str
    """The volume."""


class ResourceFieldSelector(AtomicValue):
    """A container's own request or limit."""

    container_name: str | None = None
    """Which container."""
    divisor: Quantity | None = None
    """Unit of the value."""
    resource: str
    """Such as limits.memory."""


class EnvVarSource(Value):
    """Where a variable's value comes from; exactly one of the fields."""

    config_map_key_ref: KeySelector | None = None
    """Key of a ConfigMap."""
    field_ref: FieldSelector | None = None
    """Field of the pod."""
    file_key_ref: FileKeySelector | None = None
    """Key of an env file."""
    resource_field_ref: ResourceFieldSelector | None = None
    """Request or limit of a container."""
    secret_key_ref: KeySelector | None = None
    """Key of a Secret."""


class EnvVar(Value):
    """An environment variable of a container."""

    name: str
    """Name of the variable."""
    value: str | None = None
    """Its value."""
    value_from: EnvVarSource | None = None
    """Where its value comes from."""

    rules = ENV_RULES


class SourceReference(AtomicValue):
    """A ConfigMap or Secret, all of whose keys become variables."""

    name: str = ""
    """Its name."""
    optional: bool | None = None
    """Whether it may be missing."""


class EnvFromSource(Value):
    """All keys of a ConfigMap or Secret as variables."""

    config_map_ref: SourceReference | None = None
    """A ConfigMap."""
    prefix: str | None = None
    """Put before every name."""
    secret_ref: SourceReference | None = None
    """A Secret."""


class ResourceClaim(Value):
    """A claim of the pod that the container uses."""

    name: str
    """Claim of the pod."""
    request: str | None = None
    """One request of the claim."""


class ResourceRequirements(Value):
    """What a container asks for and may use at most, by resource name."""

    claims: ByName[ResourceClaim] | None = None
    """Claims of the pod to use."""
    limits: dict[str, Quantity] | None = None
    """Most of each resource."""
    requests: dict[str, Quantity] | None = None
    """Reserved of each resource."""

    rules = CLAIM_RULES


class ContainerResources(ResourceRequirements):
    """The same for a container that runs a model server."""

    rules = CONTAINER_RULES


class Requirement(Value):
    """One term of a label or node selector."""

    key: str
    """Label or field."""
    operator: str
    """In, NotIn, Exists or DoesNotExist; for nodes also Gt and Lt."""
    values: Atomic[str] | None = None
    """What to compare with."""


class LabelSelector(AtomicValue):
    """Objects by their labels; all terms must hold."""

    match_expressions: Atomic[Requirement] | None = None
    """Terms; all must hold."""
    match_labels: dict[str, str] | None = None
    """Labels and their values."""


class Toleration(Value):
    """A taint that a pod bears."""

    effect: str | None = None
    """NoSchedule, PreferNoSchedule or NoExecute; all when empty."""
    key: str | None = None
    """Key of the taint; all when empty."""
    operator: str | None = None
    """Equal or Exists."""
    toleration_seconds: Int64 | None = None
    """How long NoExecute is borne."""
    value: str | None = None
    """Value of the taint."""


class NodeSelectorTerm(AtomicValue):
    """Nodes by labels and fields; all must hold."""

    match_expressions: Atomic[Requirement] | None = None
    """Terms about labels."""
    match_fields: Atomic[Requirement] | None = None
    """Terms about fields."""


class PreferredSchedulingTerm(Value):
    """A wish with a weight from 1 to 100."""

    preference: NodeSelectorTerm
    """Which nodes."""
    weight: Int32
    """From 1 to 100."""


class NodeSelector(AtomicValue):
    """Nodes that match any of the terms."""

    node_selector_terms: Atomic[NodeSelectorTerm]
    """One of them must hold."""


class NodeAffinity(Value):
    """Nodes that a pod must or should run on."""

    preferred_during_scheduling_ignored_during_execution: Atomic[PreferredSchedulingTerm] | None = None
    """Nodes that are preferred."""
    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    """Nodes that are allowed."""
