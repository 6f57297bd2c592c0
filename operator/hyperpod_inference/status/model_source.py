"""The verdict on the model source: can the pods get at the weights? Read off the claim, if any."""

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.hub_endpoint import gated
from hyperpod_inference.status.observed import Observed
from hyperpod_inference.status.refusal import told
from hyperpod_inference.status.verdict import Verdict, no, yes

USER_VOLUME = "UserVolume"
SERVER_DOWNLOADS = "ServerDownloads"
GATED = "PresignedDownload"
CLAIM_BOUND = "ClaimBound"
CLAIM_PENDING = "ClaimPending"
CLAIM_LOST = "ClaimLost"
_KINDS = ("PersistentVolume", "PersistentVolumeClaim")


def model_source(endpoint: InferenceEndpointConfig, observed: Observed) -> Verdict:
    """ModelSourceReady."""
    refused = [error for error in observed.apply_errors if error.kind in _KINDS]
    if refused:
        return no(conditions.APPLY_FAILED, told(refused[0]))
    source = endpoint.spec.model_source_config
    mount = endpoint.spec.worker.model_volume_mount.name
    if _is_users(endpoint, mount):
        return yes(USER_VOLUME, f"The weights come from volume {mount} of spec.kubernetes.volumes.")
    if model := gated(endpoint):
        return yes(
            GATED,
            f"Every pod downloads {model.model_id} {model.version} from hub {model.hub} itself, as"
            f" {model.role} (init container {names.GATED_CONTAINER}).",
        )
    if source.model_source_type == "huggingface":
        return yes(
            SERVER_DOWNLOADS, f"Every pod fetches {_model(endpoint)} from the Hugging Face hub itself."
        )
    return _claim(observed, _place(endpoint))


def _claim(observed: Observed, place: str) -> Verdict:
    current = [each for each in observed.claims if "deletionTimestamp" not in each["metadata"]]
    if not current:
        return no(conditions.NOT_CREATED, f"The volume claim for {place} does not exist yet.")
    claim = max(current, key=lambda each: each["metadata"].get("creationTimestamp", ""))
    name, phase = claim["metadata"]["name"], claim.get("status", {}).get("phase", "Pending")
    if phase == "Bound":
        return yes(CLAIM_BOUND, f"Volume claim {name} is bound to {place}.")
    look = f"`kubectl describe pvc {name} -n {claim['metadata'].get('namespace', 'default')}`"
    if phase == "Lost":
        lost = f"Volume claim {name} for {place} lost its volume."
        return no(CLAIM_LOST, f"{lost} Delete the claim; the operator creates both again.")
    return no(
        CLAIM_PENDING,
        f"Volume claim {name} waits to be bound to {place}. If this lasts, see {look}.",
    )


def _is_users(endpoint: InferenceEndpointConfig, mount: str) -> bool:
    given = (endpoint.spec.kubernetes.volumes or ()) if endpoint.spec.kubernetes else ()
    return mount in {volume.name for volume in given}


def _model(endpoint: InferenceEndpointConfig) -> str:
    model = endpoint.spec.model_source_config.hugging_face_model
    return model.model_id if model else "the model"


def _place(endpoint: InferenceEndpointConfig) -> str:
    source = endpoint.spec.model_source_config
    path = (source.model_location or "").strip("/")
    if source.s3_storage is not None and source.model_source_type == "s3":
        return f"s3://{source.s3_storage.bucket_name}/{path}"
    if source.fsx_storage is not None:
        return f"file system {source.fsx_storage.file_system_id} directory /{path}"
    return "the model source"
