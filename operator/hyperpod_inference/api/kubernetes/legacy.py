"""In-tree volume drivers that Kubernetes still accepts: kept so that no old manifest is refused."""

from typing import Annotated

from pydantic import Field

from hyperpod_inference.api.base import Atomic, Int32, Value
from hyperpod_inference.api.kubernetes.common import LocalReference


class ElasticBlockStore(Value):
    """An EBS volume, by id."""

    fs_type: str | None = None
    partition: Int32 | None = None
    read_only: bool | None = None
    volume_id: Annotated[str, Field(alias="volumeID")]


class AzureDisk(Value):
    """An Azure disk."""

    caching_mode: str | None = None
    disk_name: str
    disk_uri: Annotated[str, Field(alias="diskURI")]
    fs_type: str = "ext4"
    kind: str | None = None
    read_only: bool = False


class AzureFile(Value):
    """An Azure file share."""

    read_only: bool | None = None
    secret_name: str
    share_name: str


class CephFS(Value):
    """A CephFS mount."""

    monitors: Atomic[str]
    path: str | None = None
    read_only: bool | None = None
    secret_file: str | None = None
    secret_ref: LocalReference | None = None
    user: str | None = None


class Cinder(Value):
    """An OpenStack volume."""

    fs_type: str | None = None
    read_only: bool | None = None
    secret_ref: LocalReference | None = None
    volume_id: Annotated[str, Field(alias="volumeID")]


class FibreChannel(Value):
    """A Fibre Channel disk."""

    fs_type: str | None = None
    lun: Int32 | None = None
    read_only: bool | None = None
    target_wwns: Annotated[Atomic[str] | None, Field(alias="targetWWNs")] = None
    wwids: Atomic[str] | None = None


class FlexVolume(Value):
    """A volume of an exec-based driver."""

    driver: str
    fs_type: str | None = None
    options: dict[str, str] | None = None
    read_only: bool | None = None
    secret_ref: LocalReference | None = None


class Flocker(Value):
    """A Flocker dataset."""

    dataset_name: str | None = None
    dataset_uuid: Annotated[str | None, Field(alias="datasetUUID")] = None


class GCEPersistentDisk(Value):
    """A Google Compute Engine disk."""

    fs_type: str | None = None
    partition: Int32 | None = None
    pd_name: str
    read_only: bool | None = None


class GitRepo(Value):
    """A git checkout."""

    directory: str | None = None
    repository: str
    revision: str | None = None


class GlusterFS(Value):
    """A GlusterFS mount."""

    endpoints: str
    path: str
    read_only: bool | None = None


class ISCSI(Value):
    """An iSCSI disk."""

    chap_auth_discovery: bool | None = None
    chap_auth_session: bool | None = None
    fs_type: str | None = None
    initiator_name: str | None = None
    iqn: str
    iscsi_interface: str = "default"
    lun: Int32
    portals: Atomic[str] | None = None
    read_only: bool | None = None
    secret_ref: LocalReference | None = None
    target_portal: str


class NFS(Value):
    """An NFS mount."""

    path: str
    read_only: bool | None = None
    server: str


class PhotonPersistentDisk(Value):
    """A Photon disk."""

    fs_type: str | None = None
    pd_id: Annotated[str, Field(alias="pdID")]


class Portworx(Value):
    """A Portworx volume."""

    fs_type: str | None = None
    read_only: bool | None = None
    volume_id: Annotated[str, Field(alias="volumeID")]


class Quobyte(Value):
    """A Quobyte mount."""

    group: str | None = None
    read_only: bool | None = None
    registry: str
    tenant: str | None = None
    user: str | None = None
    volume: str


class RBD(Value):
    """A Ceph block device."""

    fs_type: str | None = None
    image: str
    keyring: str = "/etc/ceph/keyring"
    monitors: Atomic[str]
    pool: str = "rbd"
    read_only: bool | None = None
    secret_ref: LocalReference | None = None
    user: str = "admin"


class ScaleIO(Value):
    """A ScaleIO volume."""

    fs_type: str = "xfs"
    gateway: str
    protection_domain: str | None = None
    read_only: bool | None = None
    secret_ref: LocalReference
    ssl_enabled: bool | None = None
    storage_mode: str = "ThinProvisioned"
    storage_pool: str | None = None
    system: str
    volume_name: str | None = None


class StorageOS(Value):
    """A StorageOS volume."""

    fs_type: str | None = None
    read_only: bool | None = None
    secret_ref: LocalReference | None = None
    volume_name: str | None = None
    volume_namespace: str | None = None


class VSphereVolume(Value):
    """A vSphere disk."""

    fs_type: str | None = None
    storage_policy_id: Annotated[str | None, Field(alias="storagePolicyID")] = None
    storage_policy_name: str | None = None
    volume_path: str


class LegacySources(Value):
    """The sources of a volume that only old manifests name."""

    aws_elastic_block_store: ElasticBlockStore | None = None
    azure_disk: AzureDisk | None = None
    azure_file: AzureFile | None = None
    cephfs: CephFS | None = None
    cinder: Cinder | None = None
    fc: FibreChannel | None = None
    flex_volume: FlexVolume | None = None
    flocker: Flocker | None = None
    gce_persistent_disk: GCEPersistentDisk | None = None
    git_repo: GitRepo | None = None
    glusterfs: GlusterFS | None = None
    iscsi: ISCSI | None = None
    nfs: NFS | None = None
    photon_persistent_disk: PhotonPersistentDisk | None = None
    portworx_volume: Portworx | None = None
    quobyte: Quobyte | None = None
    rbd: RBD | None = None
    scale_io: Annotated[ScaleIO | None, Field(alias="scaleIO")] = None
    storageos: StorageOS | None = None
    vsphere_volume: VSphereVolume | None = None
