"""SageMaker endpoints: UpdateEndpoint, which moto lacks, and DescribeEndpoint as clients can parse it.

moto keeps the models, configurations and endpoints. Its table of instance types stops in 2021: `lift_limits`
takes botocore's instead.
"""

from typing import Any, Final

from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import FakeEndpoint, FakeEndpointConfig, sagemaker_backends

from hyperpod_inference.local.aws.errors import AwsError
from hyperpod_inference.local.aws.replace import replace
from hyperpod_inference.local.aws.wire import Params, service_model
from hyperpod_inference.local.aws.world import World


def describe_endpoint(world: World, params: Params) -> Params:
    """moto's answer, without a data capture that was never asked for: clients fail on an empty one."""
    described = dict(_backend(world).describe_endpoint(_found(world, params)))
    if not described.get("DataCaptureConfig"):
        described.pop("DataCaptureConfig", None)
    else:
        described["DataCaptureConfig"] = _capture(described["DataCaptureConfig"])
    shape: Any = service_model("sagemaker").operation_model("DescribeEndpoint").output_shape
    return {key: value for key, value in described.items() if key in shape.members}


def update_endpoint(world: World, params: Params) -> Params:
    """Another configuration for an endpoint that exists; its name and ARN stay."""
    backend = _backend(world)
    endpoint: FakeEndpoint = backend.endpoints[_found(world, params)]
    name = params["EndpointConfigName"]
    if name not in backend.endpoint_configs:
        arn = world.arn("sagemaker", f"endpoint-config/{name}")
        raise AwsError("ValidationException", f'Could not find endpoint configuration "{arn}".')
    configuration = backend.describe_endpoint_config(name)
    if endpoint.endpoint_status != "InService":
        raise AwsError("ValidationException", f"Cannot update in-progress endpoint {endpoint.arn!r}.")
    endpoint.endpoint_config_name = name
    endpoint.production_variants = endpoint._process_production_variants(configuration["ProductionVariants"])
    endpoint.data_capture_config = configuration["DataCaptureConfig"]
    endpoint.last_modified_time = world.clock()
    return {"EndpointArn": endpoint.arn}


def lift_limits() -> None:
    """Let endpoint configurations name every instance type of botocore's model, and variants without one."""
    replace(FakeEndpointConfig, {"validate_instance_type": _validate_instance_type})
    replace(FakeEndpointConfig, {"validate_production_variants": _validate_variants})


def _validate_instance_type(_self: Any, instance_type: str) -> None:
    shape: Any = service_model("sagemaker").shape_for("ProductionVariantInstanceType")
    known = shape.enum
    if instance_type not in known:
        message = f"Value '{instance_type}' at 'instanceType' is not in the enum value set: {known}"
        raise ValidationError(message=message)


def _validate_variants(self: Any, variants: list[dict[str, Any]]) -> None:
    for variant in variants:
        if "InstanceType" in variant:
            self.validate_instance_type(variant["InstanceType"])


def _capture(configured: dict[str, Any]) -> dict[str, Any]:
    enabled = configured.get("EnableCapture", False)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": configured["InitialSamplingPercentage"],
        "DestinationS3Uri": configured["DestinationS3Uri"],
        "KmsKeyId": configured.get("KmsKeyId", ""),
    }


def _backend(world: World) -> Any:
    return sagemaker_backends[world.account][world.region]


def _found(world: World, params: Params) -> str:
    name: str = params["EndpointName"]
    if name not in _backend(world).endpoints:
        arn = world.arn("sagemaker", f"endpoint/{name}")
        raise AwsError("ValidationException", f'Could not find endpoint "{arn}".')
    return name


OPERATIONS: Final = {"DescribeEndpoint": describe_endpoint, "UpdateEndpoint": update_endpoint}
