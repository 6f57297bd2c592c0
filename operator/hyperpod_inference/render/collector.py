"""The metrics collector beside the model: one place in every pod where all of its metrics are read.

It reads the proxy's metrics and the model server's, puts the labels of the endpoint on the latter, and offers
both on one port. Its configuration is an annotation of the pod, shown to it as a file: a pod always runs with
the configuration of its own version, and the operator needs no rights on ConfigMaps.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import yaml

from hyperpod_inference.api import names
from hyperpod_inference.api.beside import model_metrics, proxied
from hyperpod_inference.api.blocks import Metrics
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render.container import RESTRICTED
from hyperpod_inference.render.identity import Manifest
from hyperpod_inference.render.model_labels import OF_THE_POD
from hyperpod_inference.render.plain import plain

CONFIG_PATH = "/etc/otel-collector"
CONFIG_FILE = "config.yaml"
RESOURCES: Mapping[str, Any] = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"memory": "256Mi"},
}
GO_MEMORY = {"name": "GOMEMLIMIT", "value": "200MiB"}  # its garbage collector works harder before the limit


def container(endpoint: InferenceEndpointConfig, settings: OperatorSettings, env: list[Manifest]) -> Manifest:
    """The collector; `env` holds the labels and the pod's address."""
    return {
        "name": names.OTEL_CONTAINER,
        "image": settings.collector_image,
        "args": [f"--config={CONFIG_PATH}/{CONFIG_FILE}"],
        "env": [*env, GO_MEMORY],
        "ports": [
            {
                "name": names.COLLECTOR_PORT_NAME,
                "containerPort": names.COLLECTOR_METRICS_PORT,
                "protocol": "TCP",
            }
        ],
        "volumeMounts": [{"name": names.COLLECTOR_VOLUME, "mountPath": CONFIG_PATH, "readOnly": True}],
        "startupProbe": _probe(period=2, failures=60),
        # No readiness probe: replicas serve whether their metrics are read or not.
        "livenessProbe": _probe(period=10, failures=6),
        "resources": plain(endpoint.spec.metrics_collector_resources) or plain(RESOURCES),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": plain(RESTRICTED),
    }


def volume() -> Manifest:
    """The volume with the configuration: a file made of the pod's own annotation."""
    source = {"fieldPath": f"metadata.annotations['{names.ANNOTATION_COLLECTOR_CONFIG}']"}
    return {
        "name": names.COLLECTOR_VOLUME,
        "downwardAPI": {"items": [{"path": CONFIG_FILE, "fieldRef": source}]},
    }


def annotations(endpoint: InferenceEndpointConfig, labels: Mapping[str, str]) -> dict[str, str]:
    """The configuration, and where Prometheus finds the metrics of the pod."""
    return {
        names.ANNOTATION_COLLECTOR_CONFIG: _as_yaml(json.dumps(configuration(endpoint, labels))),
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(names.COLLECTOR_METRICS_PORT),
        "prometheus.io/path": "/metrics",
    }


@lru_cache(maxsize=1024)
def _as_yaml(configuration: str) -> str:
    """Kept, since an endpoint is rendered at each change of its pods, and YAML was four fifths of that."""
    return yaml.safe_dump(json.loads(configuration), sort_keys=False)


def configuration(endpoint: InferenceEndpointConfig, labels: Mapping[str, str]) -> Manifest:
    """What the collector reads and offers, in the terms of the OpenTelemetry Collector."""
    metrics = endpoint.spec.metrics or Metrics()
    interval = f"{metrics.metrics_scrape_interval_seconds}s"
    proxy = [_scrape(names.SOURCE_PROXY, interval, "/metrics", names.SIDECAR_METRICS_PORT, {})]
    path, port = model_metrics(endpoint.spec)
    model = _scrape(names.SOURCE_MODEL, interval, path, port, _target_labels(labels))
    return {
        "receivers": {
            "prometheus": {"config": {"scrape_configs": [*(proxy if proxied(endpoint.spec) else []), model]}},
        },
        "exporters": {
            "prometheus": {
                "endpoint": f"${{env:POD_IP}}:{names.COLLECTOR_METRICS_PORT}",
                "add_metric_suffixes": False,  # names go out as they came in: dashboards know them
            }
        },
        "extensions": {"health_check": {"endpoint": f"${{env:POD_IP}}:{names.COLLECTOR_HEALTH_PORT}"}},
        "service": {
            "extensions": ["health_check"],
            "pipelines": {"metrics": {"receivers": ["prometheus"], "exporters": ["prometheus"]}},
            "telemetry": {"metrics": {"level": "none"}},
        },
    }


def _target_labels(labels: Mapping[str, str]) -> dict[str, str]:
    known = {label: value for label, value in labels.items() if value}
    of_pod = {label: f"${{env:{names.model_label_variable(label)}}}" for label in OF_THE_POD}
    return known | of_pod | {"metric_source": names.SOURCE_MODEL}


def _scrape(job: str, interval: str, path: str, port: int, labels: Mapping[str, str]) -> Manifest:
    target = {"targets": [f"${{env:POD_IP}}:{port}"], **({"labels": dict(labels)} if labels else {})}
    return {
        "job_name": job,
        "scrape_interval": interval,
        "metrics_path": path,
        "honor_labels": True,  # what a server says of itself (its model_name) is kept
        "static_configs": [target],
    }


def _probe(*, period: int, failures: int) -> Manifest:
    get = {"path": "/", "port": names.COLLECTOR_HEALTH_PORT}
    return {"httpGet": get, "periodSeconds": period, "timeoutSeconds": 5, "failureThreshold": failures}
