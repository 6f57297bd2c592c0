"""pdSpec: two Deployments, what each is told, where they run, and the router before them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.parse import InvalidResource
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import Facts, Rendered, render
from hyperpod_inference.render.arguments import overridden

Body = dict[str, Any]
Renders = Callable[..., Rendered]
ROLE = "inference.sagemaker.aws.amazon.com/dpd-role"
ARGS = ["--model", "/opt/ml/model", "--max-num-seqs", "64"]
ZONE = "topology.kubernetes.io/zone"
CLOUDWATCH = {
    "metricName": "Tokens",
    "namespace": "Models",
    "targetValue": 10,
    "dimensions": [{"name": "role", "value": "prefill"}],
}


def pd(prefill: Body | None = None, decode: Body | None = None, **more: Any) -> Body:
    return {
        "pdSpec": {"prefillSpec": prefill or {}, "decodingSpec": decode or {}, **more},
        "worker": {"args": ARGS},
        "instanceTypes": ["ml.p5.48xlarge"],
    }


def found(rendered: Rendered, kind: str, name: str) -> Body:
    (body,) = [e for e in rendered.manifests if (e["kind"], e["metadata"]["name"]) == (kind, name)]
    return body


def pod(rendered: Rendered, role: str) -> Body:
    spec: Body = found(rendered, "Deployment", f"{role}-chat")["spec"]["template"]["spec"]
    return spec


def container(rendered: Rendered, role: str) -> Body:
    model: Body = pod(rendered, role)["containers"][0]
    return model


def env(rendered: Rendered, role: str) -> dict[str, Any]:
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in container(rendered, role)["env"]}


def value(args: list[str], flag: str) -> str:
    assert args.count(flag) == 1
    return args[args.index(flag) + 1]


def test_two_deployments_take_the_place_of_the_one(rendered: Renders) -> None:
    made = rendered(**pd({"replicas": 2}, {"replicas": 3}))
    names = [each["metadata"]["name"] for each in made.manifests if each["kind"] == "Deployment"]
    assert names == ["prefill-chat", "decode-chat", "chat-team-a-router"]
    for role, replicas in (("prefill", 2), ("decode", 3)):
        deployment = found(made, "Deployment", f"{role}-chat")
        assert deployment["spec"]["replicas"] == replicas
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert (labels["app"], labels[ROLE]) == ("chat", role)
        assert deployment["spec"]["selector"]["matchLabels"][ROLE] == role
        assert container(made, role)["name"] == f"{role}-chat"


def test_without_pdspec_there_is_the_one_again(rendered: Renders) -> None:
    names = [each["metadata"]["name"] for each in rendered().manifests if each["kind"] == "Deployment"]
    assert names == ["chat"]


@pytest.mark.parametrize("routing", [{}, {"intelligentRoutingSpec": {"enabled": False}}], ids=["none", "off"])
def test_a_router_knows_both_roles_even_without_intelligent_routing(rendered: Renders, routing: Body) -> None:
    router = found(rendered(**pd(routingThreshold=100), **routing), "Deployment", "chat-team-a-router")
    args = router["spec"]["template"]["spec"]["containers"][0]["args"]
    assert "--prefill-service=team-a/prefill-chat:http" in args
    assert "--decode-service=team-a/decode-chat:http" in args
    assert "--routing-threshold=100" in args
    assert "--strategy=prefixaware" in args
    assert not [each for each in args if each.startswith("--service=")]


def test_each_role_has_its_service_and_the_endpoints_own_leads_to_decode(rendered: Renders) -> None:
    made = rendered(**pd())
    for name, role in (("prefill-chat", "prefill"), ("decode-chat", "decode"), ("chat", "decode")):
        selector = found(made, "Service", name)["spec"]["selector"]
        assert selector[ROLE] == role
        labels = found(made, "Deployment", f"{role}-chat")["spec"]["template"]["metadata"]["labels"]
        assert selector.items() <= labels.items()


def test_prefill_sends_what_decode_receives(rendered: Renders) -> None:
    made = rendered(**pd())
    prefill, decode = env(made, "prefill"), env(made, "decode")
    assert (prefill["LMCACHE_PD_ROLE"], decode["LMCACHE_PD_ROLE"]) == ("sender", "receiver")
    for each in (prefill, decode):
        assert each["LMCACHE_ENABLE_PD"] == "True"
        assert each["LMCACHE_SAVE_DECODE_CACHE"] == "False"
        assert each["LMCACHE_PD_BUFFER_SIZE"] == each["PD_BUFFER_SIZE"] == "8589934592"
        assert each["PYTHONHASHSEED"] == "0"
    assert decode["LMCACHE_PD_PEER_HOST"] == "$(POD_IP)"
    assert decode["POD_IP"] == {"fieldRef": {"fieldPath": "status.podIP"}}
    order = [each["name"] for each in container(made, "decode")["env"]]
    assert order.index("POD_IP") < order.index("LMCACHE_PD_PEER_HOST"), "expanded from what stands before"
    assert decode["LMCACHE_PD_PEER_INIT_PORT"].split(",")[0] == "7300"
    roles = {
        role: json.loads(value(container(made, role)["args"], "--kv-transfer-config"))["kv_role"]
        for role in ("prefill", "decode")
    }
    assert roles == {"prefill": "kv_producer", "decode": "kv_consumer"}


def test_the_users_buffer_and_flags_stay(rendered: Renders) -> None:
    spec = pd()
    spec["worker"] = {
        "args": [*ARGS, "--kv-transfer-config", "{}"],
        "environmentVariables": [{"name": "PD_BUFFER_SIZE", "value": "17179869184"}],
    }
    made = rendered(**spec)
    assert env(made, "decode")["LMCACHE_PD_BUFFER_SIZE"] == "17179869184"
    args = container(made, "decode")["args"]
    assert value(args, "--kv-transfer-config") == "{}"
    assert value(args, "--max-num-seqs") == "64"
    assert value(args, "--gpu-memory-utilization") == "0.75"


def test_a_roles_arguments_replace_the_workers(rendered: Renders) -> None:
    made = rendered(**pd({"args": ["--max-num-seqs", "8", "--enforce-eager"]}))
    args = container(made, "prefill")["args"]
    assert args[:5] == ["--model", "/opt/ml/model", "--max-num-seqs", "8", "--enforce-eager"]
    assert value(container(made, "decode")["args"], "--max-num-seqs") == "64"


@pytest.mark.parametrize(
    ("given", "over", "expected"),
    [
        (["--a", "1"], ["--a", "2"], ["--a", "2"]),
        (["--a=1", "--b"], ["--a", "2"], ["--a", "2", "--b"]),
        (["--a_b", "1"], ["--a-b=2"], ["--a-b=2"]),
        (["m", "--a", "1", "2"], ["--a", "3"], ["m", "--a", "3"]),
        (["--a", "-1"], ["--b", "-2"], ["--a", "-1", "--b", "-2"]),
        (["--a", "1", "--a", "2"], ["--a", "3"], ["--a", "3"]),
        (["--a"], [], ["--a"]),
        ([], ["--a", "1"], ["--a", "1"]),
    ],
)
def test_arguments_over_arguments(given: list[str], over: list[str], expected: list[str]) -> None:
    assert [*overridden(given, over)] == expected


def test_a_roles_resources_replace_the_workers(rendered: Renders) -> None:
    made = rendered(**pd({"resources": {"limits": {"nvidia.com/gpu": 4}}}))
    assert container(made, "prefill")["resources"]["limits"]["nvidia.com/gpu"] in (4, "4")
    assert container(made, "decode")["resources"]["limits"]["nvidia.com/gpu"] in (1, "1")


@pytest.mark.parametrize(
    ("types", "gpus", "adapters", "backend"),
    [
        (["ml.p5.48xlarge"], 8, "32", "LIBFABRIC"),
        (["ml.p5.48xlarge"], 2, "8", "LIBFABRIC"),
        (["ml.p5en.48xlarge", "ml.p5.48xlarge"], 8, "16", "LIBFABRIC"),
        (["ml.g5.24xlarge"], 1, "1", "LIBFABRIC"),
        (["ml.g5.xlarge"], 1, None, "UCX"),
        (["ml.p5.48xlarge", "ml.g5.xlarge"], 1, None, "UCX"),
    ],
)
def test_pods_ask_for_their_share_of_the_fabric(
    rendered: Renders, types: list[str], gpus: int, adapters: str | None, backend: str
) -> None:
    role = {"resources": {"limits": {"nvidia.com/gpu": gpus}}}
    made = rendered(**pd(role, role) | {"instanceTypes": types})
    for each in ("prefill", "decode"):
        resources = container(made, each)["resources"]
        assert resources["limits"].get("vpc.amazonaws.com/efa") == adapters
        assert resources["requests"].get("vpc.amazonaws.com/efa") == adapters
        assert env(made, each)["LMCACHE_NIXL_BACKENDS"] == backend


def test_what_the_user_asks_of_the_fabric_stays(rendered: Renders) -> None:
    role = {"resources": {"limits": {"nvidia.com/gpu": 8, "vpc.amazonaws.com/efa": 4}}}
    limits = container(rendered(**pd(role, role)), "decode")["resources"]["limits"]
    assert str(limits["vpc.amazonaws.com/efa"]) == "4"


def test_all_pods_are_kept_in_one_zone_unless_told_otherwise(rendered: Renders) -> None:
    near = pod(rendered(**pd()), "prefill")["affinity"]["podAffinity"]
    (term,) = near["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == ZONE
    assert ROLE not in term["labelSelector"]["matchLabels"], "the two roles follow each other"
    apart = pod(rendered(**pd(topologySpec={"sameAZ": False})), "prefill")
    assert "podAffinity" not in apart["affinity"]
    assert "nodeAffinity" in apart["affinity"]


def test_nodes_are_chosen_by_role_zone_and_placement_group(rendered: Renders) -> None:
    topology = {"availabilityZone": "us-west-2b", "placementGroup": "cluster-1"}
    made = rendered(**pd({"nodeSelector": {"pool": "a"}}, topologySpec=topology))
    common = {ZONE: "us-west-2b", "sagemaker.amazonaws.com/placement-group": "cluster-1"}
    assert pod(made, "prefill")["nodeSelector"] == {"pool": "a", **common}
    assert pod(made, "decode")["nodeSelector"] == common


def test_roles_scale_by_themselves(endpoint: Callable[..., InferenceEndpointConfig]) -> None:
    scaling = {"prefillAutoScaling": {"cloudWatchTrigger": CLOUDWATCH, "maxReplicaCount": 9}}
    spec = endpoint(**pd(autoScalingSpec=scaling), autoScalingSpec={"cloudWatchTrigger": CLOUDWATCH})
    facts = Facts(scaled_deployments=frozenset({"team-a/prefill-chat"}))
    made = render(spec, OperatorSettings(region="us-west-2"), facts)
    (scaler,) = [each for each in made.manifests if each["kind"] == "ScaledObject"]
    assert scaler["metadata"]["name"] == "prefill-chat-scaled-object"
    assert scaler["spec"]["scaleTargetRef"]["name"] == "prefill-chat"
    assert "replicas" not in found(made, "Deployment", "prefill-chat")["spec"]
    assert found(made, "Deployment", "decode-chat")["spec"]["replicas"] == 1


@pytest.mark.parametrize(
    "worker", [{"args": None}, {"command": ["sh", "-c"], "args": ["exec vllm serve"]}], ids=["none", "shell"]
)
def test_a_command_line_that_cannot_be_added_to_is_refused(rendered: Renders, worker: Body) -> None:
    with pytest.raises(InvalidResource, match=r"spec\.worker\.args"):
        rendered(**pd() | {"worker": worker})
