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
    mode: Int32 | None = None
    path: str


class ConfigMapVolume(AtomicValue):
    """The keys of a ConfigMap as files."""

    default_mode: Int32 | None = None
    items: Atomic[KeyToPath] | None = None
    name: str = ""
    optional: bool | None = None


class SecretVolume(Value):
    """The keys of a Secret as files."""

    default_mode: Int32 | None = None
    items: Atomic[KeyToPath] | None = None
    optional: bool | None = None
    secret_name: str | None = None


class CSIVolume(Value):
    """A volume of a CSI driver, made for this pod."""

    driver: str
    fs_type: str | None = None
    node_publish_secret_ref: LocalReference | None = None
    read_only: bool | None = None
    volume_attributes: dict[str, str] | None = None


class DownwardFile(Value):
    """A fact about the pod as a file."""

    field_ref: FieldSelector | None = None
    mode: Int32 | None = None
    path: str
    resource_field_ref: ResourceFieldSelector | None = None


class DownwardVolume(Value):
    """Facts about the pod as files."""

    default_mode: Int32 | None = None
    items: Atomic[DownwardFile] | None = None


class EmptyDirVolume(Value):
    """A directory that lives as long as the pod."""

    medium: str | None = None
    size_limit: Quantity | None = None


class DataSource(AtomicValue):
    """What a new claim is filled from."""

    api_group: str | None = None
    kind: str
    name: str


class DataSourceReference(Value):
    """What a new claim is filled from, in any namespace."""

    api_group: str | None = None
    kind: str
    name: str
    namespace: str | None = None


class ClaimResources(Value):
    """The size of a claim."""

    limits: dict[str, Quantity] | None = None
    requests: dict[str, Quantity] | None = None


class ClaimSpec(Value):
    """What storage a claim asks for."""

    access_modes: Atomic[str] | None = None
    data_source: DataSource | None = None
    data_source_ref: DataSourceReference | None = None
    resources: ClaimResources | None = None
    selector: LabelSelector | None = None
    storage_class_name: str | None = None
    volume_attributes_class_name: str | None = None
    volume_mode: str | None = None
    volume_name: str | None = None


class ClaimTemplate(Value):
    """A claim made with the pod and deleted with it."""

    metadata: dict[str, Any] | None = None
    spec: ClaimSpec


class EphemeralVolume(Value):
    """A claim that lives as long as the pod."""

    volume_claim_template: ClaimTemplate | None = None


class HostPathVolume(Value):
    """A file or directory of the node."""

    path: str
    type: str | None = None


class ImageVolume(Value):
    """The contents of an OCI image, read-only."""

    pull_policy: str | None = None
    reference: str | None = None


class ClaimVolume(Value):
    """An existing PersistentVolumeClaim of the same namespace."""

    claim_name: str
    read_only: bool | None = None


class ClusterTrustBundle(Value):
    """Trust anchors as a file."""

    label_selector: LabelSelector | None = None
    name: str | None = None
    optional: bool | None = None
    path: str
    signer_name: str | None = None


class ProjectedKeys(AtomicValue):
    """Keys of a ConfigMap or Secret in a projected volume."""

    items: Atomic[KeyToPath] | None = None
    name: str = ""
    optional: bool | None = None


class ProjectedFacts(Value):
    """Facts about the pod in a projected volume."""

    items: Atomic[DownwardFile] | None = None


class PodCertificate(Value):
    """A certificate issued to the pod."""

    certificate_chain_path: str | None = None
    credential_bundle_path: str | None = None
    key_path: str | None = None
    key_type: str
    max_expiration_seconds: Int32 | None = None
    signer_name: str
    user_annotations: dict[str, str] | None = None


class ServiceAccountToken(Value):
    """A token of the pod's service account."""

    audience: str | None = None
    expiration_seconds: Int64 | None = None
    path: str


class Projection(Value):
    """One source of a projected volume."""

    cluster_trust_bundle: ClusterTrustBundle | None = None
    config_map: ProjectedKeys | None = None
    downward_api: Annotated[ProjectedFacts | None, Field(alias="downwardAPI")] = None
    pod_certificate: PodCertificate | None = None
    secret: ProjectedKeys | None = None
    service_account_token: ServiceAccountToken | None = None


class ProjectedVolume(Value):
    """Several sources in one directory."""

    default_mode: Int32 | None = None
    sources: Atomic[Projection] | None = None


class Volume(legacy.LegacySources):
    """A volume of a pod: its name and exactly one source."""

    config_map: ConfigMapVolume | None = None
    csi: CSIVolume | None = None
    downward_api: Annotated[DownwardVolume | None, Field(alias="downwardAPI")] = None
    empty_dir: EmptyDirVolume | None = None
    ephemeral: EphemeralVolume | None = None
    host_path: HostPathVolume | None = None
    image: ImageVolume | None = None
    name: str
    persistent_volume_claim: ClaimVolume | None = None
    projected: ProjectedVolume | None = None
    secret: SecretVolume | None = None

    rules = VOLUME_RULES
