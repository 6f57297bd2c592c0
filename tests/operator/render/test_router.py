"""The router's objects: spec in, objects out."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import Facts, Part, Rendered, render

Body = dict[str, Any]
Renders = Callable[..., Rendered]
OPERATORS = "hyperpod-inference-system"
CLOUDWATCH = {
    "metricName": "Requests",
    "namespace": "Router",
    "targetValue": 10,
    "dimensions": [{"name": "router", "value": "chat"}],
}


def routed(**routing: Any) -> Body:
    return {"intelligentRoutingSpec": {"enabled": True, **routing}}


def found(rendered: Rendered, kind: str, namespace: str = OPERATORS) -> list[Body]:
    bodies = [each for each in rendered.manifests if each["kind"] == kind]
    return [each for each in bodies if each["metadata"].get("namespace") == namespace]


def container(rendered: Rendered) -> Body:
    (deployment,) = found(rendered, "Deployment")
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(only)


def test_an_endpoint_without_routing_has_nothing_in_the_operators_namespace(rendered: Renders) -> None:
    made = rendered(intelligentRoutingSpec={"enabled": False, "routingStrategy": "session"})
    assert {each["metadata"].get("namespace") for each in made.manifests} == {None, "team-a"}
    assert "chat-routing-service" in [each["metadata"]["name"] for each in made.manifests]


def test_the_service_that_callers_know_leads_to_the_router(rendered: Renders) -> None:
    made = rendered(**routed())
    (service,), (deployment,) = found(made, "Service"), found(made, "Deployment")
    assert service["metadata"]["name"] == "chat-team-a-routing-service"
    (port,) = service["spec"]["ports"]
    assert port["port"] == 443
    ports = {each["name"]: each["containerPort"] for each in container(made)["ports"]}
    assert ports[port["targetPort"]] == 8080
    assert service["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    assert "chat-routing-service" not in [each["metadata"]["name"] for each in made.manifests]


def test_the_router_follows_the_endpoints_own_service(rendered: Renders) -> None:
    args = container(rendered(**routed(routingStrategy="roundrobin")))["args"]
    assert args[0] == "serve"
    assert {"--service=team-a/chat:http", "--strategy=roundrobin"} <= {*args}


def test_two_replicas_of_which_a_drain_may_take_one(rendered: Renders) -> None:
    made = rendered(**routed())
    (deployment,), (budget,) = found(made, "Deployment"), found(made, "PodDisruptionBudget")
    assert deployment["spec"]["replicas"] == 2
    assert budget["spec"]["maxUnavailable"] == 1
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert budget["spec"]["selector"]["matchLabels"] == selector
    spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    assert all(each["labelSelector"]["matchLabels"] == selector for each in spread)


def test_its_objects_are_found_by_labels_and_name_no_owner(rendered: Renders) -> None:
    theirs = [
        each for each in rendered(**routed()).manifests if each["metadata"].get("namespace") == OPERATORS
    ]
    assert len(theirs) == 4
    for each in theirs:
        assert "ownerReferences" not in each["metadata"]
        assert each["metadata"]["labels"]["app.kubernetes.io/component"] == "router"
        assert each["metadata"]["labels"]["inference.sagemaker.aws.amazon.com/owner-namespace"] == "team-a"


def test_no_selector_of_the_model_finds_a_router_pod(rendered: Renders) -> None:
    made = rendered(**routed())
    (deployment,) = found(made, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for service in found(made, "Service", "team-a"):
        assert not service["spec"]["selector"].items() <= labels.items()


def test_names_of_any_length_fit_and_stay_apart(rendered: Renders) -> None:
    long = ["x" * 60 + end for end in ("-a", "-b")]
    services = [found(rendered(metadata={"name": name}, **routed()), "Service")[0] for name in long]
    names = [each["metadata"]["name"] for each in services]
    assert len({*names}) == 2
    assert all(len(name) <= 63 for name in names)


def test_it_drains_as_long_as_the_model_servers_and_then_lets_requests_end(rendered: Renders) -> None:
    (deployment,) = found(rendered(**routed()), "Deployment")
    assert "--drain-delay=15" in container(rendered(**routed()))["args"]
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= 315


def test_image_and_namespace_are_those_of_the_settings(
    endpoint: Callable[..., InferenceEndpointConfig],
) -> None:
    settings = OperatorSettings(namespace="models", router_image="example.com/router:1")
    made = render(endpoint(**routed()), settings)
    (deployment,) = found(made, "Deployment", "models")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "example.com/router:1"
    assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == "pod-reader"


def test_spans_go_where_the_installation_says_and_nowhere_without_a_word(
    endpoint: Callable[..., InferenceEndpointConfig],
) -> None:
    settings = OperatorSettings(otlp_endpoint="http://otel-collector.monitoring:4318")
    spec = routed() | {"metrics": {"enabled": True}}
    told = [
        json.dumps([*render(endpoint(**spec), each).manifests]) for each in (settings, OperatorSettings())
    ]
    # The router, and the proxy beside the model.
    assert [text.count('"OTEL_EXPORTER_OTLP_ENDPOINT"') for text in told] == [2, 0]
    environment = {
        each["name"]: each.get("value") for each in container(render(endpoint(**spec), settings))["env"]
    }
    assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://otel-collector.monitoring:4318"
    whose = "k8s.namespace.name=team-a,hyperpod.resource_name=chat"
    assert environment["OTEL_RESOURCE_ATTRIBUTES"] == whose


def test_the_session_key_is_the_workers(rendered: Renders) -> None:
    worker = {"environmentVariables": [{"name": "SESSION_KEY", "value": "user_id"}]}
    env = container(rendered(**routed(routingStrategy="session"), worker=worker))["env"]
    assert {"name": "SESSION_KEY", "value": "user_id"} in env
    assert [each["name"] for each in container(rendered(**routed()))["env"]] == ["POD_IP"]


def test_a_routers_scaler_owns_its_replicas(endpoint: Callable[..., InferenceEndpointConfig]) -> None:
    settings = OperatorSettings(region="us-west-2")
    spec = endpoint(**routed(autoScalingSpec={"minReplicaCount": 2, "cloudWatchTrigger": CLOUDWATCH}))
    (scaler,) = found(render(spec, settings), "ScaledObject")
    assert scaler["spec"]["scaleTargetRef"]["name"] == "chat-team-a-router"
    owned = Facts(scaled_deployments=frozenset({f"{OPERATORS}/chat-team-a-router"}))
    (deployment,) = found(render(spec, settings, owned), "Deployment")
    assert "replicas" not in deployment["spec"]
    (model,) = found(render(spec, settings, owned), "Deployment", "team-a")
    assert model["spec"]["replicas"] == 1


def test_objects_of_the_router_are_reported_as_its_part(rendered: Renders) -> None:
    parts = rendered(**routed()).parts
    assert [key for key, part in parts.items() if part is Part.ROUTER] == [
        ("Service", "chat-team-a-routing-service"),
        ("PodDisruptionBudget", "chat-team-a-router"),
        ("Deployment", "chat-team-a-router"),
    ]
    assert Part.ROUTER not in rendered().parts.values()


KVAWARE = {**routed(routingStrategy="kvaware"), "kvCacheSpec": {}}


class TestKvEvents:
    """kvaware: the servers publish what they hold, and the router is told where."""

    def test_the_router_is_told_the_port(self, rendered: Renders) -> None:
        assert "--kv-events-port=5557" in container(rendered(**KVAWARE))["args"]
        assert not [each for each in container(rendered(**routed()))["args"] if "kv-events" in each]

    def test_the_server_publishes_where_vllm_binds(self, rendered: Renders) -> None:
        model = self._model(rendered, args=["--model", "/opt/ml/model"])
        assert model["args"][:2] == ["--model", "/opt/ml/model"]
        config = model["args"][model["args"].index("--kv-events-config") + 1]
        assert json.loads(config) == {
            "enable_kv_cache_events": True,
            "publisher": "zmq",
            "endpoint": "tcp://*:5557",
        }
        assert model["env"].count({"name": "PYTHONHASHSEED", "value": "0"}) == 1

    @pytest.mark.parametrize(
        "worker",
        [
            {"args": ["--kv-events-config", "{}"]},
            {"args": ["--kv-events-config={}"]},
            {"command": ["/bin/sh", "-c"], "args": ["exec vllm serve"]},
            {"command": ["vllm", "serve", "--kv-events-config={}"], "args": ["m"]},
        ],
    )
    def test_what_the_user_wrote_stays(self, rendered: Renders, worker: Body) -> None:
        args = self._model(rendered, **worker)["args"]
        assert [each for each in args if each == "--kv-events-config"] == [
            each for each in worker["args"] if each == "--kv-events-config"
        ]

    def test_the_users_hash_seed_stays(self, rendered: Renders) -> None:
        seed = {"name": "PYTHONHASHSEED", "value": "7"}
        env = self._model(rendered, environmentVariables=[seed])["env"]
        assert [each for each in env if each["name"] == "PYTHONHASHSEED"] == [seed]

    def _model(self, rendered: Renders, **worker: Any) -> Body:
        (deployment,) = found(rendered(**KVAWARE, worker=worker), "Deployment", "team-a")
        return dict(deployment["spec"]["template"]["spec"]["containers"][0])
