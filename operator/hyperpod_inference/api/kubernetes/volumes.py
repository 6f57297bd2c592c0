"""A volume of a pod and where its contents come from. In-tree drivers of other clouds are in `legacy`."""

from typing import Annotated, Any

from pydantic import Field

from hyperpod_inference.api.base import Atomic, AtomicValue, Int32, Int64, Quantity, Value
from hyperpod_inference.api.kubernetes import legacy
from hyperpod_inference.api.kubernetes.common import (
    FieldSelector,
    LabelSelector,
    LocalReference,
    ResourceFieldSelector,
)
from hyperpod_inference.api.pod_rules import VOLUME_RULES


class KeyToPath(Value):
    """One key as a file."""

    key: str
    """The key."""
    mode: Int32 | None = None
    """Permission bits."""
    path: str
    """Path of the file."""


class ConfigMapVolume(AtomicValue):
    """The keys of a ConfigMap as files."""

    default_mode: Int32 | None = None
    """Permission bits."""
    items: Atomic[KeyToPath] | None = None
    """Which keys; all by default."""
    name: str = ""
    """Name of the ConfigMap."""
    optional: bool | None = None
    """Whether it may be missing."""


class SecretVolume(Value):
    """The keys of a Secret as files."""

    default_mode: Int32 | None = None
    """Permission bits."""
    items: Atomic[KeyToPath] | None = None
    """Which keys; all by default."""
    optional: bool | None = None
    """Whether it may be missing."""
    secret_name: str | None = None
    """Name of the Secret."""


class CSIVolume(Value):
    """A volume of a CSI driver, made for this pod."""

    driver: str
    """Name of the driver."""
    fs_type: str | None = None
    """File system."""
    node_publish_secret_ref: LocalReference | None = None
    """Secret for the driver."""
    read_only: bool | None = None
    """Mount it read-only."""
    volume_attributes: dict[str, str] | None = None
    """For the driver."""


class DownwardFile(Value):
    """A fact about the pod as a file."""

    field_ref: FieldSelector | None = None
    """Field of the pod."""
    mode: Int32 | None = None
    """Permission bits."""
    path: str
    """Path of the file."""
    resource_field_ref: ResourceFieldSelector | None = None
    """Request or limit."""


class DownwardVolume(Value):
    """Facts about the pod as files."""

    default_mode: Int32 | None = None
    """Permission bits."""
    items: Atomic[DownwardFile] | None = None
    """The files."""


class EmptyDirVolume(Value):
    """A directory that lives as long as the pod."""

    medium: str | None = None
    """Memory, or empty for the disk."""
    size_limit: Quantity | None = None
    """Most it may hold."""


class DataSource(AtomicValue):
    """What a new claim is filled from."""

    api_group: str | None = None
    """API group."""
    kind: str
    """Kind."""
    name: str
    """Name."""


class DataSourceReference(Value):
    """What a new claim is filled from, in any namespace."""

    api_group: str | None = None
    """API group."""
    kind: str
    """Kind."""
    name: str
    """Name."""
    namespace: str | None = None
    """Namespace."""


class ClaimResources(Value):
    """The size of a claim."""

    limits: dict[str, Quantity] | None = None
    """Most of each."""
    requests: dict[str, Quantity] | None = None
    """Least, e.g. storage."""


class ClaimSpec(Value):
    """What storage a claim asks for."""

    access_modes: Atomic[str] | None = None
    """How it is mounted."""
    data_source: DataSource | None = None
    """What it is filled from."""
    data_source_ref: DataSourceReference | None = None
    """The same, of any kind."""
    resources: ClaimResources | None = None
    """Its size."""
    selector: LabelSelector | None = None
    """Which volumes."""
    storage_class_name: str | None = None
    """Storage class."""
    volume_attributes_class_name: str | None = None
    """Attributes class."""
    volume_mode: str | None = None
    """Filesystem or Block."""
    volume_name: str | None = None
    """One volume."""


class ClaimTemplate(Value):
    """A claim made with the pod and deleted with it."""

    metadata: dict[str, Any] | None = None
    """Labels and annotations."""
    spec: ClaimSpec
    """The claim."""


class EphemeralVolume(Value):
    """A claim that lives as long as the pod."""

    volume_claim_template: ClaimTemplate | None = None
    """The claim to make."""


class HostPathVolume(Value):
    """A file or directory of the node."""

    path: str
    """Path on the node."""
    type: str | None = None
    """What must be there."""


class ImageVolume(Value):
    """The contents of an OCI image, read-only."""

    pull_policy: str | None = None
    """Always, IfNotPresent or Never."""
    reference: str | None = None
    """The image."""


class ClaimVolume(Value):
    """An existing PersistentVolumeClaim of the same namespace."""

    claim_name: str
    """Name of the claim."""
    read_only: bool | None = None
    """Mount it read-only."""


class ClusterTrustBundle(Value):
    """Trust anchors as a file."""

    label_selector: LabelSelector | None = None
    """Bundles by label."""
    name: str | None = None
    """One bundle."""
    optional: bool | None = None
    """Whether it may be missing."""
    path: str
    """Path of the file."""
    signer_name: str | None = None
    """Bundles of a signer."""


class ProjectedKeys(AtomicValue):
    """Keys of a ConfigMap or Secret in a projected volume."""

    items: Atomic[KeyToPath] | None = None
    """Which keys; all by default."""
    name: str = ""
    """Its name."""
    optional: bool | None = None
    """Whether it may be missing."""


class ProjectedFacts(Value):
    """Facts about the pod in a projected volume."""

    items: Atomic[DownwardFile] | None = None
    """The files."""


class PodCertificate(Value):
    """A certificate issued to the pod."""

    certificate_chain_path: str | None = None
    """File of the chain."""
    credential_bundle_path: str | None = None
    """File of key and chain."""
    key_path: str | None = None
    """File of the key."""
    key_type: str
    """Kind of key."""
    max_expiration_seconds: Int32 | None = None
    """Longest life."""
    signer_name: str
    """Who signs."""
    user_annotations: dict[str, str] | None = None
    """For the signer."""


class ServiceAccountToken(Value):
    """A token of the pod's service account."""

    audience: str | None = None
    """Who it is for."""
    expiration_seconds: Int64 | None = None
    """How long it lives."""
    path: str
    """Path of the file."""


class Projection(Value):
    """One source of a projected volume."""

    cluster_trust_bundle: ClusterTrustBundle | None = None
    """Trust anchors."""
    config_map: ProjectedKeys | None = None
    """A ConfigMap."""
    downward_api: Annotated[ProjectedFacts | None, Field(alias="downwardAPI")] = None
    """Facts about the pod."""
    pod_certificate: PodCertificate | None = None
    """A certificate."""
    secret: ProjectedKeys | None = None
    """A Secret."""
    service_account_token: ServiceAccountToken | None = None
    """A token."""


class ProjectedVolume(Value):
    """Several sources in one directory."""

    default_mode: Int32 | None = None
    """Permission bits."""
    sources: Atomic[Projection] | None = None
    """What is in it."""


class Volume(legacy.LegacySources):
    """A volume of a pod: its name and exactly one source."""

    config_map: ConfigMapVolume | None = None
    """Keys of a ConfigMap."""
    csi: CSIVolume | None = None
    """A CSI driver's volume."""
    downward_api: Annotated[DownwardVolume | None, Field(alias="downwardAPI")] = None
    """Facts about the pod."""
    empty_dir: EmptyDirVolume | None = None
    """Empty, as long as the pod lives."""
    ephemeral: EphemeralVolume | None = None
    """A claim of the pod's own."""
    host_path: HostPathVolume | None = None
    """A path of the node."""
    image: ImageVolume | None = None
    """An image's files."""
    name: str
    """Its name."""
    persistent_volume_claim: ClaimVolume | None = None
    """An existing claim."""
    projected: ProjectedVolume | None = None
    """Several sources in one."""
    secret: SecretVolume | None = None
    """Keys of a Secret."""

    rules = VOLUME_RULES
