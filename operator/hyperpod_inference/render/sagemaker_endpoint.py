"""What is made in SageMaker for a registration, and which step comes next: decided here, done by
`controllers.registrations`.

A model and an endpoint configuration never change in SageMaker, so each revision of a registration has its
own, under a name that holds a digest of all that is in them: a repeated step finds what an earlier one made.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from hyperpod_inference.api import names
from hyperpod_inference.api.registration import RegistrationSpec, SageMakerEndpointRegistration
from hyperpod_inference.render.identity import digest
from hyperpod_inference.render.plain import plain

RETRY: Final = timedelta(minutes=10)
"""Until SageMaker is asked again to do what it failed to."""
TAG_OWNER: Final = "hyperpod-inference/owner"
NAME_LIMIT: Final = 63
_DIGESTS: Final = 2 * (8 + 1)
IN_SERVICE: Final = "InService"
BUSY: Final = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
FAILED: Final = "Failed"

Request = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What SageMaker says of an endpoint. configuration: its name. failure: SageMaker's words, '' without."""

    arn: str
    status: str
    configuration: str
    modified: datetime
    failure: str = ""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The SageMaker resources of a registration. resource: name of the model and of the configuration.

    prefix: that all resources of this registration have in common. owner: in their tags.
    """

    endpoint: str
    resource: str
    prefix: str
    owner: str
    model: Request
    configuration: Request
    tags: Mapping[str, str]

    @property
    def entry(self) -> tuple[str, str]:
        """How the inventory tells of them."""
        return self.endpoint, self.resource


class Step(Enum):
    """What comes next."""

    CREATE = "create"
    UPDATE = "update"
    WAIT = "wait"
    REPLACE = "delete the endpoint that SageMaker could not make, so that it is made again"
    PAUSE = "wait for a person, or for the time of another try"
    TIDY = "all is as wanted: remove what is not needed any more"
    LEAVE = "it is somebody else's"


def wanted_of(registration: SageMakerEndpointRegistration) -> Wanted:
    """What SageMaker is to hold."""
    spec, metadata = registration.spec, registration.metadata
    owner = "/".join((spec.eks_cluster_details.name, metadata.namespace, metadata.name))
    tags = {each.name: each.value for each in spec.tags or ()}
    tags |= {TAG_OWNER: owner, names.TAG_CREATED_BY[0]: names.TAG_CREATED_BY[1]}
    model, configuration = _model(spec), _configuration(spec)
    identity = digest(spec.eks_cluster_details.arn, metadata.namespace, metadata.name)
    prefix = f"{spec.name[: NAME_LIMIT - _DIGESTS].rstrip('-')}-{identity}-"
    resource = prefix + digest(model, configuration, tags)
    return Wanted(
        endpoint=spec.name,
        resource=resource,
        prefix=f"-{identity}-",
        owner=owner,
        model=model | {"ModelName": resource},
        configuration={
            **configuration,
            "EndpointConfigName": resource,
            "ProductionVariants": [
                {**each, "ModelName": resource} for each in configuration["ProductionVariants"]
            ],
        },
        tags=tags,
    )


def next_step(wanted: Wanted, seen: Seen | None, *, owned: bool, tried: bool, now: datetime) -> Step:
    """Which step it is. owned: the endpoint is this registration's. tried: this revision was begun before."""
    if seen is None:
        return Step.CREATE
    if not owned:
        return Step.LEAVE
    if seen.status in BUSY:
        return Step.WAIT
    same, fresh = seen.configuration == wanted.resource, now - seen.modified < RETRY
    if seen.status == FAILED:
        return Step.PAUSE if fresh and tried else Step.REPLACE
    if same:
        return Step.TIDY if seen.status == IN_SERVICE else Step.PAUSE
    return Step.PAUSE if seen.failure and fresh and tried else Step.UPDATE


def owns(wanted: Wanted, seen: Seen, tags: Mapping[str, str]) -> bool:
    """Whether the registration made an endpoint: by the name of its configuration, or by its tags."""
    return wanted.prefix in seen.configuration or tags.get(TAG_OWNER) == wanted.owner


def inventory(annotations: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Endpoint and resource name of all that may be in SageMaker, as noted on the registration."""
    noted = (annotations or {}).get(names.ANNOTATION_MADE, "")
    entries = (entry.partition("=") for entry in noted.split())
    return tuple((endpoint, resource) for endpoint, _, resource in entries if endpoint and resource)


def noted(entries: Iterable[tuple[str, str]]) -> str:
    """The annotation for an inventory."""
    return " ".join(dict.fromkeys(f"{endpoint}={resource}" for endpoint, resource in entries))


def arn_beside(endpoint_arn: str, kind: str, name: str) -> str:
    """The ARN of a model or an endpoint-config of the same account and region."""
    return f"{endpoint_arn.rpartition(':')[0]}:{kind}/{name}"


def upstream(spec: RegistrationSpec) -> str:
    """Where the forwarder hands invocations to: the path with exactly one leading slash."""
    return f"https://{spec.load_balancer_host_name}/{spec.invocation_endpoint.lstrip('/')}"


def _model(spec: RegistrationSpec) -> Request:
    cluster, tls = spec.eks_cluster_details, spec.tls_config
    bucket = tls.tls_certificate_output_s3_bucket
    trust = " ".join(f"s3://{bucket}/{key}" for key in tls.tls_certificate_s3_keys if bucket)
    environment = {names.FORWARD_TO: upstream(spec)}
    environment |= {names.FORWARD_TRUST: trust} if trust else {}
    name = tls.tls_server_name_override
    environment |= {names.FORWARD_NAME: name} if name else {}
    groups = [*cluster.security_group_ids, cluster.cluster_security_group_id]
    return {
        "ExecutionRoleArn": spec.execution_role,
        "PrimaryContainer": {"Image": spec.image_uri, "Environment": environment},
        "VpcConfig": {
            "Subnets": [*cluster.subnet_ids],
            "SecurityGroupIds": [*dict.fromkeys(each for each in groups if each)],
        },
    }


def _configuration(spec: RegistrationSpec) -> Request:
    variant = {
        "VariantName": names.ENDPOINT_VARIANT,
        "InstanceType": spec.instance_type,
        "InitialInstanceCount": 1,
        "InitialVariantWeight": 1.0,
    }
    capture = spec.sage_maker_endpoint_data_capture_config
    if capture is None:
        return {"ProductionVariants": [variant]}
    asked: Request = {
        "EnableCapture": capture.enabled,
        "InitialSamplingPercentage": capture.initial_sampling_percentage,
        "DestinationS3Uri": capture.destination_s3_uri,
        "CaptureOptions": [{"CaptureMode": each.capture_mode} for each in capture.capture_options],
    }
    if capture.kms_key_id:
        asked["KmsKeyId"] = capture.kms_key_id
    if header := capture.capture_content_type_header:
        given = plain(header)
        asked["CaptureContentTypeHeader"] = {key[0].upper() + key[1:]: given[key] for key in given}
    return {"ProductionVariants": [variant], "DataCaptureConfig": asked}
