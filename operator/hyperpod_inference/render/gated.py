"""Gated models of the hub: an init container downloads the weights by presigned URLs, as the role that may.

The role is taken by a token of the pod's own service account, whose name the role's trust policy looks for.
Token and role are given to that one container: the model server, which runs other people's code, has neither.
"""

from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.hub_endpoint import GatedModel, gated
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render.container import RESTRICTED
from hyperpod_inference.render.identity import OBJECT_NAME_LIMIT, Manifest, bounded, namespaced
from hyperpod_inference.render.plain import plain

TOKEN_VOLUME = "gated-model-token"  # noqa: S105 - a name
TOKEN_PATH = "/var/run/secrets/hyperpod-inference"  # noqa: S105 - a name
TOKEN_SECONDS = 3600
AUDIENCE = "sts.amazonaws.com"
RESOURCES = {"requests": {"cpu": "500m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}


def service_account(endpoint: InferenceEndpointConfig) -> tuple[Manifest, ...]:
    """The account of the pods of a gated model."""
    if gated(endpoint) is None:
        return ()
    metadata = namespaced(endpoint, account_name(endpoint))
    return (
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata,
            "automountServiceAccountToken": False,
        },
    )


def account_name(endpoint: InferenceEndpointConfig) -> str:
    """AWS documents the beginning; its trust policies allow what follows."""
    prefix = names.GATED_MODEL_SERVICE_ACCOUNT
    return bounded(f"{prefix}-{endpoint.metadata.name}", OBJECT_NAME_LIMIT)


def with_download(
    template: Manifest, endpoint: InferenceEndpointConfig, settings: OperatorSettings
) -> Manifest:
    """The pods with the download before everything else; as they are where nothing is gated."""
    model = gated(endpoint)
    if model is None:
        return template
    spec: dict[str, Any] = template["spec"]
    token = {
        "serviceAccountToken": {"path": "token", "audience": AUDIENCE, "expirationSeconds": TOKEN_SECONDS}
    }
    volume = {"name": TOKEN_VOLUME, "projected": {"sources": [token]}}
    return template | {
        "spec": spec
        | {
            "serviceAccountName": account_name(endpoint),
            "automountServiceAccountToken": False,
            "initContainers": [_downloader(endpoint, settings, model), *spec.get("initContainers", ())],
            "volumes": [*spec["volumes"], volume],
        }
    }


def _downloader(endpoint: InferenceEndpointConfig, settings: OperatorSettings, model: GatedModel) -> Manifest:
    mount = endpoint.spec.worker.model_volume_mount
    region = [{"name": "AWS_REGION", "value": settings.region}] if settings.region else []
    return {
        "name": names.GATED_CONTAINER,
        "image": settings.sidecar_image,
        "args": [
            "fetch",
            f"--hub={model.hub}",
            f"--model={model.model_id}",
            f"--version={model.version}",
            f"--artifact={model.artifact}",
            f"--to={mount.mount_path}",
        ],
        "env": [
            {"name": "AWS_ROLE_ARN", "value": model.role},
            {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": f"{TOKEN_PATH}/token"},
            {"name": "AWS_ROLE_SESSION_NAME", "value": names.GATED_CONTAINER},
            *region,
        ],
        "volumeMounts": [
            {"name": mount.name, "mountPath": mount.mount_path},
            {"name": TOKEN_VOLUME, "mountPath": TOKEN_PATH, "readOnly": True},
        ],
        "resources": plain(RESOURCES),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": plain(RESTRICTED),
    }
