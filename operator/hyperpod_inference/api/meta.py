"""The envelope of every custom resource: apiVersion, kind, metadata, spec."""

import re
from typing import Any

from pydantic import ConfigDict, Field

from hyperpod_inference.api.base import Int64, Items, Rule, Value
from hyperpod_inference.api.metadata_rules import METADATA_RULES

_DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


class ObjectMeta(Value):
    """Kubernetes' metadata. Times are RFC 3339 strings, None until the API server has set them."""

    name: str = ""
    generate_name: str | None = None
    namespace: str = "default"
    uid: str | None = None
    resource_version: str | None = None
    generation: Int64 | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: Int64 | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    finalizers: Items[str] = ()
    owner_references: Items[dict[str, Any]] = ()
    managed_fields: Items[dict[str, Any]] = ()
    self_link: str | None = None

    rules = METADATA_RULES


NAME_FITS_LABEL = Rule(
    cel="size(self.metadata.name) <= 63",
    message="the name is longer than 63 characters, but it becomes a label of the pods: choose a shorter one",
    field="metadata.name",
    holds=lambda resource: len(resource.metadata.name) <= 63,
)
NAME_IS_LABEL = Rule(
    cel="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    message=(
        "a Service and containers carry this name, so it is made of lower-case letters, digits and '-',"
        " and begins with a letter: choose another one"
    ),
    field="metadata.name",
    holds=lambda resource: (
        not resource.metadata.name or _DNS_LABEL.fullmatch(resource.metadata.name) is not None
    ),
)
NAME_RULES = (NAME_FITS_LABEL, NAME_IS_LABEL)


class Resource(Value):
    """A custom resource. `status` is kept as it came: `status/` writes it, nothing here reads it."""

    model_config = ConfigDict(extra="forbid")

    api_version: str
    kind: str
    metadata: ObjectMeta
    status: dict[str, Any] | None = None
