"""Data capture's pod tier: what the proxy is told to keep, and the container that sends it to S3."""

from collections.abc import Mapping
from typing import Any

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.beside import captured
from hyperpod_inference.api.datacapture import BufferConfig, ModelPodCapture, PayloadConfig
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render.capture import place_of
from hyperpod_inference.render.container import RESTRICTED
from hyperpod_inference.render.identity import Manifest
from hyperpod_inference.render.plain import plain
from hyperpod_inference.status.parts import Arrangement, Part

TIER = "pod"
SPOOL_PATH = "/var/spool/hyperpod-inference"
SPOOL_MEBIBYTES = 1024
"""What the proxy keeps at most; the volume holds a little more, or the node would evict the pod."""
MOUNT: Mapping[str, Any] = {"name": names.CAPTURE_VOLUME, "mountPath": SPOOL_PATH}
RESOURCES: Mapping[str, Any] = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"memory": "512Mi"},
}
EVERYTHING = 100


def destination(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> str | None:
    """Where captured calls go, as s3://BUCKET/PREFIX; None when nothing is captured in the pods."""
    place = place_of(endpoint, settings, TIER) if captured(endpoint.spec) else None
    return f"s3://{place[0]}/{place[1]}" if place else None


def arrangements(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> tuple[Arrangement, ...]:
    """What is captured and where it goes, for the condition; nothing without a destination."""
    capture, where = captured(endpoint.spec), destination(endpoint, settings)
    if capture is None or where is None:
        return ()
    buffer = capture.buffer_config or BufferConfig()
    share = EVERYTHING if capture.initial_sampling_percentage is None else capture.initial_sampling_percentage
    message = (
        f"{share} % of the calls ({_options(capture)}) go to {where}, by container "
        f"{names.UPLOADER_CONTAINER}: {buffer.batch_size} in a file, or what there is after "
        f"{buffer.flush_interval_seconds} s."
    )
    return (
        Arrangement(
            part=Part.DATA_CAPTURE,
            field="spec.dataCapture.modelPod",
            works=True,
            reason=conditions.AVAILABLE,
            message=message,
        ),
    )


def capture_arguments(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> list[str]:
    """What the proxy is told; nothing without a destination."""
    capture = captured(endpoint.spec)
    if capture is None or destination(endpoint, settings) is None:
        return []
    buffer, payload = capture.buffer_config or BufferConfig(), capture.payload_config or PayloadConfig()
    sampling = capture.initial_sampling_percentage
    return [
        f"--capture-dir={SPOOL_PATH}",
        f"--capture-sampling-percent={EVERYTHING if sampling is None else sampling}",
        f"--capture-options={_options(capture)}",
        f"--capture-batch-size={buffer.batch_size}",
        f"--capture-flush-seconds={buffer.flush_interval_seconds}",
        f"--capture-max-payload-kb={payload.max_payload_size_kb}",
        f"--capture-max-spool-mb={SPOOL_MEBIBYTES}",
    ]


def uploader(endpoint: InferenceEndpointConfig, settings: OperatorSettings, env: list[Manifest]) -> Manifest:
    """The container; its identity towards AWS is the pod's."""
    capture = captured(endpoint.spec)
    assert capture is not None  # noqa: S101 - asked for only with a destination
    region = [{"name": "AWS_REGION", "value": settings.region}] if settings.region else []
    return {
        "name": names.UPLOADER_CONTAINER,
        "image": settings.sidecar_image,
        "args": [
            "upload",
            f"--spool={SPOOL_PATH}",
            f"--destination={destination(endpoint, settings)}",
            *([f"--kms-key-id={capture.kms_key_id}"] if capture.kms_key_id else []),
            *_types(capture),
        ],
        "env": [*env, *region],
        "ports": [{"name": "upload", "containerPort": names.UPLOADER_HEALTH_PORT, "protocol": "TCP"}],
        "volumeMounts": [plain(MOUNT)],
        "startupProbe": _probe(period=2, failures=60),
        # No readiness probe: replicas serve whether their calls are stored or not.
        "livenessProbe": _probe(period=10, failures=6),
        "resources": plain(endpoint.spec.s3_uploader_resources) or plain(RESOURCES),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": plain(RESTRICTED),
    }


def volume() -> Manifest:
    """The spool; it ends with the pod, after the uploader has had its time."""
    return {"name": names.CAPTURE_VOLUME, "emptyDir": {"sizeLimit": f"{SPOOL_MEBIBYTES * 3 // 2}Mi"}}


def _options(capture: ModelPodCapture) -> str:
    modes = [option.capture_mode for option in capture.capture_options or ()]
    return ",".join(dict.fromkeys(modes)) or "Input,Output"


def _types(capture: ModelPodCapture) -> list[str]:
    given = capture.capture_content_type_header
    if given is None:
        return []
    json_types = [f"--json-type={each}" for each in given.json_content_types or ()]
    return json_types + [f"--csv-type={each}" for each in given.csv_content_types or ()]


def _probe(*, period: int, failures: int) -> Manifest:
    get = {"path": "/healthz", "port": names.UPLOADER_HEALTH_PORT}
    return {"httpGet": get, "periodSeconds": period, "timeoutSeconds": 5, "failureThreshold": failures}
