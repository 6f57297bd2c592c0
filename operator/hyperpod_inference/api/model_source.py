"""Where a model comes from: S3, FSx for Lustre, the Hugging Face hub, or a volume of the user's."""

from typing import Annotated, Literal

from pydantic import Field

from hyperpod_inference.api.base import Value
from hyperpod_inference.api.kubernetes.common import KeySelector
from hyperpod_inference.api.versions import SINCE_V1

SourceType = Literal["fsx", "s3", "huggingface", "kubernetesVolume"]


class FsxStorage(Value):
    """A model on FSx for Lustre."""

    dns_name: str | None = None
    """DNS name of the file system; looked up when absent."""
    file_system_id: str
    """Id of the file system."""
    mount_name: str | None = None
    """Mount name of the file system; looked up when absent."""


class HuggingFaceModel(Value):
    """A model of the Hugging Face hub."""

    commit_sha: Annotated[
        Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None, Field(alias="commitSHA")
    ] = None
    """Commit to serve; the head of main when absent."""
    model_id: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]+/[a-zA-Z0-9_.-]+$")]
    """organisation/model."""
    token_secret_ref: KeySelector | None = None
    """Secret with the access token of a gated model (core/v1)."""


class S3Storage(Value):
    """A model in S3."""

    bucket_name: str
    """Name of the bucket."""
    region: str
    """Region of the bucket."""


class ModelSourceConfig(Value):
    """Where the model comes from. The block of the chosen type must be there."""

    fsx_storage: FsxStorage | None = None
    """For modelSourceType fsx."""
    hugging_face_model: Annotated[HuggingFaceModel | None, SINCE_V1] = None
    """For modelSourceType huggingface."""
    model_location: str | None = None
    """Prefix in the bucket or directory in the file system."""
    model_source_type: SourceType
    """Kind of the source."""
    prefetch_enabled: bool = False
    """Copy the model into memory before the server starts."""
    s3_storage: S3Storage | None = None
    """For modelSourceType s3."""
