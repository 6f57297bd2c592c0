"""A JumpStartModel and its hub document as an endpoint, so that both kinds are rendered by the same code.

The endpoint keeps the model's own metadata and kind: its objects belong to the JumpStartModel. Pure, like all
of `render`; whoever calls it has asked the hub.
"""

from collections.abc import Iterator
from typing import Any, Final, cast

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import EndpointSpec, InferenceEndpointConfig
from hyperpod_inference.api.hub_endpoint import GatedModel, HubEndpoint
from hyperpod_inference.api.instance_types import INSTANCE_TYPES
from hyperpod_inference.api.jumpstart import JumpStartModel, JumpStartSpec
from hyperpod_inference.api.parse import InvalidResource, parse
from hyperpod_inference.api.problems import Problem
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render.hub_document import HubDocument, Serving

PORT: Final = 8080
"""Where every container of JumpStart answers SageMaker's `/ping` and `/invocations`."""
VOLUME: Final = "model-weights"
_PARTITION_PREFIX: Final = "nvidia.com/"
# Blocks that both kinds have under one name: the model's are the endpoint's.
_SHARED: Final = tuple(
    name for name in JumpStartSpec.model_fields if name in EndpointSpec.model_fields and name != "replicas"
)


def as_endpoint(
    model: JumpStartModel, document: HubDocument, settings: OperatorSettings
) -> InferenceEndpointConfig:
    """The endpoint that serves the model. Raises InvalidResource with everything that stands against it."""
    found = tuple(problems(model, document, settings))
    if found:
        raise InvalidResource(found)
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_ENDPOINT,
        "metadata": {"name": model.metadata.name, "namespace": model.metadata.namespace},
        "spec": _spec(model, document),
    }
    endpoint = cast(InferenceEndpointConfig, parse(body))
    shared = {name: getattr(model.spec, name) for name in _SHARED}
    return HubEndpoint.model_construct(
        api_version=endpoint.api_version,
        kind=model.kind,
        metadata=model.metadata,
        spec=endpoint.spec.model_copy(update=shared),
        execution_role=model.spec.server.execution_role or "",
        gated=_gated(model, document, settings),
    )


def _gated(model: JumpStartModel, document: HubDocument, settings: OperatorSettings) -> GatedModel | None:
    if not document.gated:
        return None
    source = model.spec.model
    return GatedModel(
        hub=source.model_hub_name,
        model_id=document.model_id,
        version=document.version,
        artifact=document.on(model.spec.server.instance_type).artifact,
        role=source.gated_model_download_role or settings.gated_model_download_role_arn,
    )


def problems(model: JumpStartModel, document: HubDocument, settings: OperatorSettings) -> Iterator[Problem]:
    """What stands against serving the model, each with what to do."""
    source = model.spec.model
    if document.eula and not source.accept_eula:
        fix = f"{document.model_id} has a licence: read {document.eula}, and set this when you accept it"
        yield Problem("spec.model.acceptEula", "false", "true", fix)
    if document.gated and not (source.gated_model_download_role or settings.gated_model_download_role_arn):
        fix = (
            f"{document.model_id} is gated: name a role that may sagemaker:CreateHubContentPresignedUrls,"
            f" and is trusted for the service account {names.GATED_MODEL_SERVICE_ACCOUNT}"
        )
        yield Problem("spec.model.gatedModelDownloadRole", None, "the ARN of a role", fix)
    if model.spec.server.accelerator_partition_type:
        yield from _partition_problems(model, document)
    elif model.spec.server.instance_type not in document.types:
        yield Problem(
            "spec.server.instanceType",
            model.spec.server.instance_type,
            "one of " + ", ".join(document.types),
            f"these are the types that the hub names for {document.model_id}; its default is"
            f" {document.default_type}",
        )


def _partition_problems(model: JumpStartModel, document: HubDocument) -> Iterator[Problem]:
    """Whether the model fits. Admission has seen that the type has such a partition; the hub's list of types
    knows whole accelerators only, so it is not asked.
    """
    server = model.spec.server
    checked = server.validations is None or server.validations.accelerator_partition_validation
    needed = document.on(server.instance_type).accelerators
    if checked and needed > 1:
        yield Problem(
            "spec.server.acceleratorPartitionType",
            server.accelerator_partition_type,
            "",
            f"{document.model_id} needs {needed} whole GPUs, and a partition is a part of one: remove it, or"
            " set spec.server.validations.acceleratorPartitionValidation to false to try it all the same",
        )


def _spec(model: JumpStartModel, document: HubDocument) -> dict[str, Any]:
    server = model.spec.server
    serving = document.on(server.instance_type)
    bucket, _, prefix = serving.artifact.removeprefix("s3://").partition("/")
    endpoint_name = model.spec.sage_maker_endpoint.name if model.spec.sage_maker_endpoint else ""
    return {
        "modelName": document.model_id,
        "modelVersion": document.version,
        "instanceType": server.instance_type,
        "replicas": model.spec.replicas,
        "invocationEndpoint": "invocations",
        **({"endpointName": endpoint_name} if endpoint_name else {}),
        "modelSourceConfig": {
            "modelSourceType": "s3",
            "modelLocation": prefix.rstrip("/"),
            "s3Storage": {"bucketName": bucket, "region": _region(bucket)},
        },
        "worker": {
            "image": serving.image,
            "modelInvocationPort": {"containerPort": PORT, "name": "http"},
            "modelVolumeMount": {"name": VOLUME, "mountPath": names.MODEL_MOUNT_PATH},
            "environmentVariables": _environment(model, serving),
            "resources": _resources(model, serving),
        },
    }


def _environment(model: JumpStartModel, serving: Serving) -> list[dict[str, str]]:
    """The hub's, under the model's additional settings, under the user's own variables."""
    spec = model.spec
    values = {
        **serving.environment,
        **{each.name: each.value for each in spec.model.additional_configs or ()},
        **{each.name: each.value for each in spec.environment_variables or ()},
    }
    return [{"name": name, "value": value} for name, value in values.items()]


def _resources(model: JumpStartModel, serving: Serving) -> dict[str, Any]:
    server = model.spec.server
    if server.accelerator_partition_type:
        device, count = _PARTITION_PREFIX + server.accelerator_partition_type, 1
    else:
        known = INSTANCE_TYPES.get(server.instance_type)
        device, count = (known and known.accelerator_resource) or names.RESOURCE_GPU, serving.accelerators
    devices = {device: str(count)} if count else {}
    memory = {"memory": f"{serving.memory}Mi"} if serving.memory else {}
    return {"requests": memory | devices, "limits": devices}


def _region(bucket: str) -> str:
    """The hub's buckets end with their region: jumpstart-cache-prod-us-west-2."""
    return "-".join(bucket.rsplit("-", 3)[-3:])
