"""The labels of an endpoint's metrics, and how the containers beside the model get to know them.

What is the same for every replica is written out; what only the pod knows comes by the downward API.
"""

from collections.abc import Mapping

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render.identity import Manifest
from hyperpod_inference.render.placement import PARTITION_PREFIX, distinct
from hyperpod_inference.render.plain import plain

OF_THE_POD = {"pod_name": "metadata.name", "node_name": "spec.nodeName"}
# Words of AWS's dashboards for the servers whose metrics they know; "-" stands for all others.
_SERVERS = {"tgi": "TGI", "text-generation-inference": "TGI", "djl": "LMI", "lmi": "LMI"}
UNKNOWN_SERVER = "-"


def model_labels(
    endpoint: InferenceEndpointConfig, settings: OperatorSettings, resource_name: str
) -> dict[str, str]:
    """The labels that are the same in every pod; '' for what is not known.

    `resource_name` is the endpoint's, or that of one Deployment of several.
    """
    spec = endpoint.spec
    types = distinct(spec.instance_types or ()) or ((spec.instance_type,) if spec.instance_type else ())
    return {
        "cluster_id": settings.hyperpod_cluster_arn.rpartition("/")[2],
        "cluster_name": settings.eks_cluster_name,
        "resource_name": resource_name,
        "resource_type": names.RESOURCE_TYPE_JUMPSTART
        if endpoint.kind == names.KIND_JUMPSTART
        else names.RESOURCE_TYPE_ENDPOINT,
        "namespace": endpoint.metadata.namespace,
        "model_name": spec.model_name,
        "model_version": spec.model_version or "",
        "model_container_type": container_type(spec.worker.image),
        "model_container_image": spec.worker.image,
        "accelerator_partition_type": _partition(plain(spec.worker.resources)),
        # Which of several types a replica got is known only after it was placed.
        "instance_type": types[0] if len(types) == 1 else "",
        "task_type": names.TASK_TYPE,
    }


def environment(labels: Mapping[str, str]) -> list[Manifest]:
    """The labels as variables, those of the pod with them, and the address to listen on."""
    fields = {names.model_label_variable(label): path for label, path in OF_THE_POD.items()}
    fields["POD_IP"] = "status.podIP"
    return [
        *({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()),
        *(
            {"name": names.model_label_variable(label), "value": value}
            for label, value in labels.items()
            if value
        ),
    ]


def container_type(image: str) -> str:
    """TGI, LMI or '-', by the image's name; the tag and the registry say nothing about it."""
    name = image.rpartition("/")[2].partition(":")[0].lower()
    path = image.lower()
    words = name.replace("_", "-").split("-")
    known = (kind for word, kind in _SERVERS.items() if word in words or ("-" in word and word in path))
    return next(known, UNKNOWN_SERVER)


def _partition(resources: Mapping[str, Mapping[str, object]]) -> str:
    """`mig-1g.5gb` of a model that runs on a part of a GPU."""
    asked = [name for side in ("limits", "requests") for name in resources.get(side) or {}]
    return next((each.partition("/")[2] for each in asked if each.startswith(PARTITION_PREFIX)), "")
