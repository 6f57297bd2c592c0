"""Which part of a release an object belongs to: the operator itself, or a chart that it brought along.

Helm writes above each manifest the template that it came from. The operator's chart carries the charts of
two controllers, which the add-on has inside too, and of drivers, cert-manager and a metrics server, which
are add-ons of their own. Under the parent chart all else is somebody else's business. Pure.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from hyperpod_inference.migration.helm import Release

CHARTS = ("hyperpod-inference-operator", "inference-operator")
PARENT_CHARTS = ("hyperpod-helm-chart", "HyperPodHelmChart")
"""The chart's name, and that of its folder, by which some installations renamed it."""
OWN_CHART = "hyperpod-inference"
"""The chart of this project's own operator."""


class Part(StrEnum):
    """A part of a release."""

    OPERATOR = "the operator"
    ALB = "the load balancer controller"
    KEDA = "KEDA"
    S3 = "aws-mountpoint-s3-csi-driver"
    FSX = "aws-fsx-csi-driver"
    CERT_MANAGER = "cert-manager"
    METRICS = "metrics-server"
    OTHER = "something else"


REPLACED = (Part.OPERATOR, Part.ALB, Part.KEDA)
"""What the inference add-on brings itself; in the order in which the old ones stop."""
# Helm names a chart's folder by its alias, where it has one.
_SUBCHARTS: Mapping[str, Part] = {
    "alb": Part.ALB,
    "aws-load-balancer-controller": Part.ALB,
    "keda": Part.KEDA,
    "s3": Part.S3,
    "aws-mountpoint-s3-csi-driver": Part.S3,
    "fsx": Part.FSX,
    "aws-fsx-csi-driver": Part.FSX,
    "cert-manager": Part.CERT_MANAGER,
    "metrics": Part.METRICS,
    "metrics-server": Part.METRICS,
}


def parts(release: Release) -> dict[Part, list[dict[str, str]]]:
    """References to the objects of a release, by part; a namespace that is not written is the release's."""
    found: dict[Part, list[dict[str, str]]] = {}
    for source, body in release.sourced():
        found.setdefault(_part(source, release.chart), []).append(reference(body, release.namespace))
    return found


def is_parent(release: Release) -> bool:
    """Whether the release installed more than the operator."""
    return release.chart in PARENT_CHARTS


def own_source(release: Release) -> str:
    """Under the parent chart: the folder whose templates are the operator's, as manifests name it."""
    named = (f"{release.chart}/charts/{chart}/" for chart in CHARTS)
    return next((each for each in named if each in release.manifest), f"{release.chart}/charts/{CHARTS[0]}/")


def reference(body: Mapping[str, Any], namespace: str) -> dict[str, str]:
    """apiVersion, kind, namespace and name of an object."""
    return {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "namespace": body["metadata"].get("namespace") or namespace,
        "name": body["metadata"]["name"],
    }


def _part(source: str, chart: str) -> Part:
    folders = source.split("/charts/")[1:]
    if chart in PARENT_CHARTS:
        if not folders or folders[0].split("/")[0] not in CHARTS:
            return Part.OTHER
        folders = folders[1:]
    if not folders:
        return Part.OPERATOR
    return _SUBCHARTS.get(folders[0].split("/")[0], Part.OTHER)
