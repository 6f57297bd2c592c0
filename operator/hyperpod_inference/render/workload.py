"""The Deployment of an endpoint: its pods, and how a new version of them replaces the old one."""

from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.pod_rules import SHM_VOLUME
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render.additions import Additions, extended
from hyperpod_inference.render.container import DRAIN_SECONDS, model_container
from hyperpod_inference.render.facts import Facts
from hyperpod_inference.render.gated import with_download
from hyperpod_inference.render.identity import (
    Manifest,
    carried_labels,
    labels,
    namespaced,
    selector,
    without_empty,
)
from hyperpod_inference.render.kv_cache import kv_cache
from hyperpod_inference.render.kv_events import kv_events
from hyperpod_inference.render.model_cache import cached, node_labels, preferring_warm_nodes
from hyperpod_inference.render.model_source import ModelSource
from hyperpod_inference.render.placement import placement
from hyperpod_inference.render.plain import plain
from hyperpod_inference.render.prefetch import prefetched
from hyperpod_inference.render.sidecars import with_sidecars

# After the drain, a long generation may still finish: streams of more than a minute are common.
GRACE_SECONDS = DRAIN_SECONDS + 105


def deployment(
    endpoint: InferenceEndpointConfig, settings: OperatorSettings, source: ModelSource, facts: Facts
) -> Manifest:
    """The Deployment that runs the model; `spec.replicas` is left out while a scaler owns it."""
    name = names.deployment_name(endpoint.metadata.name)
    metadata = namespaced(endpoint, name) | {"labels": labels(endpoint) | carried_labels(endpoint)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata | without_empty({"annotations": _served_version(endpoint)}),
        "spec": {
            **facts.replicas(endpoint.metadata.namespace, name, endpoint.spec.replicas),
            "selector": {"matchLabels": selector(endpoint)},
            # A pod is removed only when its successor serves: an update of a broken image costs no capacity.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            # Kubernetes' default of ten minutes is less than a large model takes to load.
            "progressDeadlineSeconds": endpoint.spec.max_deploy_time_in_seconds,
            "template": with_download(
                with_sidecars(pod_template(endpoint, source), endpoint, settings), endpoint, settings
            ),
        },
    }


def _served_version(endpoint: InferenceEndpointConfig) -> dict[str, str]:
    """Which version of a hub's model this is: it stays until the spec names another one."""
    if endpoint.kind != names.KIND_JUMPSTART:
        return {}
    return {names.ANNOTATION_HUB_MODEL: f"{endpoint.spec.model_name}/{endpoint.spec.model_version}"}


def pod_template(endpoint: InferenceEndpointConfig, source: ModelSource) -> Manifest:
    """What every replica is made of, without what is added beside the model."""
    worker_source, preparers, more_mounts = _as_the_worker_sees_it(endpoint, source)
    cache = kv_cache(endpoint)
    container = extended(model_container(endpoint, worker_source.mount), cache)
    container = extended(container, kv_events(endpoint, container))
    container = extended(container, Additions(mounts=more_mounts))
    scheduling = placement(endpoint.spec, selector(endpoint), container.get("resources", {}))
    pod_labels = labels(endpoint) | carried_labels(endpoint)
    return {
        "metadata": {
            "labels": pod_labels,
            "annotations": {"kubectl.kubernetes.io/default-container": container["name"]} | cache.annotations,
        },
        "spec": {
            **without_empty({"initContainers": [*preparers, *_user_init_containers(endpoint)]}),
            "containers": [container],
            "volumes": [
                *worker_source.volumes,
                {"name": SHM_VOLUME, "emptyDir": {"medium": "Memory"}},
                *cache.volumes,
            ],
            **preferring_warm_nodes(scheduling, endpoint.spec, node_labels(endpoint, source)),
            **_identity(endpoint),
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            # Service variables (VLLM_PORT=tcp://…) are read as settings by model servers.
            "enableServiceLinks": False,
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        },
    }


def _as_the_worker_sees_it(
    endpoint: InferenceEndpointConfig, source: ModelSource
) -> tuple[ModelSource, tuple[Manifest, ...], tuple[Manifest, ...]]:
    """The source behind prefetch or the node's copy, what prepares it, and mounts that it needs besides."""
    if endpoint.spec.model_source_config.prefetch_enabled:
        return (*prefetched(endpoint, source), ())
    return cached(endpoint, source)


def _user_init_containers(endpoint: InferenceEndpointConfig) -> list[Any]:
    """The user's own init containers: they run after the prefetch, whose copy they may complete."""
    kubernetes = endpoint.spec.kubernetes
    return plain(kubernetes.init_containers or ()) if kubernetes else []


def _identity(endpoint: InferenceEndpointConfig) -> Manifest:
    """The user's service account; otherwise none whose token a model server could leak."""
    kubernetes = endpoint.spec.kubernetes
    account = kubernetes.service_account_name if kubernetes else None
    return {"serviceAccountName": account} if account else {"automountServiceAccountToken": False}
