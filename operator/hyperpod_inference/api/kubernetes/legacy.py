"""In-tree volume drivers that Kubernetes still accepts: kept so that no old manifest is refused."""

from typing import Annotated

from pydantic import Field

from hyperpod_inference.api.base import Atomic, Int32, Value
from hyperpod_inference.api.kubernetes.common import LocalReference


class ElasticBlockStore(Value):
    """An EBS volume, by id."""

    fs_type: str | None = None
    """File system."""
    partition: Int32 | None = None
    """Partition number."""
    read_only: bool | None = None
    """Mount it read-only."""
    volume_id: Annotated[str, Field(alias="volumeID")]
    """Id of the volume."""


class AzureDisk(Value):
    """An Azure disk."""

    caching_mode: str | None = None
    """None, ReadOnly or ReadWrite."""
    disk_name: str
    """Name of the disk."""
    disk_uri: Annotated[str, Field(alias="diskURI")]
    """URI of the disk."""
    fs_type: str = "ext4"
    """File system."""
    kind: str | None = None
    """Shared, Dedicated or Managed."""
    read_only: bool = False
    """Mount it read-only."""


class AzureFile(Value):
    """An Azure file share."""

    read_only: bool | None = None
    """Mount it read-only."""
    secret_name: str
    """Secret with account and key."""
    share_name: str
    """Name of the share."""


class CephFS(Value):
    """A CephFS mount."""

    monitors: Atomic[str]
    """Addresses of the monitors."""
    path: str | None = None
    """Path in it."""
    read_only: bool | None = None
    """Mount it read-only."""
    secret_file: str | None = None
    """File of the key."""
    secret_ref: LocalReference | None = None
    """Secret for the driver."""
    user: str | None = None
    """User."""


class Cinder(Value):
    """An OpenStack volume."""

    fs_type: str | None = None
    """File system."""
    read_only: bool | None = None
    """Mount it read-only."""
    secret_ref: LocalReference | None = None
    """Secret for the driver."""
    volume_id: Annotated[str, Field(alias="volumeID")]
    """Id of the volume."""


class FibreChannel(Value):
    """A Fibre Channel disk."""

    fs_type: str | None = None
    """File system."""
    lun: Int32 | None = None
    """Number of the unit."""
    read_only: bool | None = None
    """Mount it read-only."""
    target_wwns: Annotated[Atomic[str] | None, Field(alias="targetWWNs")] = None
    """Names of the targets."""
    wwids: Atomic[str] | None = None
    """Ids of the disk."""


class FlexVolume(Value):
    """A volume of an exec-based driver."""

    driver: str
    """Name of the driver."""
    fs_type: str | None = None
    """File system."""
    options: dict[str, str] | None = None
    """For the driver."""
    read_only: bool | None = None
    """Mount it read-only."""
    secret_ref: LocalReference | None = None
    """Secret for the driver."""


class Flocker(Value):
    """A Flocker dataset."""

    dataset_name: str | None = None
    """Name of the dataset."""
    dataset_uuid: Annotated[str | None, Field(alias="datasetUUID")] = None
    """Id of the dataset."""


class GCEPersistentDisk(Value):
    """A Google Compute Engine disk."""

    fs_type: str | None = None
    """File system."""
    partition: Int32 | None = None
    """Partition number."""
    pd_name: str
    """Name of the disk."""
    read_only: bool | None = None
    """Mount it read-only."""


class GitRepo(Value):
    """A git checkout."""

    directory: str | None = None
    """Directory to make."""
    repository: str
    """URL of the repository."""
    revision: str | None = None
    """Commit."""


class GlusterFS(Value):
    """A GlusterFS mount."""

    endpoints: str
    """Endpoints object of the servers."""
    path: str
    """Path in it."""
    read_only: bool | None = None
    """Mount it read-only."""


class ISCSI(Value):
    """An iSCSI disk."""

    chap_auth_discovery: bool | None = None
    """CHAP for discovery."""
    chap_auth_session: bool | None = None
    """CHAP for the session."""
    fs_type: str | None = None
    """File system."""
    initiator_name: str | None = None
    """Name of the initiator."""
    iqn: str
    """Name of the target."""
    iscsi_interface: str = "default"
    """Interface of the initiator."""
    lun: Int32
    """Number of the unit."""
    portals: Atomic[str] | None = None
    """Further portals."""
    read_only: bool | None = None
    """Mount it read-only."""
    secret_ref: LocalReference | None = None
    """Secret for the driver."""
    target_portal: str
    """Address of the target."""


class NFS(Value):
    """An NFS mount."""

    path: str
    """Path of the export."""
    read_only: bool | None = None
    """Mount it read-only."""
    server: str
    """Host of the server."""


class PhotonPersistentDisk(Value):
    """A Photon disk."""

    fs_type: str | None = None
    """File system."""
    pd_id: Annotated[str, Field(alias="pdID")]
    """Id of the disk."""


class Portworx(Value):
    """A Portworx volume."""

    fs_type: str | None = None
    """File system."""
    read_only: bool | None = None
    """Mount it read-only."""
    volume_id: Annotated[str, Field(alias="volumeID")]
    """Id of the volume."""


class Quobyte(Value):
    """A Quobyte mount."""

    group: str | None = None
    """Group."""
    read_only: bool | None = None
    """Mount it read-only."""
    registry: str
    """Addresses of the registries."""
    tenant: str | None = None
    """Tenant."""
    user: str | None = None
    """User."""
    volume: str
    """Name of the volume."""


class RBD(Value):
    """A Ceph block device."""

    fs_type: str | None = None
    """File system."""
    image: str
    """Name of the image."""
    keyring: str = "/etc/ceph/keyring"
    """File of the key."""
    monitors: Atomic[str]
    """Addresses of the monitors."""
    pool: str = "rbd"
    """Name of the pool."""
    read_only: bool | None = None
    """Mount it read-only."""
    secret_ref: LocalReference | None = None
    """Secret for the driver."""
    user: str = "admin"
    """User."""


class ScaleIO(Value):
    """A ScaleIO volume."""

    fs_type: str = "xfs"
    """File system."""
    gateway: str
    """Address of the gateway."""
    protection_domain: str | None = None
    """Protection domain."""
    read_only: bool | None = None
    """Mount it read-only."""
    secret_ref: LocalReference
    """Secret for the driver."""
    ssl_enabled: bool | None = None
    """Whether to use TLS."""
    storage_mode: str = "ThinProvisioned"
    """ThickProvisioned or ThinProvisioned."""
    storage_pool: str | None = None
    """Storage pool."""
    system: str
    """Name of the system."""
    volume_name: str | None = None
    """Name of the volume."""


class StorageOS(Value):
    """A StorageOS volume."""

    fs_type: str | None = None
    """File system."""
    read_only: bool | None = None
    """Mount it read-only."""
    secret_ref: LocalReference | None = None
    """Secret for the driver."""
    volume_name: str | None = None
    """Name of the volume."""
    volume_namespace: str | None = None
    """Its namespace there."""


class VSphereVolume(Value):
    """A vSphere disk."""

    fs_type: str | None = None
    """File system."""
    storage_policy_id: Annotated[str | None, Field(alias="storagePolicyID")] = None
    """Id of the storage policy."""
    storage_policy_name: str | None = None
    """Storage policy."""
    volume_path: str
    """Path of the disk."""


class LegacySources(Value):
    """The sources of a volume that only old manifests name."""

    aws_elastic_block_store: ElasticBlockStore | None = None
    """An EBS volume."""
    azure_disk: AzureDisk | None = None
    """An Azure disk."""
    azure_file: AzureFile | None = None
    """An Azure file share."""
    cephfs: CephFS | None = None
    """A CephFS mount."""
    cinder: Cinder | None = None
    """An OpenStack volume."""
    fc: FibreChannel | None = None
    """A Fibre Channel disk."""
    flex_volume: FlexVolume | None = None
    """A FlexVolume."""
    flocker: Flocker | None = None
    """A Flocker dataset."""
    gce_persistent_disk: GCEPersistentDisk | None = None
    """A Google disk."""
    git_repo: GitRepo | None = None
    """A git checkout."""
    glusterfs: GlusterFS | None = None
    """A GlusterFS mount."""
    iscsi: ISCSI | None = None
    """An iSCSI disk."""
    nfs: NFS | None = None
    """An NFS export."""
    photon_persistent_disk: PhotonPersistentDisk | None = None
    """A Photon disk."""
    portworx_volume: Portworx | None = None
    """A Portworx volume."""
    quobyte: Quobyte | None = None
    """A Quobyte mount."""
    rbd: RBD | None = None
    """A Ceph block device."""
    scale_io: Annotated[ScaleIO | None, Field(alias="scaleIO")] = None
    """A ScaleIO volume."""
    storageos: StorageOS | None = None
    """A StorageOS volume."""
    vsphere_volume: VSphereVolume | None = None
    """A vSphere disk."""
