"""Where data capture puts what: bucket and prefix of a tier of one endpoint.

The prefix is made of what identifies the endpoint, so that one that is created again keeps its place, and two
of one name in two clusters have two places.
"""

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render.identity import digest

DIRECTORY = "data-capture"
HASH_LENGTH = 16


def place_of(
    endpoint: InferenceEndpointConfig, settings: OperatorSettings, tier: str
) -> tuple[str, str] | None:
    """Bucket and prefix, without slashes at its ends; None without a bucket or the cluster's ARN.

    tier: "sme", "alb" or "pod", as documented.
    """
    capture = endpoint.spec.data_capture
    base = capture.s3_uri if capture else None
    if base is None and settings.tls_certificate_output_s3_uri:
        base = f"{settings.tls_certificate_output_s3_uri.rstrip('/')}/{DIRECTORY}"
    if base is None or not settings.hyperpod_cluster_arn:
        return None
    bucket, _, path = base.removeprefix("s3://").partition("/")
    metadata = endpoint.metadata
    identity = (settings.hyperpod_cluster_arn, metadata.namespace, endpoint.kind, metadata.name)
    parts = (path.strip("/"), digest(*identity, length=HASH_LENGTH), tier)
    return bucket, "/".join(part for part in parts if part)
