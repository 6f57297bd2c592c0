"""What stands beside the model: the proxy, the collector, and what that changes for the model."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import Rendered, render
from hyperpod_inference.render.model_labels import container_type
from hyperpod_inference.render.sidecars import with_sidecars

Body = dict[str, Any]
Renders = Callable[..., Rendered]
Specs = Callable[..., Body]
Endpoints = Callable[..., InferenceEndpointConfig]
SETTINGS = OperatorSettings(
    eks_cluster_name="inference",
    hyperpod_cluster_arn="arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefghijkl",
)


def named(pod: Body, name: str) -> Body:
    (found,) = [each for each in pod["containers"] if each["name"] == name]
    return dict(found)


def proxy(pod: Body) -> Body:
    return named(pod, "sidecar-reverse-proxy")


def variables(container: Body) -> dict[str, Any]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def template(rendered: Rendered) -> Body:
    (found,) = [each["spec"]["template"] for each in rendered.manifests if each["kind"] == "Deployment"]
    return dict(found)


def scraped(rendered: Rendered) -> dict[str, Body]:
    annotations = template(rendered)["metadata"]["annotations"]
    config = yaml.safe_load(annotations[names.ANNOTATION_COLLECTOR_CONFIG])
    jobs = config["receivers"]["prometheus"]["config"]["scrape_configs"]
    return {job["job_name"]: job for job in jobs}


@pytest.mark.parametrize("spec", [{}, {"metrics": {"enabled": False}}])
def test_without_metrics_the_model_is_alone(pod_spec: Specs, rendered: Renders, spec: Body) -> None:
    assert [each["name"] for each in pod_spec(**spec)["containers"]] == ["chat"]
    assert "prometheus.io/scrape" not in template(rendered(**spec))["metadata"]["annotations"]


def test_with_metrics_a_pod_has_three_containers_and_the_model_stays_the_first(pod_spec: Specs) -> None:
    found = [each["name"] for each in pod_spec(metrics={})["containers"]]
    assert found == ["chat", "sidecar-reverse-proxy", "otel-collector"]


def test_the_proxy_takes_the_ports_name_so_that_services_follow_pod_by_pod(
    rendered: Renders, pod_spec: Specs
) -> None:
    services = [
        [each["spec"] for each in rendered(**spec).manifests if each["kind"] == "Service"]
        for spec in ({}, {"metrics": {}})
    ]
    assert services[0] == services[1]
    (target,) = {port["targetPort"] for service in services[1] for port in service["ports"]}
    pod = pod_spec(metrics={})
    ports = [(each["name"], port) for each in pod["containers"] for port in each["ports"]]
    assert [(who, port["containerPort"]) for who, port in ports if port["name"] == target] == [
        ("sidecar-reverse-proxy", 8081)
    ]
    assert "--upstream=$(POD_IP):8000" in proxy(pod)["args"]
    assert {"name": "metrics", "containerPort": 9113, "protocol": "TCP"} in proxy(pod)["ports"]


def test_a_probe_by_the_name_that_the_proxy_takes_goes_on_by_number(pod_spec: Specs) -> None:
    probes = {
        "readinessProbe": {"httpGet": {"path": "/v1/models", "port": "http"}},
        "livenessProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 3},
        "startupProbe": {"httpGet": {"path": "/live", "port": 9000}},
    }
    model = pod_spec(metrics={}, worker={"probes": probes})["containers"][0]
    assert model["readinessProbe"] == {"httpGet": {"path": "/v1/models", "port": 8000}}
    assert model["livenessProbe"] == {"tcpSocket": {"port": 8000}, "periodSeconds": 3}
    assert model["startupProbe"] == probes["startupProbe"]


def test_a_stopping_model_waits_until_the_proxy_has_ended_its_requests(pod_spec: Specs) -> None:
    pod = pod_spec(metrics={})
    given = dict(each.removeprefix("--").split("=") for each in proxy(pod)["args"] if "=" in each)
    wait = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1]
    assert wait == f"sleep 15; while [ -e {given['draining-file']} ]; do sleep 1; done"
    assert int(given["drain-delay"]) == 15
    assert int(given["drain-delay"]) + int(given["drain-seconds"]) < pod["terminationGracePeriodSeconds"]
    mounts = [each["volumeMounts"] for each in pod["containers"][:2]]
    (shared,) = {m["mountPath"] for m in mounts[0]} & {m["mountPath"] for m in mounts[1]}
    assert given["draining-file"].startswith(shared)


def test_the_pod_takes_traffic_only_while_the_proxy_does(pod_spec: Specs) -> None:
    probes = {key: value["httpGet"] for key, value in proxy(pod_spec(metrics={})).items() if "Probe" in key}
    assert probes == {
        "startupProbe": {"path": "/healthz", "port": "metrics"},
        "readinessProbe": {"path": "/readyz", "port": "metrics"},
        "livenessProbe": {"path": "/healthz", "port": "metrics"},
    }


def test_a_collector_that_cannot_read_metrics_takes_no_replica_out_of_traffic(pod_spec: Specs) -> None:
    assert "readinessProbe" not in named(pod_spec(metrics={}), "otel-collector")


def test_the_labels_are_those_of_awss_dashboards(endpoint: Endpoints) -> None:
    spec = {
        "metrics": {},
        "modelVersion": "1.0",
        "instanceType": "ml.p4d.24xlarge",
        "worker": {"resources": {"limits": {"nvidia.com/gpu": None, "nvidia.com/mig-1g.5gb": 1}}},
    }
    made = render(endpoint(**spec), SETTINGS).manifests[-1]["spec"]["template"]["spec"]
    found = variables(proxy(made))
    assert {key.removeprefix("MODEL_LABEL_").lower(): found[key] for key in found if "LABEL" in key} == {
        "cluster_id": "abcdefghijkl",
        "cluster_name": "inference",
        "resource_name": "chat",
        "resource_type": "inference-endpoint",
        "namespace": "team-a",
        "model_name": "chat",
        "model_version": "1.0",
        "model_container_type": "-",
        "model_container_image": "vllm/vllm-openai:v0.10.2",
        "accelerator_partition_type": "mig-1g.5gb",
        "instance_type": "ml.p4d.24xlarge",
        "task_type": "inference",
        "pod_name": {"fieldRef": {"fieldPath": "metadata.name"}},
        "node_name": {"fieldRef": {"fieldPath": "spec.nodeName"}},
    }


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("huggingface/text-generation-inference:3.3", "TGI"),
        ("111122223333.dkr.ecr.us-west-2.amazonaws.com/huggingface-pytorch-tgi-inference:2.6", "TGI"),
        ("111122223333.dkr.ecr.us-west-2.amazonaws.com/djl-inference:0.33.0-lmi15.0.0-cu128", "LMI"),
        ("deepjavalibrary/djl-serving:0.33.0-lmi", "LMI"),
        ("vllm/vllm-openai:v0.10.2", "-"),
    ],
)
def test_the_kind_of_server_is_read_off_the_image(image: str, kind: str) -> None:
    assert container_type(image) == kind


def test_request_limits_reach_the_proxy(pod_spec: Specs) -> None:
    limits = {"maxConcurrentRequests": 8, "maxQueueSize": 3, "overflowStatusCode": 503}
    arguments = proxy(pod_spec(metrics={}, worker={"requestLimits": limits}))["args"]
    assert arguments[-3:] == [
        "--max-concurrent-requests=8",
        "--max-queue-size=3",
        "--overflow-status-code=503",
    ]
    alone = proxy(pod_spec(metrics={}, worker={"requestLimits": {"maxQueueSize": 3}}))["args"]
    assert not any("max-" in each for each in alone)


@pytest.mark.parametrize(
    ("field", "container"),
    [
        ("metricsSidecarResources", "sidecar-reverse-proxy"),
        ("metricsCollectorResources", "otel-collector"),
    ],
)
def test_resources_of_the_user_replace_the_whole_block(pod_spec: Specs, field: str, container: str) -> None:
    assert named(pod_spec(metrics={}), container)["resources"]["limits"]
    own = {"requests": {"cpu": "1", "memory": "2Gi"}}
    assert named(pod_spec(metrics={}, **{field: own}), container)["resources"] == own


def test_added_containers_run_without_rights(pod_spec: Specs) -> None:
    for container in pod_spec(metrics={})["containers"][1:]:
        security = container["securityContext"]
        assert security["runAsNonRoot"]
        assert security["readOnlyRootFilesystem"]
        assert security["capabilities"] == {"drop": ["ALL"]}


def test_the_collector_reads_the_proxy_and_the_model_at_the_users_interval(rendered: Renders) -> None:
    own = {"path": "/server/metrics", "port": 8080}
    jobs = scraped(rendered(metrics={"metricsScrapeIntervalSeconds": 30, "modelMetrics": own}))
    assert {job["scrape_interval"] for job in jobs.values()} == {"30s"}
    assert jobs["reverse-proxy"]["static_configs"] == [{"targets": ["${env:POD_IP}:9113"]}]
    model = jobs["model-container"]
    assert model["metrics_path"] == "/server/metrics"
    assert model["static_configs"][0]["targets"] == ["${env:POD_IP}:8080"]
    labels = model["static_configs"][0]["labels"]
    assert labels["metric_source"] == "model-container"
    assert labels["resource_name"] == "chat"
    assert labels["pod_name"] == "${env:MODEL_LABEL_POD_NAME}"


def test_without_a_word_on_them_the_models_metrics_are_at_its_invocation_port(rendered: Renders) -> None:
    model = scraped(rendered(metrics={}))["model-container"]
    assert model["metrics_path"] == "/metrics"
    assert model["static_configs"][0]["targets"] == ["${env:POD_IP}:8000"]


def test_a_new_configuration_renews_the_pods_that_read_it(rendered: Renders) -> None:
    def marks(**metrics: Any) -> Body:
        return dict(template(rendered(metrics=metrics))["metadata"]["annotations"])

    assert marks() == marks()
    assert marks() != marks(metricsScrapeIntervalSeconds=30)
    assert marks()["prometheus.io/port"] == "8889"


def test_before_a_grpc_server_stands_no_proxy_and_the_endpoint_says_so(
    rendered: Renders, pod_spec: Specs
) -> None:
    spec: Body = {
        "metrics": {},
        "worker": {"modelInvocationPort": {"name": "grpc"}, "requestLimits": {"maxConcurrentRequests": 4}},
    }
    pod = pod_spec(**spec)
    assert [each["name"] for each in pod["containers"]] == ["chat", "otel-collector"]
    assert pod["containers"][0]["ports"][0]["name"] == "grpc"
    assert [*scraped(rendered(**spec))] == ["model-container"]
    told = {each.part.name for each in rendered(**spec).not_built}
    assert {"METRICS", "REQUEST_LIMITS"} <= told


def test_any_template_gets_its_sidecars_under_a_name_of_its_own(endpoint: Endpoints) -> None:
    wanted = endpoint(metrics={})
    plain = render(endpoint(), SETTINGS).manifests[-1]["spec"]["template"]
    made = with_sidecars(plain, wanted, SETTINGS, "prefill-chat")
    assert variables(proxy(made["spec"]))["MODEL_LABEL_RESOURCE_NAME"] == "prefill-chat"
    assert "resource_name: prefill-chat" in made["metadata"]["annotations"][names.ANNOTATION_COLLECTOR_CONFIG]
    assert len(plain["spec"]["containers"]) == 1, "the template that came in is not touched"


def test_images_come_from_where_the_installation_says(endpoint: Endpoints) -> None:
    settings = OperatorSettings(sidecar_image="mirror/sidecar:1", collector_image="mirror/collector:1")
    pod = render(endpoint(metrics={}), settings).manifests[-1]["spec"]["template"]["spec"]
    assert [each["image"] for each in pod["containers"][1:]] == ["mirror/sidecar:1", "mirror/collector:1"]
