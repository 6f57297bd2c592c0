"""A cluster in which all is well, and ways to spoil it."""

import base64
import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hyperpod_inference.api import crd, names
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.diagnosis import Cluster, Objects

Body = dict[str, Any]
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SYSTEM = names.OPERATOR_NAMESPACE
PEM = "-----BEGIN CERTIFICATE-----\nZXhhbXBsZQ==\n-----END CERTIFICATE-----\n"
SELECTOR = {"app.kubernetes.io/name": "hyperpod-inference"}


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _named(kind: str, name: str, namespace: str = "", **fields: Any) -> Body:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"kind": kind, "metadata": metadata, **fields}


def _definitions() -> list[Body]:
    found = copy.deepcopy(crd.crds())
    for each in found:
        each["status"] = {"conditions": [{"type": "Established", "status": "True"}]}
        if webhook := (each["spec"].get("conversion") or {}).get("webhook"):
            webhook["clientConfig"]["caBundle"] = _b64(PEM)
    return found


def _slice(service: str, namespace: str, *ready: bool) -> Body:
    endpoints = [{"addresses": ["10.244.0.9"], "conditions": {"ready": each}} for each in ready]
    made = _named("EndpointSlice", f"{service}-abcde", namespace, endpoints=endpoints)
    made["metadata"]["labels"] = {"kubernetes.io/service-name": service}
    return made


def _operator() -> Body:
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": SELECTOR},
        "template": {"spec": {"containers": [{"image": "hyperpod-inference/operator:0.1.0"}]}},
    }
    return _named("Deployment", names.OPERATOR_NAME, SYSTEM, spec=spec, status={"availableReplicas": 1})


def _node() -> Body:
    made = _named("Node", "node-1", status={"conditions": [{"type": "Ready", "status": "True"}]})
    made["metadata"]["labels"] = {names.NODE_INSTANCE_TYPE: "ml.g5.8xlarge", names.NODE_HEALTH: "Schedulable"}
    made["status"]["allocatable"] = {names.RESOURCE_GPU: "1"}
    return made


def _lease() -> Body:
    spec = {
        "holderIdentity": "operator-1",
        "renewTime": "2026-11-23T11:59:55.000000Z",
        "leaseDurationSeconds": 15,
    }
    return _named("Lease", names.OPERATOR_LEASE, SYSTEM, spec=spec)


def _pod(name: str = "chat-1", *, ready: bool = True, **status: Any) -> Body:
    made = _named("Pod", name, "team-a")
    made["metadata"] |= {"uid": f"uid-of-{name}", "labels": _owner() | {"app": "chat"}}
    made["spec"] = {"nodeName": "node-1", "containers": [{"name": "chat"}]}
    made["status"] = {"conditions": [{"type": "Ready", "status": str(ready)}]} | status
    return made


def _owner() -> Body:
    return {
        names.LABEL_OWNER_KIND: names.KIND_ENDPOINT,
        names.LABEL_OWNER_NAMESPACE: "team-a",
        names.LABEL_OWNER_NAME: "chat",
        names.LABEL_DEPLOYING_SERVICE: names.DEPLOYING_SERVICE,
    }


def _endpoint(spec: Body) -> Body:
    spec = spec | {"instanceType": "ml.g5.8xlarge", "endpointName": "chat", "metrics": {"enabled": True}}
    made = _named(names.KIND_ENDPOINT, "chat", "team-a", apiVersion=names.API_VERSION, spec=spec)
    made["metadata"] |= {"generation": 2, "uid": "uid-of-chat"}
    ready = {"type": "Ready", "status": "True", "message": "Serving at http://chat.team-a/v1 inside it."}
    accepted = {"type": "Accepted", "status": "True", "message": "The spec is valid."}
    made["status"] = {"state": "DeploymentComplete", "observedGeneration": 2, "conditions": [accepted, ready]}
    return made


class World:
    """The objects by kind, as lists that a test changes; `cluster()` is what was observed of them."""

    now = NOW

    def __init__(self, spec: Body) -> None:
        self.settings = OperatorSettings(region="us-west-2", eks_cluster_name="inference")
        self.certificate_until: datetime | None = NOW + timedelta(days=60)
        self.unread: dict[str, str] = {}
        self.logs: dict[tuple[str, str], dict[str, str]] = {}
        self.objects: dict[str, list[Body]] = {
            "CustomResourceDefinition": _definitions(),
            "Deployment": [_operator()],
            "Lease": [_lease()],
            "EndpointSlice": [
                _slice(names.WEBHOOK_SERVICE, SYSTEM, True),
                _slice("chat", "team-a", True),
            ],
            "Secret": [_named("Secret", names.WEBHOOK_SECRET, SYSTEM, data={"ca.crt": _b64(PEM)})],
            "Node": [_node()],
            "Pod": [_pod()],
            "CSIDriver": [_named("CSIDriver", names.S3_CSI_DRIVER)],
            "IngressClass": [_named("IngressClass", names.INGRESS_CLASS)],
            names.KIND_ENDPOINT: [_endpoint(spec)],
        }

    pod, slice, named, owner = (
        staticmethod(_pod),
        staticmethod(_slice),
        staticmethod(_named),
        staticmethod(_owner),
    )

    def one(self, kind: str, name: str) -> Body:
        (found,) = [each for each in self.objects[kind] if each["metadata"]["name"] == name]
        return found

    def add(self, kind: str, *bodies: Body) -> None:
        self.objects.setdefault(kind, []).extend(bodies)

    def drop(self, kind: str, name: str = "") -> None:
        self.objects[kind] = [e for e in self.objects[kind] if name and e["metadata"]["name"] != name]

    @property
    def endpoint(self) -> Body:
        return self.objects[names.KIND_ENDPOINT][0]

    def told(self, type: str, message: str, reason: str = "Other", status: str = "False") -> None:
        """The operator says this of the endpoint."""
        said = self.endpoint["status"]["conditions"]
        said[:] = [each for each in said if each["type"] != type]
        said.append({"type": type, "status": status, "reason": reason, "message": message})

    def cluster(self) -> Cluster:
        seen = {
            kind: Objects(tuple(items), self.unread.get(kind, "")) for kind, items in self.objects.items()
        }
        return Cluster(
            now=NOW,
            settings=self.settings,
            objects=seen,
            certificate_until=self.certificate_until,
            logs=self.logs,
        )


@pytest.fixture
def world(chat_spec: Body) -> World:
    return World(chat_spec)
