"""Environment variables, resources and selectors: the small core/v1 types that many blocks share."""

from hyperpod_inference.api.base import Atomic, AtomicValue, ByName, Int32, Int64, Quantity, Value
from hyperpod_inference.api.pod_rules import ENV_RULES
from hyperpod_inference.api.resource_rules import CONTAINER_RULES


class LocalReference(AtomicValue):
    """An object of the same namespace, by name."""

    name: str = ""


class KeySelector(AtomicValue):
    """One key of a ConfigMap or Secret."""

    key: str
    name: str = ""
    optional: bool | None = None


class FieldSelector(AtomicValue):
    """A field of the pod, e.g. status.podIP."""

    api_version: str | None = None
    field_path: str


class FileKeySelector(AtomicValue):
    """One key of an env file in a volume."""

    key: str
    optional: bool = False
    path: str
    volume_name: str


class ResourceFieldSelector(AtomicValue):
    """A container's own request or limit."""

    container_name: str | None = None
    divisor: Quantity | None = None
    resource: str


class EnvVarSource(Value):
    """Where a variable's value comes from; exactly one of the fields."""

    config_map_key_ref: KeySelector | None = None
    field_ref: FieldSelector | None = None
    file_key_ref: FileKeySelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    secret_key_ref: KeySelector | None = None


class EnvVar(Value):
    """An environment variable of a container."""

    name: str
    value: str | None = None
    value_from: EnvVarSource | None = None

    rules = ENV_RULES


class SourceReference(AtomicValue):
    """A ConfigMap or Secret, all of whose keys become variables."""

    name: str = ""
    optional: bool | None = None


class EnvFromSource(Value):
    """All keys of a ConfigMap or Secret as variables."""

    config_map_ref: SourceReference | None = None
    prefix: str | None = None
    secret_ref: SourceReference | None = None


class ResourceClaim(Value):
    """A claim of the pod that the container uses."""

    name: str
    request: str | None = None


class ResourceRequirements(Value):
    """What a container asks for and may use at most, by resource name."""

    claims: ByName[ResourceClaim] | None = None
    limits: dict[str, Quantity] | None = None
    requests: dict[str, Quantity] | None = None


class ContainerResources(ResourceRequirements):
    """The same for a container that runs a model server."""

    rules = CONTAINER_RULES


class Requirement(Value):
    """One term of a label or node selector."""

    key: str
    operator: str
    values: Atomic[str] | None = None


class LabelSelector(AtomicValue):
    """Objects by their labels; all terms must hold."""

    match_expressions: Atomic[Requirement] | None = None
    match_labels: dict[str, str] | None = None


class Toleration(Value):
    """A taint that a pod bears."""

    effect: str | None = None
    key: str | None = None
    operator: str | None = None
    toleration_seconds: Int64 | None = None
    value: str | None = None


class NodeSelectorTerm(AtomicValue):
    """Nodes by labels and fields; all must hold."""

    match_expressions: Atomic[Requirement] | None = None
    match_fields: Atomic[Requirement] | None = None


class PreferredSchedulingTerm(Value):
    """A wish with a weight from 1 to 100."""

    preference: NodeSelectorTerm
    weight: Int32


class NodeSelector(AtomicValue):
    """Nodes that match any of the terms."""

    node_selector_terms: Atomic[NodeSelectorTerm]


class NodeAffinity(Value):
    """Nodes that a pod must or should run on."""

    preferred_during_scheduling_ignored_during_execution: Atomic[PreferredSchedulingTerm] | None = None
    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
