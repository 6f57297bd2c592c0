"""What a newer operator leaves alone: a model takes minutes to load, so no pod restarts for its sake."""

from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.kube.apply import covers
from hyperpod_inference.kube.resources import DEPLOYMENTS, Body

OWN_CONTAINERS = frozenset(
    {
        names.SIDECAR_CONTAINER,
        names.OTEL_CONTAINER,
        names.UPLOADER_CONTAINER,
        names.PREFETCH_CONTAINER,
        names.GATED_CONTAINER,
    }
)
"""Containers that the operator adds to a model's pods; their images change with its version."""


def with_running_images(manifest: Body, live: Body | None) -> Body:
    """The manifest, with the live images of the operator's containers where nothing else would change.

    They are replaced with the next change of the endpoint, when its pods restart anyway.
    """
    if live is None or manifest["kind"] != DEPLOYMENTS.kind:
        return manifest
    template, running = manifest["spec"]["template"], live["spec"]["template"]
    images = {each["name"]: each["image"] for each in _containers(running) if each["name"] in OWN_CONTAINERS}
    kept = template | {"spec": template["spec"] | _with_images(template["spec"], images)}
    if kept == template or not covers(running, kept):
        return manifest
    return manifest | {"spec": manifest["spec"] | {"template": kept}}


def _containers(template: Body) -> list[Body]:
    spec = template["spec"]
    return [*(spec.get("initContainers") or ()), *spec["containers"]]


def _with_images(spec: Body, images: dict[str, str]) -> Body:
    lists: dict[str, Any] = {key: spec[key] for key in ("initContainers", "containers") if key in spec}
    return {
        key: [each | {"image": images.get(each["name"], each["image"])} for each in containers]
        for key, containers in lists.items()
    }
