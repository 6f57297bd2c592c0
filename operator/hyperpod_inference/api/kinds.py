"""The kinds of the group: their models, names, versions, and what `kubectl get` shows of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.base import Value
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.gateway import GatewayStatus, InferenceGatewayConfig
from hyperpod_inference.api.jumpstart import JumpStartModel
from hyperpod_inference.api.meta import Resource
from hyperpod_inference.api.registration import RegistrationStatus, SageMakerEndpointRegistration
from hyperpod_inference.api.statuses import EndpointStatus

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; a wide one shows with `-o wide` only."""

    name: str
    path: str
    description: str
    type: str = "string"
    wide: bool = False


@dataclass(frozen=True, slots=True)
class OlderVersion:
    """A version before the storage version; `adapt` changes what leaving out newer fields does not."""

    name: str
    adapt: Callable[[Schema], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Kind:
    """One custom resource."""

    kind: str
    plural: str
    short_name: str
    version: str
    model: type[Resource]
    status: type[Value]
    columns: tuple[Column, ...]
    older: OlderVersion | None = None
    scales: bool = False

    @property
    def api_version(self) -> str:
        """group/version of the storage version."""
        return f"{names.GROUP}/{self.version}"


def _endpoint_as_v1alpha1(schema: Schema) -> None:
    spec = schema["properties"]["spec"]
    spec["required"] = sorted([*spec["required"], "instanceType"])
    source = spec["properties"]["modelSourceConfig"]["properties"]["modelSourceType"]
    source["enum"] = ["fsx", "s3"]


_STATE = Column("State", ".status.state", "Overall state.")
_READY = Column("Ready", ".status.deploymentStatus.status.readyReplicas", "Pods that are ready.", "integer")
_DESIRED = Column("Desired", ".spec.replicas", "Pods asked for.", "integer")
_AGE = Column("Age", ".metadata.creationTimestamp", "Time since creation.", "date")
# A union: a column shows what is there, and only one of the two may be.
_ONE_OR_MANY_TYPES = ".spec['instanceType','instanceTypes']"
_SOURCE = Column("Source", ".spec.modelSourceConfig.modelSourceType", "Kind of model source.", wide=True)
_READY_CONDITION = '.status.conditions[?(@.type=="Ready")]'
_MESSAGE = Column("Message", f"{_READY_CONDITION}.message", "What is the case, and the next step.", wide=True)

KINDS: tuple[Kind, ...] = (
    Kind(
        kind=names.KIND_ENDPOINT,
        plural="inferenceendpointconfigs",
        short_name="iec",
        version="v1",
        model=InferenceEndpointConfig,
        status=EndpointStatus,
        columns=(
            _STATE,
            _READY,
            _DESIRED,
            Column("Instance-Types", _ONE_OR_MANY_TYPES, "Instance types by preference."),
            Column("Endpoint", ".spec.endpointName", "Name of the SageMaker endpoint."),
            _AGE,
            _SOURCE,
            _MESSAGE,
        ),
        older=OlderVersion("v1alpha1", _endpoint_as_v1alpha1),
        scales=True,
    ),
    Kind(
        kind=names.KIND_JUMPSTART,
        plural="jumpstartmodels",
        short_name="jsm",
        version="v1",
        model=JumpStartModel,
        status=EndpointStatus,
        columns=(
            _STATE,
            _READY,
            _DESIRED,
            Column("Instance-Types", ".spec.server.instanceType", "Instance type."),
            Column("Endpoint", ".spec.sageMakerEndpoint.name", "Name of the SageMaker endpoint."),
            _AGE,
            Column("Model", ".spec.model.modelId", "Id of the model in the hub.", wide=True),
            _MESSAGE,
        ),
        older=OlderVersion("v1alpha1"),
        scales=True,
    ),
    Kind(
        kind=names.KIND_REGISTRATION,
        plural="sagemakerendpointregistrations",
        short_name="smer",
        version="v1",
        model=SageMakerEndpointRegistration,
        status=RegistrationStatus,
        columns=(
            _STATE,
            Column("Endpoint", ".spec.name", "Name of the SageMaker endpoint."),
            _AGE,
            Column(
                "Load-Balancer", ".spec.loadBalancerHostName", "Host name of the load balancer.", wide=True
            ),
        ),
        older=OlderVersion("v1alpha1"),
    ),
    Kind(
        kind=names.KIND_GATEWAY,
        plural="inferencegatewayconfigs",
        short_name="igwc",
        version="v1alpha1",
        model=InferenceGatewayConfig,
        status=GatewayStatus,
        columns=(
            Column("Ready", f"{_READY_CONDITION}.status", "Whether the gateway serves."),
            _AGE,
            _MESSAGE,
        ),
    ),
)
