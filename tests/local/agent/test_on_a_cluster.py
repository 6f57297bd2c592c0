"""The node agent's behaviour on a real control plane, seen as a user sees it: through the API and kubectl."""

import json
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.local.cluster import LocalCluster

pytestmark = pytest.mark.cluster

Pod = dict[str, Any]


class Kubectl:
    """kubectl in one namespace of the cluster."""

    def __init__(self, cluster: LocalCluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace

    def run(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """Output of a kubectl command; standard error too when it may fail."""
        command = [self.cluster.kubectl, f"--kubeconfig={self.cluster.kubeconfig}", "-n", self.namespace]
        done = subprocess.run(
            [*command, *arguments], input=stdin, capture_output=True, text=True, timeout=120, check=False
        )
        if check:
            assert done.returncode == 0, done.stderr
        return done.stdout if check else done.stdout + done.stderr

    def apply(self, *manifests: dict[str, Any]) -> None:
        """Create these objects."""
        self.run(
            "apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        )

    def pod(self, name: str) -> Pod:
        """The pod as it is now."""
        found: Pod = json.loads(self.run("get", "pod", name, "-o", "json"))
        return found

    def wait_for_pod(self, name: str, holds: Callable[[Pod], object], seconds: float = 60) -> Pod:
        """The pod once a condition holds of it."""
        end = time.monotonic() + seconds
        while not holds(pod := self.pod(name)):
            assert time.monotonic() < end, json.dumps(pod["status"], indent=1)
            time.sleep(0.2)
        return pod


@pytest.fixture
def kubectl(local_cluster: LocalCluster) -> Iterator[Kubectl]:
    """kubectl in a fresh namespace, which is deleted afterwards."""
    kubectl = Kubectl(local_cluster, f"agent-{uuid.uuid4().hex[:8]}")
    kubectl.run("create", "namespace", kubectl.namespace)
    yield kubectl
    kubectl.run("delete", "pods", "--all", "--grace-period=1", "--timeout=60s")
    kubectl.run("delete", "namespace", kubectl.namespace, "--wait=false")


def pod(name: str, program: str, *args: str, spec: Any = None, **container: Any) -> dict[str, Any]:
    """A pod with one container `main`."""
    main = {"name": "main", "image": f"hyperpod-local/{program}:1", "args": [*args], **container}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [main], "terminationGracePeriodSeconds": 5, **(spec or {})},
    }


def main_status(pod: Pod) -> dict[str, Any]:
    statuses = pod["status"].get("containerStatuses") or [{"state": {}, "lastState": {}, "ready": False}]
    status: dict[str, Any] = statuses[0]
    return status


def waits_for(reason: str) -> Callable[[Pod], bool]:
    return lambda pod: main_status(pod)["state"].get("waiting", {}).get("reason") == reason


def is_ready(pod: Pod) -> bool:
    return bool(main_status(pod)["ready"])


def test_a_crashing_container_backs_off_with_its_last_log_line(kubectl: Kubectl) -> None:
    kubectl.apply(pod("crash", "crash", "--code", "3", "starting", "no weights found"))
    found = kubectl.wait_for_pod("crash", waits_for("CrashLoopBackOff"))
    status = main_status(found)
    last = status["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (3, "Error")
    assert last["message"].endswith("no weights found")
    assert status["restartCount"] >= 1
    assert "restarting failed container=main" in status["state"]["waiting"]["message"]
    assert found["status"]["phase"] == "Running"
    assert "no weights found" in kubectl.run("logs", "crash")
    assert "no weights found" in kubectl.run("logs", "crash", "--previous")
    assert "Back-off restarting failed" in kubectl.run("describe", "pod", "crash")


def test_an_unknown_image_is_told_with_the_list_of_known_ones(kubectl: Kubectl) -> None:
    unknown = pod("unknown", "x")
    unknown["spec"]["containers"][0]["image"] = "docker.io/library/nginx:1"
    kubectl.apply(unknown)
    found = kubectl.wait_for_pod("unknown", waits_for("ErrImagePull"))
    message = main_status(found)["state"]["waiting"]["message"]
    assert '"docker.io/library/nginx:1"' in message
    assert "vllm/vllm-openai:*" in message
    assert found["status"]["phase"] == "Pending"


def test_a_restarted_container_finds_its_files_as_they_are_now_and_the_pods_own_host_names(
    kubectl: Kubectl, tmp_path: Path
) -> None:
    def settings(value: str) -> dict[str, Any]:
        named = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "changing"}}
        return named | {"data": {"A": value}}

    wait = "until rm /opt/gate/open 2>/dev/null; do sleep 0.1; done"
    command = ["sh", "-c", f"cat /opt/of-a-test/A /etc/hosts; touch /tmp/read; {wait}"]
    read = {"exec": {"command": ["test", "-e", "/tmp/read"]}, "periodSeconds": 1}  # noqa: S108 - its own
    aliases = [{"ip": "10.96.3.4", "hostnames": ["models.example"]}]
    volumes = [
        {"name": "files", "configMap": {"name": "changing"}},
        {"name": "gate", "hostPath": {"path": str(tmp_path)}},
    ]
    mounts = [{"name": "files", "mountPath": "/opt/of-a-test"}, {"name": "gate", "mountPath": "/opt/gate"}]
    spec = {"volumes": volumes, "hostAliases": aliases}
    again = pod("again", "sleep", command=command, volumeMounts=mounts, readinessProbe=read, spec=spec)
    kubectl.apply(settings("before\n"), again)
    kubectl.wait_for_pod("again", is_ready)
    kubectl.apply(settings("after\n"))
    (tmp_path / "open").touch()
    found = kubectl.wait_for_pod("again", lambda pod: main_status(pod)["restartCount"] == 1 and is_ready(pod))
    first = kubectl.run("logs", "again", "--previous").splitlines()
    assert first[0] == "before"
    assert {f"{found['status']['podIP']}\tagain", "10.96.3.4\tmodels.example"} <= set(first)
    assert kubectl.run("logs", "again").splitlines()[0] == "after"


def test_variables_and_files_of_a_config_map_reach_the_program(kubectl: Kubectl) -> None:
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"A": "1"}}
    variables = [
        {"name": "FROM_MAP", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "A"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "BOTH", "value": "$(FROM_MAP)@$(IP)"},
    ]
    volume = {"name": "files", "configMap": {"name": "settings"}}
    script = "echo $BOTH; cat /opt/of-a-test/A; echo; ls /var/run/secrets/kubernetes.io/serviceaccount"
    kubectl.apply(
        settings,
        pod(
            "reader",
            "sleep",
            command=["sh", "-c", script],
            env=variables,
            volumeMounts=[{"name": "files", "mountPath": "/opt/of-a-test"}],
            spec={"restartPolicy": "Never", "volumes": [volume]},
        ),
    )
    found = kubectl.wait_for_pod("reader", lambda pod: pod["status"]["phase"] == "Succeeded")
    expected = [f"1@{found['status']['podIP']}", "1", "ca.crt", "namespace", "token"]
    assert kubectl.run("logs", "reader").split() == expected


def test_init_containers_and_sidecars_run_in_their_order(kubectl: Kubectl) -> None:
    tcp = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    sidecar = {"name": "side", "image": "hyperpod-local/http-echo:1", "restartPolicy": "Always"}
    init = {"name": "init", "image": "hyperpod-local/sleep:1", "args": ["0"]}
    spec = {"restartPolicy": "Never", "initContainers": [{**sidecar, "startupProbe": tcp}, init]}
    kubectl.apply(pod("job", "sleep", "0", spec=spec))
    found = kubectl.wait_for_pod("job", lambda pod: pod["status"]["phase"] == "Succeeded")
    side, first = found["status"]["initContainerStatuses"]
    assert first["state"]["terminated"]["exitCode"] == 0
    assert side["restartCount"] == 0
    kubectl.wait_for_pod(
        "job", lambda pod: "terminated" in pod["status"]["initContainerStatuses"][0]["state"]
    )


def test_a_failing_liveness_probe_restarts_the_container(kubectl: Kubectl) -> None:
    probe = {"tcpSocket": {"port": 9}, "periodSeconds": 1, "failureThreshold": 1}
    kubectl.apply(pod("unwell", "http-echo", livenessProbe=probe))
    kubectl.wait_for_pod("unwell", lambda pod: main_status(pod).get("restartCount", 0) > 0)
    assert "failed liveness probe, will be restarted" in kubectl.run("describe", "pod", "unwell")


def test_a_missing_bucket_is_an_event_that_names_it(kubectl: Kubectl) -> None:
    csi = {"driver": "s3.csi.aws.com", "volumeAttributes": {"bucketName": "no-such-bucket"}}
    volume = {"name": "weights", "csi": csi}
    mounts = [{"name": "weights", "mountPath": "/opt/ml/model"}]
    kubectl.apply(pod("mountless", "sleep", volumeMounts=mounts, spec={"volumes": [volume]}))
    kubectl.wait_for_pod("mountless", lambda _: "s3://no-such-bucket/" in kubectl.run("get", "events"))
    assert waits_for("ContainerCreating")(kubectl.pod("mountless"))


def ask(kubectl: Kubectl, service: str) -> dict[str, Any]:
    url = f"{kubectl.cluster.front_door}/{kubectl.namespace}/{service}/"
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - loopback
        found: dict[str, Any] = json.loads(answer.read())
        return found


def test_a_service_leads_to_its_ready_pods_only(kubectl: Kubectl) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"tier": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
    }
    ready = {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1, "failureThreshold": 1}
    manifests = []
    for name, extra in (("one", []), ("two", []), ("sick", ["--unready-file", "/etc/hostname"])):
        a_pod = pod(
            name,
            "http-echo",
            *extra,
            ports=[{"name": "http", "containerPort": 8080}],
            readinessProbe=ready,
        )
        a_pod["metadata"]["labels"] = {"tier": "web"}
        manifests.append(a_pod)
    kubectl.apply(service, *manifests)
    kubectl.wait_for_pod("one", is_ready)
    kubectl.wait_for_pod("two", is_ready)
    answered: set[str] = set()
    end = time.monotonic() + 30
    while answered != {"one", "two"} and time.monotonic() < end:
        try:
            answered.add(ask(kubectl, "web")["pod"])
        except urllib.error.HTTPError as error:
            error.close()
            time.sleep(0.2)
    assert answered == {"one", "two"}


def test_logs_are_followed_until_the_container_ends(kubectl: Kubectl) -> None:
    script = "echo first; read line < /tmp/pipe; echo last"
    kubectl.apply(
        pod(
            "talker",
            "sleep",
            command=["sh", "-c", f"mkfifo /tmp/pipe; (sleep 1; echo > /tmp/pipe) & {script}"],
            spec={"restartPolicy": "Never"},
        )
    )
    kubectl.wait_for_pod("talker", lambda pod: pod["status"]["phase"] != "Pending")
    assert kubectl.run("logs", "-f", "talker").split() == ["first", "last"]
    stamped = kubectl.run("logs", "talker", "--timestamps", "--tail=1")
    assert stamped.startswith("20")
    assert stamped.endswith("Z last\n")


def test_a_deleted_pod_gets_its_grace_and_is_then_killed(kubectl: Kubectl) -> None:
    script = "trap 'echo asked to leave' TERM; echo up; while true; do sleep 0.1; done"
    kubectl.apply(pod("stubborn", "sleep", command=["sh", "-c", script]))
    kubectl.wait_for_pod("stubborn", lambda _: "up" in kubectl.run("logs", "stubborn", check=False))
    kubectl.run("delete", "pod", "stubborn", "--grace-period=2", "--wait=false")
    kubectl.run("wait", "--for=delete", "pod/stubborn", "--timeout=60s")


def test_exec_is_refused_with_a_reason(kubectl: Kubectl) -> None:
    kubectl.apply(pod("sleeper", "sleep"))
    kubectl.wait_for_pod("sleeper", is_ready)
    answer = kubectl.run("exec", "sleeper", "--", "true", check=False)
    assert "do not offer exec" in answer


def test_nodes_stay_ready_and_look_like_instances(kubectl: Kubectl) -> None:
    nodes = json.loads(kubectl.run("get", "nodes", "-o", "json"))["items"]
    types = {node["metadata"]["labels"]["node.kubernetes.io/instance-type"] for node in nodes}
    assert {"ml.p4d.24xlarge", "ml.g5.24xlarge", "ml.g5.8xlarge"} <= types
    for node in nodes:
        ready = next(each for each in node["status"]["conditions"] if each["type"] == "Ready")
        assert ready["status"] == "True"
        assert not [taint for taint in node["spec"].get("taints", []) if "unreachable" in taint["key"]]


def test_a_node_tells_of_its_gpus_as_dcgms_exporter_does(kubectl: Kubectl) -> None:
    limits = {"limits": {"nvidia.com/gpu": "1"}}
    kubectl.apply(pod("model", "simulator", ports=[{"containerPort": 8000}], resources=limits))
    node = kubectl.wait_for_pod("model", is_ready)["spec"]["nodeName"]
    labels = f'namespace="{kubectl.namespace}",pod="model"'

    def told(metric: str) -> float:
        page = kubectl.run("get", "--raw", f"/api/v1/nodes/{node}:9400/proxy/metrics")
        found = [line for line in page.splitlines() if line.startswith(metric) and labels in line]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    _until(lambda: told("DCGM_FI_DEV_FB_USED") > 1024)
    call = f"/api/v1/namespaces/{kubectl.namespace}/pods/model:8000/proxy/v1/completions"
    kubectl.run("create", "--raw", call, "-f", "-", stdin=json.dumps({"prompt": "a", "max_tokens": 60}))
    _until(lambda: told("DCGM_FI_DEV_GPU_UTIL") > 0)


def _until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.2)
