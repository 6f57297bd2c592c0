"""The SageMakerEndpointRegistration of an endpoint that names a SageMaker endpoint: what SageMaker is to run.

SageMaker's own instances cannot be the cluster's. So what is registered is a small forwarder
(`hyperpod-router serve`), inside the cluster's VPC, which hands every invocation to the endpoint's load
balancer over TLS.
"""

import re
from collections.abc import Mapping
from typing import Any

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.hub_endpoint import HubEndpoint
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render.capture import place_of
from hyperpod_inference.render.facts import Facts
from hyperpod_inference.render.identity import Manifest, namespaced, without_empty
from hyperpod_inference.render.ingress import certificate_of
from hyperpod_inference.render.plain import plain
from hyperpod_inference.render.tls import AUTHORITY_FILE
from hyperpod_inference.status.parts import Arrangement, Part

TIER = "sme"
EVERYTHING = 100
_ECR = re.compile(r"\d{12}\.dkr[.-]ecr\.[a-z0-9-]+\.[^/]+/.+")


def registration(
    endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts
) -> tuple[Manifest, ...]:
    """The registration, once all that it says is known; one that is there keeps what is not known now."""
    if not endpoint.spec.endpoint_name or lacking(endpoint, settings, facts):
        return ()
    return (
        {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND_REGISTRATION,
            "metadata": namespaced(endpoint, endpoint.metadata.name),
            "spec": _spec(endpoint, settings, facts),
        },
    )


def lacking(endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts) -> str:
    """What is missing for a first registration: sentences with the next step, '' when nothing is.

    One that exists is never taken back for something that the operator does not know just now.
    """
    image = _image(settings)
    if facts.registered:
        return ""
    if not _role(endpoint, settings):
        return "SageMaker needs a role for it: set the operator's EXECUTION_ROLE_ARN."
    if not _ECR.fullmatch(image):
        return (
            f"SageMaker pulls images from Amazon ECR only, and {image} is not there: push the router's image"
            " to a repository of yours, and name it in the operator's SAGEMAKER_ENDPOINT_IMAGE."
        )
    if not certificate_of(endpoint, facts):
        return (
            "SageMaker reaches the load balancer by TLS only, and there is no certificate: set"
            " spec.tlsConfig.tlsCertificateOutputS3Uri or the operator's TLS_CERTIFICATE_OUTPUT_S3URI, and"
            " see the condition TLSReady."
        )
    if facts.network is None:
        unknown = (
            "The operator does not know the cluster's network: set EKS_CLUSTER_NAME and AWS_REGION for it."
        )
        return facts.network_problem or unknown
    if missing := facts.network.lacking:
        return (
            f"EKS names no {missing} of cluster {facts.network.name}, and SageMaker needs one to reach the"
            f" load balancer: give the cluster a {missing}. EKS is asked again every ten minutes."
        )
    if not facts.load_balancer:
        return "It is registered as soon as the load balancer has an address: see LoadBalancerReady."
    return ""


def arrangements(
    endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts
) -> tuple[Arrangement, ...]:
    """Why there is no registration yet; and where SageMaker's own capture goes."""
    missing = lacking(endpoint, settings, facts) if endpoint.spec.endpoint_name else ""
    capture = {} if capture_lacking(endpoint, settings) else _capture(endpoint, settings)
    found = []
    if missing:
        found.append(
            Arrangement(
                part=Part.ENDPOINT_REGISTRATION,
                field="spec.endpointName",
                works=False,
                reason=conditions.NOT_CREATED,
                message=f"SageMaker has no endpoint {endpoint.spec.endpoint_name} yet. {missing}",
            )
        )
    if capture:
        share, where = capture["initialSamplingPercentage"], capture["destinationS3Uri"]
        found.append(
            Arrangement(
                part=Part.DATA_CAPTURE,
                field="spec.dataCapture.sagemakerEndpoint",
                works=True,
                reason=conditions.AVAILABLE,
                message=f"SageMaker keeps {share} % of the calls of endpoint {endpoint.spec.endpoint_name} in"
                f" {where}.",
            )
        )
    return tuple(found)


def capture_lacking(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> str:
    """Why SageMaker's own data capture, which is asked for, does not happen; '' when it does."""
    if not settings.hyperpod_cluster_arn:
        return "the prefix in the bucket needs the cluster's ARN. Set the operator's HYPERPOD_CLUSTER_ARN."
    if place_of(endpoint, settings, TIER) is None:
        return (
            "there is no bucket. Set spec.dataCapture.s3Uri or the operator's TLS_CERTIFICATE_OUTPUT_S3URI."
        )
    return ""


def _spec(endpoint: InferenceEndpointConfig, settings: OperatorSettings, facts: Facts) -> Manifest:
    capture = _capture(endpoint, settings)
    tags = [plain(each) for each in endpoint.spec.tags or ()]
    return {
        "name": endpoint.spec.endpoint_name,
        "executionRole": _role(endpoint, settings) or facts.registered["executionRole"],
        "imageUri": _image(settings) if _ECR.fullmatch(_image(settings)) else facts.registered["imageUri"],
        "instanceType": settings.endpoint_instance_type,
        "invocationEndpoint": endpoint.spec.invocation_endpoint.lstrip("/"),
        "loadBalancerHostName": facts.load_balancer or facts.registered["loadBalancerHostName"],
        "restApiId": "",  # no REST API stands in between here
        "eksClusterDetails": _network(facts),
        "tlsConfig": _tls(endpoint, facts),
        **({"tags": tags} if tags else {}),
        **({"sageMakerEndpointDataCaptureConfig": capture} if capture else {}),
    }


def _network(facts: Facts) -> Mapping[str, Any]:
    network = facts.network
    if network is None:
        known: Mapping[str, Any] = facts.registered["eksClusterDetails"]
        return known
    return {
        "arn": network.arn,
        "name": network.name,
        "vpcId": network.vpc,
        "subnetIds": [*network.subnets],
        "securityGroupIds": [*network.security_groups],
        "clusterSecurityGroupId": network.cluster_security_group,
    }


def _tls(endpoint: InferenceEndpointConfig, facts: Facts) -> Mapping[str, Any]:
    """What the forwarder trusts: the operator's authority, or the public part of the user's certificate."""
    if not certificate_of(endpoint, facts):
        known: Mapping[str, Any] = facts.registered["tlsConfig"]
        return known
    authorities = [key for key in facts.certificate_keys if key.endswith(f"/{AUTHORITY_FILE}")]
    custom = endpoint.spec.tls_config.custom_certificate_config if endpoint.spec.tls_config else None
    return {
        "tlsCertificateOutputS3Bucket": facts.certificate_bucket,
        "tlsCertificateS3Keys": authorities or [*facts.certificate_keys],
        **({"tlsServerNameOverride": custom.domain_name} if custom else {}),
    }


def _capture(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> Manifest:
    tier = endpoint.spec.data_capture.sagemaker_endpoint if endpoint.spec.data_capture else None
    place = place_of(endpoint, settings, TIER)
    if tier is None or not tier.enabled or place is None:
        return {}
    share, options = tier.initial_sampling_percentage, tier.capture_options
    return {
        "enabled": True,
        "destinationS3Uri": f"s3://{place[0]}/{place[1]}",
        "initialSamplingPercentage": EVERYTHING if share is None else share,
        "captureOptions": [plain(each) for each in options or ()]
        or [{"captureMode": mode} for mode in ("Input", "Output")],
        **without_empty(
            {
                "kmsKeyId": tier.kms_key_id,
                "captureContentTypeHeader": plain(tier.capture_content_type_header),
            }
        ),
    }


def _image(settings: OperatorSettings) -> str:
    return settings.endpoint_image or settings.router_image


def _role(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> str:
    own = endpoint.execution_role if isinstance(endpoint, HubEndpoint) else ""
    return own or settings.execution_role_arn
