"""Prefill and decode on pods of their own (`spec.pdSpec`): a Deployment and a Service for each role.

A role's pods are the model's, with the role's arguments, resources and nodes, and with LMCache told to push
the KV cache from the one to the other. `router` sends requests to both; the endpoint's own Service leads to
the decode pods, which can answer alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hyperpod_inference.api import names
from hyperpod_inference.api.autoscaling import AutoScalingSpec
from hyperpod_inference.api.disaggregation import PDRole, PDSpec, PDTopology
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import lmcache_pd
from hyperpod_inference.render.additions import extended
from hyperpod_inference.render.arguments import overridden
from hyperpod_inference.render.container import resources
from hyperpod_inference.render.fabric import with_fabric
from hyperpod_inference.render.facts import Facts
from hyperpod_inference.render.identity import OBJECT_NAME_LIMIT, Manifest, bounded, namespaced, selector
from hyperpod_inference.render.model_source import ModelSource
from hyperpod_inference.render.plain import plain
from hyperpod_inference.render.scaling import scaler_of
from hyperpod_inference.render.sidecars import with_sidecars
from hyperpod_inference.render.workload import deployment, pod_template


@dataclass(frozen=True, kw_only=True)
class Role:
    """One of the two: its name in labels and objects, and what the spec says of it."""

    name: str
    spec: PDRole
    scaling: AutoScalingSpec | None


def roles(pd: PDSpec) -> tuple[Role, Role]:
    """Prefill, then decode."""
    scaling = pd.auto_scaling_spec
    return (
        Role(
            name=names.PREFILL,
            spec=pd.prefill_spec,
            scaling=scaling.prefill_auto_scaling if scaling else None,
        ),
        Role(
            name=names.DECODE,
            spec=pd.decoding_spec,
            scaling=scaling.decoding_auto_scaling if scaling else None,
        ),
    )


def role_name(endpoint: InferenceEndpointConfig, role: str) -> str:
    """The Deployment of a role, and its model container."""
    return bounded(names.disaggregated_name(role, endpoint.metadata.name), OBJECT_NAME_LIMIT)


def disaggregated(
    endpoint: InferenceEndpointConfig, settings: OperatorSettings, source: ModelSource, facts: Facts
) -> tuple[Manifest, ...]:
    """The two Deployments; none without pdSpec."""
    pd = endpoint.spec.pd_spec
    return tuple(_deployment(endpoint, role, settings, source, facts) for role in roles(pd)) if pd else ()


def role_scalers(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> tuple[Manifest, ...]:
    """The ScaledObjects of the roles that have a trigger; `spec.autoScalingSpec` counts for none."""
    return tuple(_scalers(endpoint, settings))


def _scalers(endpoint: InferenceEndpointConfig, settings: OperatorSettings) -> Iterator[Manifest]:
    for role in roles(endpoint.spec.pd_spec) if endpoint.spec.pd_spec else ():
        name = role_name(endpoint, role.name)
        metadata = namespaced(endpoint, names.scaled_object_name(name))
        yield from scaler_of(name, role.scaling, metadata, settings.region)


def _deployment(
    endpoint: InferenceEndpointConfig,
    role: Role,
    settings: OperatorSettings,
    source: ModelSource,
    facts: Facts,
) -> Manifest:
    """The model's Deployment, changed where the role differs."""
    own, name = _as(endpoint, role), role_name(endpoint, role.name)
    made = deployment(own, settings, source, facts)
    label = {names.LABEL_DPD_ROLE: role.name}
    template = _template(own, role, name, pod_template(own, source))
    kept = {key: value for key, value in made["spec"].items() if key != "replicas"}
    return made | {
        "metadata": made["metadata"] | {"name": name, "labels": made["metadata"]["labels"] | label},
        "spec": kept
        | facts.replicas(endpoint.metadata.namespace, name, role.spec.replicas)
        | {
            "selector": {"matchLabels": selector(endpoint) | label},
            "template": with_sidecars(template, own, settings, name),
        },
    }


def _template(own: InferenceEndpointConfig, role: Role, name: str, made: Manifest) -> Manifest:
    """The pods of a role, without what stands beside the model."""
    metadata, spec = made["metadata"], made["spec"]
    (model,) = spec["containers"]
    model = extended(model, lmcache_pd.additions(own.spec.worker, role.name, model)) | {"name": name}
    annotations = {"kubectl.kubernetes.io/default-container": name}
    return {
        "metadata": {
            "labels": metadata["labels"] | {names.LABEL_DPD_ROLE: role.name},
            "annotations": metadata["annotations"] | annotations,
        },
        "spec": spec | {"containers": [model]} | _placed(own, role, spec),
    }


def _as(endpoint: InferenceEndpointConfig, role: Role) -> InferenceEndpointConfig:
    """The endpoint as if it had this role alone. The KV cache is the one that LMCache moves."""
    worker = endpoint.spec.worker
    asked = resources(plain(role.spec.resources or worker.resources))
    changes = {
        "args": overridden(worker.args or (), role.spec.args or ()),
        "resources": type(worker.resources).model_validate(with_fabric(endpoint.spec, asked)),
    }
    spec = {"worker": worker.model_copy(update=changes), "kv_cache_spec": None}
    return endpoint.model_copy(update={"spec": endpoint.spec.model_copy(update=spec)})


def _placed(endpoint: InferenceEndpointConfig, role: Role, pod: Manifest) -> Manifest:
    """The role's nodes, and how close all pods of both roles must be: the KV cache goes from node to node."""
    topology = (endpoint.spec.pd_spec.topology_spec if endpoint.spec.pd_spec else None) or PDTopology()
    nodes = dict(role.spec.node_selector or {})
    if topology.availability_zone:
        nodes[names.NODE_ZONE] = topology.availability_zone
    if topology.placement_group:
        nodes[names.NODE_PLACEMENT_GROUP] = topology.placement_group
    made: Manifest = {"nodeSelector": nodes} if nodes else {}
    if topology.same_az:
        # A pod that is the first of its kind may go anywhere, and all others follow it.
        near = {"topologyKey": names.NODE_ZONE, "labelSelector": {"matchLabels": selector(endpoint)}}
        near_all = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [near]}}
        made["affinity"] = pod.get("affinity", {}) | near_all
    return made
