"""A workspace of AWS's service for Prometheus: its name, its TLS, its refusals; behind it a real Prometheus.

The Prometheus is a pod that scrapes the routers as their monitor says; which there are it reads from a file,
for Debian's cannot ask Kubernetes. AWS on loopback answers for the workspace, behind a load balancer with a
certificate for the service's own name; KEDA is told where that is.
"""

import asyncio
import datetime
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hyperpod_inference.api import names
from hyperpod_inference.cli import charts
from hyperpod_inference.cli.install import LOCAL_SETTINGS
from hyperpod_inference.kube.client import STRATEGIC_MERGE_PATCH, Client
from hyperpod_inference.kube.resources import DEPLOYMENTS, INGRESSES, NAMESPACES, PODS, SERVICES
from hyperpod_inference.local.alb import names as alb
from hyperpod_inference.local.aws.aps import PROMETHEUS
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.extras import keda
from hyperpod_inference.local.install import deployment_available, install, wait_for
from hyperpod_inference.local.pki import Authority, Subject

Body = dict[str, Any]
WITHIN = 300.0
MONITORING, HOST = "monitoring", "aps-workspaces.us-west-2.amazonaws.com"
NAME = {"name": "prometheus", "namespace": MONITORING}
LABELS = {"app": "prometheus"}


class Workspace:
    """One workspace. url: by which endpoints name it."""

    def __init__(self, workspace: str, front_door: str, client: Client) -> None:
        self.url = f"https://{HOST}/workspaces/{workspace}"
        self._prometheus, self._client = f"{front_door}/{MONITORING}/prometheus/api/v1/query", client

    async def scrape(self) -> None:
        """Wait for the routers that run now to be scraped."""
        found: list[Body] = []

        async def none() -> str | None:
            pods = (await self._client.list(PODS, names.OPERATOR_NAMESPACE)).items
            found[:] = [each for pod in pods for each in _targets(pod)]
            return None if found else "there is no router"

        await wait_for("a router", none, WITHIN)
        await self._client.apply(_settings(found), "test")

        async def unseen() -> str | None:
            value = await self.value("sum(up)")
            return None if value == len(found) else f"{value} of {len(found)}"

        await wait_for("the routers to be scraped", unseen, WITHIN)

    async def value(self, query: str) -> float:
        """What a query has now; 0 for nothing."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(self._prometheus, params={"query": query}) as answer,
        ):
            found = (await answer.json())["data"]["result"]
        return float(found[0]["value"][1]) if found else 0.0


@pytest.fixture
async def workspace(
    local_cluster: LocalCluster,
    client: Client,
    aws: Callable[[str], Any],
    prometheus_program: str,
    tmp_path: Path,
) -> AsyncIterator[Workspace]:
    """Made, scraping, and known to KEDA."""
    await install(client, _prometheus(prometheus_program))
    front = None
    try:
        await deployment_available(client, MONITORING, "prometheus", within=WITHIN)
        address = (await client.get(SERVICES, "prometheus", MONITORING))["spec"]["clusterIP"]
        tags = {PROMETHEUS: f"http://{address}:9090"}
        made = await asyncio.to_thread(lambda: aws("amp").create_workspace(alias="scaling", tags=tags))
        authority, certificate = await asyncio.to_thread(_certificate, aws("acm"), tmp_path)
        front = _ingress(certificate)
        trust = _config_map(keda.NAMESPACE, "authority", {"ca.crt": authority})
        await install(client, [front, trust])
        change = _introduced()
        await client.patch(DEPLOYMENTS, keda.OPERATOR, keda.NAMESPACE, change, STRATEGIC_MERGE_PATCH)
        await wait_for("KEDA to start anew", lambda: _old(client), WITHIN)
        yield Workspace(made["workspaceId"], str(local_cluster.front_door), client)
    finally:
        await client.delete(NAMESPACES, MONITORING)
        if front is not None:
            await client.delete(INGRESSES, front["metadata"]["name"], alb.NAMESPACE)


def _certificate(acm: Any, folder: Path) -> tuple[str, str]:
    """An authority, in PEM, and ACM's ARN of a certificate of it for the service's name."""
    authority = Authority(folder, "amazon", datetime.datetime.now(datetime.UTC))
    authority.save("ca")
    authority.issue(Subject("tls", HOST, hosts=(HOST,)))
    told = {each.name: each.read_bytes() for each in folder.iterdir()}
    imported = acm.import_certificate(
        Certificate=told["tls.crt"], PrivateKey=told["tls.key"], CertificateChain=told["ca.crt"]
    )
    return told["ca.crt"].decode(), str(imported["CertificateArn"])


def _ingress(certificate: str) -> Body:
    """AWS on loopback under the service's name."""
    told = {
        "certificate-arn": certificate,
        "healthcheck-path": "/moto-api/",
        "listen-ports": '[{"HTTPS":443}]',
        "target-type": "ip",
    }
    backend = {"service": {"name": alb.NAME, "port": {"number": alb.AWS_PORT}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": "aps-workspaces",
            "namespace": alb.NAMESPACE,
            "annotations": {f"{names.ALB_PREFIX}/{key}": value for key, value in told.items()},
        },
        "spec": {
            "ingressClassName": names.INGRESS_CLASS,
            "rules": [{"host": HOST, "http": {"paths": paths}}],
        },
    }


def _introduced() -> Body:
    """What makes KEDA's operator find the service, and trust its certificate."""
    container = {
        "name": keda.OPERATOR,
        "volumeMounts": [{"name": "authority", "mountPath": "/custom/ca"}],
    }
    spec = {
        "hostAliases": [{"ip": alb.ADDRESS, "hostnames": [HOST]}],
        "containers": [container],
        "volumes": [{"name": "authority", "configMap": {"name": "authority"}}],
    }
    return {"spec": {"template": {"spec": spec}}}


async def _old(client: Client) -> str | None:
    """KEDA's operator has one pod, of its newest template, and that is ready."""
    live = await client.get(DEPLOYMENTS, keda.OPERATOR, keda.NAMESPACE)
    status = live.get("status", {})
    seen = status.get("observedGeneration") == live["metadata"]["generation"]
    counts = {status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")}
    pods = (await client.list(PODS, keda.NAMESPACE, label_selector=f"app={keda.OPERATOR}")).items
    return None if seen and counts == {1} and len(pods) == 1 else f"replicas: {counts}, pods: {len(pods)}"


def _prometheus(program: str) -> list[Body]:
    template = {"metadata": {"labels": LABELS}, "spec": _pod(program)}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": MONITORING}},
        _settings([]),
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": NAME,
            "spec": {"selector": {"matchLabels": LABELS}, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": NAME,
            "spec": {"selector": LABELS, "ports": [{"port": 9090, "targetPort": 9090}]},
        },
    ]


def _pod(program: str) -> Body:
    container = {
        "name": "prometheus",
        "image": "hyperpod-local/sleep:1",  # the command is a program of this machine
        "command": [program],
        "args": [
            "--config.file=/opt/settings/prometheus.yml",
            "--storage.tsdb.path=/opt/data",
            "--web.listen-address=$(POD_IP):9090",
        ],
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": 9090}, "periodSeconds": 2},
        "volumeMounts": [{"name": each, "mountPath": f"/opt/{each}"} for each in ("settings", "data")],
    }
    settings = {"name": "settings", "configMap": {"name": "prometheus"}}
    return {
        "containers": [container],
        "volumes": [settings, {"name": "data", "emptyDir": {}}],
    }


def _settings(targets: list[Body]) -> Body:
    """As the routers' monitor says, in the words of Prometheus' own configuration."""
    (target,) = _monitor()["podMetricsEndpoints"]
    job = {
        "job_name": "routers",
        "scrape_interval": "2s",
        "scrape_timeout": "2s",
        "metrics_path": target["path"],
        "file_sd_configs": [{"files": ["/opt/settings/targets.json"], "refresh_interval": "2s"}],
        "relabel_configs": [
            {_snake(key): value for key, value in each.items()} for each in target["relabelings"]
        ],
    }
    files = {"prometheus.yml": {"scrape_configs": [job]}, "targets.json": targets}
    return _config_map(MONITORING, "prometheus", {name: json.dumps(text) for name, text in files.items()})


def _monitor() -> Body:
    return dict(charts.load("monitors").router_monitor(LOCAL_SETTINGS)["spec"])


def _targets(pod: Body) -> Iterator[Body]:
    """The ports of a pod that the monitor means, with the labels that it copies."""
    (target,) = _monitor()["podMetricsEndpoints"]
    address = pod.get("status", {}).get("podIP")
    ports = [each for container in pod["spec"]["containers"] for each in container.get("ports") or ()]
    found = pod["metadata"].get("labels") or {}
    labels = {f"__meta_kubernetes_pod_label_{re.sub('[^a-zA-Z0-9_]', '_', k)}": v for k, v in found.items()}
    for port in ports:
        if address and port.get("name") == target["port"]:
            yield {"targets": [f"{address}:{port['containerPort']}"], "labels": labels}


def _snake(key: str) -> str:
    return re.sub("([A-Z])", lambda found: f"_{found[1].lower()}", key)


def _config_map(namespace: str, name: str, data: dict[str, str]) -> Body:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
