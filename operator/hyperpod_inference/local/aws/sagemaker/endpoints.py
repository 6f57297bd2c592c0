"""SageMaker's models, endpoint configurations and endpoints, as far as moto has them otherwise.

moto keeps them. Here an endpoint takes its time to be created, updated and deleted, fails on demand, and can
be updated; a name is taken once; a configuration names a model that exists; DescribeEndpoint answers what
clients can parse. moto's table of instance types stops in 2021: `lift_limits` takes botocore's instead.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import (
    FakeEndpoint,
    FakeEndpointConfig,
    SageMakerModelBackend,
    sagemaker_backends,
)

from hyperpod_inference.local.aws.errors import AwsError
from hyperpod_inference.local.aws.replace import replace
from hyperpod_inference.local.aws.wire import Params, service_model
from hyperpod_inference.local.aws.world import World

CREATING, UPDATING, DELETING = "Creating", "Updating", "Deleting"


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to an endpoint until `due`. configuration: the one that it gets. failure: how it ends."""

    status: str
    due: datetime
    configuration: str = ""
    failure: str = ""


def create_model(world: World, params: Params) -> Params:
    """A model, under a name that is not taken."""
    backend = _backend(world)
    _refuse_taken(world, "model", params["ModelName"], backend._models)
    model = backend.create_model(
        model_name=params["ModelName"],
        execution_role_arn=params.get("ExecutionRoleArn"),
        primary_container=params.get("PrimaryContainer"),
        vpc_config=params.get("VpcConfig"),
        containers=params.get("Containers"),
        tags=params.get("Tags"),
    )
    return {"ModelArn": model.arn}


def create_endpoint_config(world: World, params: Params) -> Params:
    """A configuration, under a name that is not taken, of models that exist."""
    backend = _backend(world)
    name, variants = params["EndpointConfigName"], params["ProductionVariants"]
    _refuse_taken(world, "endpoint-config", name, backend.endpoint_configs)
    for model in [each["ModelName"] for each in variants if "ModelName" in each]:
        if model not in backend._models:
            raise AwsError(
                "ValidationException", f'Could not find model "{world.arn("sagemaker", f"model/{model}")}".'
            )
    made = backend.create_endpoint_config(
        endpoint_config_name=name,
        production_variants=variants,
        data_capture_config=params.get("DataCaptureConfig"),
        async_inference_config=params.get("AsyncInferenceConfig"),
        tags=params.get("Tags"),
        kms_key_id=params.get("KmsKeyId"),
    )
    return {"EndpointConfigArn": made.endpoint_config_arn}


def create_endpoint(world: World, params: Params) -> Params:
    """An endpoint, under a name that is not taken; it is in service after a while."""
    settle(world)
    backend, name = _backend(world), params["EndpointName"]
    _refuse_taken(world, "endpoint", name, backend.endpoints)
    configuration = _configuration(world, params["EndpointConfigName"])
    made = backend.create_endpoint(
        endpoint_name=name, endpoint_config_name=configuration, tags=params.get("Tags")
    )
    _begin(world, name, CREATING, configuration)
    return {"EndpointArn": made.arn}


def describe_endpoint(world: World, params: Params) -> Params:
    """moto's answer, without a data capture that was never asked for: clients fail on an empty one."""
    settle(world)
    described = dict(_backend(world).describe_endpoint(_found(world, params)))
    if not described.get("DataCaptureConfig"):
        described.pop("DataCaptureConfig", None)
    else:
        described["DataCaptureConfig"] = _capture(described["DataCaptureConfig"])
    shape: Any = service_model("sagemaker").operation_model("DescribeEndpoint").output_shape
    return {key: value for key, value in described.items() if key in shape.members}


def update_endpoint(world: World, params: Params) -> Params:
    """Another configuration for an endpoint that exists; its name and ARN stay, and it serves meanwhile."""
    settle(world)
    endpoint: FakeEndpoint = _backend(world).endpoints[_found(world, params)]
    configuration = _configuration(world, params["EndpointConfigName"])
    if endpoint.endpoint_status != "InService":
        raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{endpoint.arn}".')
    _begin(world, endpoint.endpoint_name, UPDATING, configuration)
    return {"EndpointArn": endpoint.arn}


def delete_endpoint(world: World, params: Params) -> Params:
    """The endpoint is gone after a while."""
    settle(world)
    _begin(world, _found(world, params), DELETING)
    return {}


def settle(world: World) -> None:
    """Let what is due happen."""
    backend, now = _backend(world), world.clock()
    for name, change in [*world.endpoint_changes.items()]:
        if now >= change.due:
            del world.endpoint_changes[name]
            if name in backend.endpoints:
                _done(world, backend.endpoints[name], change)


def _begin(world: World, name: str, status: str, configuration: str = "") -> None:
    endpoint = _backend(world).endpoints[name]
    endpoint.endpoint_status, endpoint.last_modified_time = status, world.clock()
    failure = world.endpoint_failures.pop(name, "") if status != DELETING else ""
    world.endpoint_changes[name] = Change(status, world.due(), configuration, failure)
    settle(world)


def _done(world: World, endpoint: FakeEndpoint, change: Change) -> None:
    if change.status == DELETING:
        del _backend(world).endpoints[endpoint.endpoint_name]
        return
    endpoint.last_modified_time = world.clock()
    endpoint.failure_reason = change.failure or None  # type: ignore[assignment]
    if change.failure:  # a failed update is rolled back
        endpoint.endpoint_status = "Failed" if change.status == CREATING else "InService"
        return
    configuration = _backend(world).describe_endpoint_config(change.configuration)
    endpoint.endpoint_status = "InService"
    endpoint.endpoint_config_name = change.configuration
    endpoint.production_variants = endpoint._process_production_variants(configuration["ProductionVariants"])
    endpoint.data_capture_config = configuration["DataCaptureConfig"]


def lift_limits() -> None:
    """Let endpoint configurations name every instance type of botocore's model, and variants without one."""
    replace(FakeEndpointConfig, {"validate_instance_type": _validate_instance_type})
    replace(FakeEndpointConfig, {"validate_production_variants": _validate_variants})
    replace(SageMakerModelBackend, {"add_tags": _add_tags})


def _add_tags(self: Any, arn: str, tags: list[dict[str, str]]) -> list[dict[str, str]]:
    """moto keeps two of one key."""
    resource = self._get_resource_from_arn(arn)
    kept = {each["Key"]: each["Value"] for each in (*resource.tags, *tags)}
    resource.tags = [{"Key": key, "Value": value} for key, value in kept.items()]
    return list(resource.tags)


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


def _configuration(world: World, name: str) -> str:
    if name not in _backend(world).endpoint_configs:
        arn = world.arn("sagemaker", f"endpoint-config/{name}")
        raise AwsError("ValidationException", f'Could not find endpoint configuration "{arn}".')
    return name


def _refuse_taken(world: World, kind: str, name: str, known: Any) -> None:
    if name in known:
        arn = world.arn("sagemaker", f"{kind}/{name}")
        raise AwsError("ValidationException", f'Cannot create already existing {kind} "{arn}".')


OPERATIONS: Final = {
    "CreateModel": create_model,
    "CreateEndpointConfig": create_endpoint_config,
    "CreateEndpoint": create_endpoint,
    "DescribeEndpoint": describe_endpoint,
    "UpdateEndpoint": update_endpoint,
    "DeleteEndpoint": delete_endpoint,
}
