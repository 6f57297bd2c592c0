"""What the operator keeps of objects that others write, many and large: the keys that a verdict is read from.

The client skips the rest while it reads, so that it costs neither time nor memory. Values are not checked
further: the API server has typed them.
"""

from typing import Any, Required, TypedDict


class Metadata(TypedDict, total=False):
    """Of any of them."""

    name: str
    namespace: str
    uid: str
    resourceVersion: str
    labels: dict[str, str]
    annotations: dict[str, str]
    creationTimestamp: str
    deletionTimestamp: str


class Container(TypedDict, total=False):
    """What it asks for, and whether it is a sidecar."""

    name: str
    resources: dict[str, Any]
    restartPolicy: str


class Volume(TypedDict, total=False):
    """A claim; of any other volume, nothing."""

    persistentVolumeClaim: dict[str, Any]


class PodSpec(TypedDict, total=False):
    """Where it runs, and on what: most of the rest is the Deployment's template once more."""

    nodeName: str
    schedulerName: str
    volumes: list[Volume]
    initContainers: list[Container]
    containers: list[Container]


class Pod(TypedDict, total=False):
    """A pod of an endpoint."""

    metadata: Required[Metadata]
    spec: Required[PodSpec]
    status: dict[str, Any]


class Event(TypedDict, total=False):
    """A warning about a pod."""

    metadata: Required[Metadata]
    involvedObject: Required[dict[str, Any]]
    reason: str
    message: str
    lastTimestamp: str | None


class ScalerSpec(TypedDict, total=False):
    """What it scales."""

    scaleTargetRef: Required[dict[str, Any]]


class Scaler(TypedDict, total=False):
    """A HorizontalPodAutoscaler."""

    metadata: Required[Metadata]
    spec: Required[ScalerSpec]


class NodeMetadata(TypedDict, total=False):
    """The labels say its instance type, and what it holds ahead of time."""

    name: str
    uid: str
    resourceVersion: str
    labels: dict[str, str]


class Node(TypedDict, total=False):
    """A node, of which the server sends its metadata alone."""

    metadata: Required[NodeMetadata]
