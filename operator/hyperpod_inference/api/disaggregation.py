"""Separate servers for prefill and decode (`pdSpec`)."""

from typing import Annotated

from pydantic import Field

from hyperpod_inference.api.autoscaling import AutoScalingSpec
from hyperpod_inference.api.base import Count, Items, Value, schema
from hyperpod_inference.api.kubernetes.common import ContainerResources


class PDAutoScaling(Value):
    """Scaling of the two roles."""

    decoding_auto_scaling: AutoScalingSpec | None = None
    """Scaling of the decode servers."""
    prefill_auto_scaling: AutoScalingSpec | None = None
    """Scaling of the prefill servers."""


class PDRole(Value):
    """One of the two roles."""

    args: Items[str] | None = None
    """Arguments: replace the same flags of the worker's, the rest is appended."""
    node_selector: dict[str, str] | None = None
    """Nodes of this role."""
    replicas: Annotated[int, Field(ge=1), schema(format="int32")] = 1
    """Pods of this role."""
    resources: ContainerResources | None = None
    """Replaces the worker's resources (core/v1)."""


class PDTopology(Value):
    """How close the two roles must be."""

    availability_zone: str | None = None
    """Zone of all pods."""
    placement_group: str | None = None
    """Placement group of all pods."""
    same_az: Annotated[bool, Field(alias="sameAZ")] = True
    """Keep all pods in one zone."""


class PDSpec(Value):
    """Separate servers for prefill and decode."""

    auto_scaling_spec: PDAutoScaling | None = None
    """Scaling of the two roles."""
    decoding_spec: PDRole
    """The decode servers."""
    prefill_spec: PDRole
    """The prefill servers."""
    routing_threshold: Count = 4096
    """Prompts with fewer tokens stay on one server; 0 always separates."""
    topology_spec: PDTopology | None = None
    """How close the two roles must be."""
