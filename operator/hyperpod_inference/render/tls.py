"""What certificate an endpoint is to have, and where its public part goes: decided from spec and settings.

Without a certificate of the user's own, the operator's authority signs one. It is valid for the endpoint's
Service, and for any load balancer of the region by its DNS name: that name is known only once the load
balancer exists, which wants the certificate first. Whoever verifies trusts this authority alone.
"""

from dataclasses import dataclass

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.jumpstart import JumpStartModel
from hyperpod_inference.api.meta import Resource
from hyperpod_inference.api.settings import OperatorSettings

AUTHORITY_FILE, CERTIFICATE_FILE = "ca.pem", "certificate.pem"
_FOLDERS = {names.KIND_ENDPOINT: "inferenceendpointconfigs", names.KIND_JUMPSTART: "jumpstartmodels"}
TAG_OWNER = "hyperpod-inference/owner-uid"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The certificate that an endpoint asks for.

    custom: ARN of the user's own, '' for one of the operator's. hosts: DNS names that it must be for.
    bucket, folder: where its public part goes, '' where nobody named a bucket. tags: of what is made in AWS.
    """

    custom: str
    hosts: tuple[str, ...]
    bucket: str
    folder: str
    tags: tuple[tuple[str, str], ...] = ()

    def key(self, file: str) -> str:
        """The key of one of the files."""
        return f"{self.folder}/{file}"


def wanted_of(
    endpoint: InferenceEndpointConfig | JumpStartModel, settings: OperatorSettings
) -> Wanted | None:
    """None when the endpoint has no certificate: neither its own, nor a bucket to publish one in."""
    tls = endpoint.spec.tls_config
    custom = tls.custom_certificate_config if tls else None
    uri = (tls and tls.tls_certificate_output_s3_uri) or settings.tls_certificate_output_s3_uri
    if custom is None and not uri:
        return None
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    given = endpoint.spec.tags if isinstance(endpoint, InferenceEndpointConfig) else None
    tags = {each.name: each.value for each in given or ()}
    tags |= {TAG_OWNER: endpoint.metadata.uid or "", names.TAG_CREATED_BY[0]: names.TAG_CREATED_BY[1]}
    return Wanted(
        custom=custom.acm_arn if custom else "",
        hosts=(custom.domain_name,) if custom else _hosts(endpoint, settings),
        bucket=bucket,
        folder=_folder(endpoint, settings, prefix) if bucket else "",
        tags=tuple(tags.items()),
    )


def _hosts(endpoint: Resource, settings: OperatorSettings) -> tuple[str, ...]:
    name, namespace = endpoint.metadata.name, endpoint.metadata.namespace
    suffix = ".cn" if settings.region.startswith("cn-") else ""
    services = (f"{name}.{namespace}.svc", f"{name}.{namespace}.svc.cluster.local")
    return (*services, *([f"*.{settings.region}.elb.amazonaws.com{suffix}"] if settings.region else []))


def _folder(endpoint: Resource, settings: OperatorSettings, prefix: str) -> str:
    """One for each endpoint, also where clusters share a bucket."""
    metadata = endpoint.metadata
    parts = (prefix.strip("/"), settings.eks_cluster_name, metadata.namespace, _FOLDERS[endpoint.kind])
    return "/".join(part for part in (*parts, metadata.name) if part)
