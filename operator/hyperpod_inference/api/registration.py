"""SageMakerEndpointRegistration: the SageMaker endpoint of a model. The operator makes it, people read it."""

from typing import Annotated, Literal

from pydantic import Field

from hyperpod_inference.api.base import Int64, Items, Time, Value
from hyperpod_inference.api.blocks import RoleArn, Tag
from hyperpod_inference.api.datacapture import CaptureOptions, ContentTypeHeader, KmsKey, Percentage
from hyperpod_inference.api.meta import Resource
from hyperpod_inference.api.statuses import Condition, ConfigArn, EndpointArn, ModelArn
from hyperpod_inference.api.versions import SINCE_V1


class EksClusterDetails(Value):
    """The cluster and its network."""

    arn: str
    """ARN of the cluster."""
    cluster_security_group_id: str
    """Security group that EKS made."""
    name: str
    """Name of the cluster."""
    security_group_ids: Items[str]
    """Security groups of SageMaker's interfaces."""
    subnet_ids: Items[str]
    """Subnets of SageMaker's interfaces."""
    vpc_id: str
    """VPC of the cluster."""


class EndpointDataCapture(Value):
    """SageMaker's data capture."""

    capture_content_type_header: ContentTypeHeader | None = None
    """Which content types are kept as text."""
    capture_options: CaptureOptions
    """What to keep."""
    destination_s3_uri: Annotated[str, Field(max_length=512, pattern=r"^s3://([^/]+)(/.*)?$")]
    """Where to keep it."""
    enabled: bool
    """Whether SageMaker captures."""
    initial_sampling_percentage: Percentage
    """Share of requests to keep."""
    kms_key_id: KmsKey | None = None
    """KMS key of the captured files."""


class RegistrationTls(Value):
    """Where SageMaker finds the certificate to trust."""

    tls_certificate_output_s3_bucket: str
    """Bucket of the certificate."""
    tls_certificate_s3_keys: Items[str]
    """Keys of the certificate."""
    tls_server_name_override: str | None = None
    """Name to expect in the certificate."""


class RegistrationSpec(Value):
    """The SageMaker endpoint to make."""

    eks_cluster_details: EksClusterDetails
    """The cluster and its network."""
    execution_role: RoleArn
    """Role of the SageMaker model."""
    image_uri: Annotated[str, Field(max_length=255)]
    """Image of the model server."""
    instance_type: str
    """Instance type of the model."""
    invocation_endpoint: str = "invocations"
    """Path of the model server, without a leading slash."""
    load_balancer_host_name: str
    """Host name of the load balancer."""
    name: Annotated[str, Field(max_length=63, pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")]
    """Name of the SageMaker endpoint."""
    rest_api_id: str
    """Id of the REST API that leads to the load balancer."""
    sage_maker_endpoint_data_capture_config: Annotated[EndpointDataCapture | None, SINCE_V1] = None
    """SageMaker's data capture."""
    tags: Items[Tag] | None = None
    """Tags of the SageMaker resources."""
    tls_config: RegistrationTls
    """Where SageMaker finds the certificate to trust."""


class RegisteredEndpoint(Value):
    """The SageMaker resources."""

    arn: EndpointArn
    """ARN of the endpoint."""
    config_arn: ConfigArn
    """ARN of the endpoint configuration."""
    last_modified_time: Time | None = None
    """When SageMaker last changed the endpoint."""
    model_arn: ModelArn
    """ARN of the model."""


class RegisteredLoadBalancer(Value):
    """The load balancer behind the endpoint."""

    host_name: str
    """Host name of the load balancer."""


class RegistrationStatus(Value):
    """What the operator observes of the SageMaker endpoint."""

    conditions: Items[Condition] | None = None
    """One condition for each step."""
    endpoint: RegisteredEndpoint | None = None
    """The SageMaker resources."""
    load_balancer: RegisteredLoadBalancer | None = None
    """The load balancer behind the endpoint."""
    observed_generation: Int64 | None = None
    """Generation of the spec that this status is about."""
    state: Literal[
        "CreationInProgress",
        "CreationFailed",
        "CreationCompleted",
        "DeletionInProgress",
        "DeletionFailed",
        "DeletionCompleted",
        "UpdateInProgress",
        "UpdateFailed",
        "UpdateCompleted",
    ]
    """Overall state."""


class SageMakerEndpointRegistration(Resource):
    """The SageMaker endpoint of a model. The operator makes it."""

    spec: RegistrationSpec
    """The SageMaker endpoint to make."""
