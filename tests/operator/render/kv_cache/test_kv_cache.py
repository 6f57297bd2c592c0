"""What `kvCacheSpec` adds to the model's pod: variables, flags, volumes, and what is said about it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import Arrangement, Part, render

Body = dict[str, Any]
Makes = Callable[..., InferenceEndpointConfig]
VLLM = {"image": "lmcache/vllm-openai:v0.4.3", "args": ["/opt/ml/model"]}
SGLANG = {
    "image": "lmsysorg/sglang:v0.5.6",
    "command": ["python3", "-m", "sglang.launch_server"],
    "args": ["--model-path", "/opt/ml/model"],
}
TIERED = {"enableL2Cache": True, "l2CacheSpec": {"l2CacheBackend": "tieredstorage"}}
REDIS_URL = "redis://redis.default.svc.cluster.local:6379"
REDIS = {"enableL2Cache": True, "l2CacheSpec": {"l2CacheBackend": "redis", "l2CacheLocalUrl": REDIS_URL}}
CONNECTOR = ["--kv-transfer-config", '{"kv_connector":"LMCacheConnectorV1","kv_role":"kv_both"}']
CONFIG = "chunk_size: 512\nremote_url: sagemaker-hyperpod://10.0.0.1:9200\n"


@pytest.fixture
def built(endpoint: Makes) -> Callable[..., tuple[Body, Body, Arrangement | None]]:
    """built(worker, cache, **spec): the pod template, the model container, and what is told of the cache."""

    def make(worker: Body, cache: Body | None, **spec: Any) -> tuple[Body, Body, Arrangement | None]:
        types = {} if "instanceTypes" in spec else {"instanceType": "ml.g5.8xlarge"}
        rendered = render(endpoint(worker=worker, kvCacheSpec=cache, **types, **spec), OperatorSettings())
        (deployment,) = [each for each in rendered.manifests if each["kind"] == "Deployment"]
        template = deployment["spec"]["template"]
        told = [each for each in rendered.arrangements if each.part is Part.KV_CACHE]
        return template, template["spec"]["containers"][0], told[0] if told else None

    return make


def env(container: Body) -> Body:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container.get("env", ())}


@pytest.mark.parametrize(
    "cache", [None, {"enableL1Cache": False}, {"enableL1Cache": False, "enableL2Cache": False}]
)
def test_without_a_level_that_is_on_nothing_is_added_and_nothing_told(built: Any, cache: Body | None) -> None:
    _, container, told = built(VLLM, cache)
    assert (container["args"], env(container), told) == (["/opt/ml/model"], {}, None)


def test_the_first_level_in_vllm_is_lmcache_in_the_hosts_memory(built: Any) -> None:
    _, container, told = built(VLLM, {})
    assert container["args"] == ["/opt/ml/model", *CONNECTOR]
    assert env(container) == {
        "PYTHONHASHSEED": "0",
        "LMCACHE_LOCAL_CPU": "True",
        "LMCACHE_MAX_LOCAL_CPU_SIZE": "51",
    }
    assert told.works
    assert "L1 is 51 GiB of memory for each worker (from ml.g5.8xlarge with 128 GiB" in told.message


def test_redis_is_the_second_level_beside_the_first(built: Any) -> None:
    _, container, told = built(VLLM, REDIS)
    assert env(container)["LMCACHE_REMOTE_URL"] == REDIS_URL
    assert env(container)["LMCACHE_REMOTE_SERDE"] == "naive"
    assert env(container)["LMCACHE_LOCAL_CPU"] == "True"
    assert f"L2 is {REDIS_URL}" in told.message


def test_a_redis_address_without_a_scheme_is_completed_and_a_password_never_told(built: Any) -> None:
    address = {"l2CacheBackend": "Redis", "l2CacheLocalUrl": "user:secret@redis:6379"}
    _, container, told = built(VLLM, REDIS | {"l2CacheSpec": address})
    assert env(container)["LMCACHE_REMOTE_URL"] == "redis://user:secret@redis:6379"
    assert "secret" not in told.message


def test_a_second_level_alone_gets_a_buffer_only(built: Any) -> None:
    _, container, told = built(VLLM, REDIS | {"enableL1Cache": False})
    assert env(container)["LMCACHE_LOCAL_CPU"] == "False"
    assert env(container)["LMCACHE_MAX_LOCAL_CPU_SIZE"] == "5"
    assert "L1 is off" in told.message


def test_tiered_storage_is_the_nodes_daemon_and_its_one_file_of_shared_memory(built: Any) -> None:
    template, container, told = built(VLLM, TIERED)
    names = [each["name"] for each in container["env"]]
    assert names.index("NODE_IP") < names.index("LMCACHE_REMOTE_URL"), "it is referred to"
    values = env(container)
    assert values["NODE_IP"] == {"fieldRef": {"fieldPath": "status.hostIP"}}
    assert values["LMCACHE_REMOTE_URL"] == "sagemaker-hyperpod://$(NODE_IP):9200"
    assert values["LMCACHE_SAVE_UNFULL_CHUNK"] == "True"
    assert json.loads(values["LMCACHE_EXTRA_CONFIG"]) == {
        "sagemaker_hyperpod_shared_memory_name": "ai_toolkit_cache"
    }
    assert values["LMCACHE_MAX_LOCAL_CPU_SIZE"] == "40", "the daemon takes 20 % of the instance"
    (volume,) = [each for each in template["spec"]["volumes"] if "hostPath" in each]
    assert volume["hostPath"] == {"path": "/dev/shm/ai_toolkit_cache", "type": "File"}  # noqa: S108
    assert {"name": volume["name"], "mountPath": "/dev/shm/ai_toolkit_cache"} in container["volumeMounts"]  # noqa: S108
    assert "tiered storage" in told.message


def test_a_configuration_of_the_users_own_replaces_all_variables(built: Any) -> None:
    template, container, told = built(VLLM, {"cacheConfigFile": CONFIG})
    (volume,) = [each for each in template["spec"]["volumes"] if each["name"] == "lmcache-config"]
    (item,) = volume["downwardAPI"]["items"]
    key = item["fieldRef"]["fieldPath"].split("'")[1]
    assert template["metadata"]["annotations"][key] == CONFIG
    assert env(container)["LMCACHE_CONFIG_FILE"] == f"/etc/lmcache/{item['path']}"
    assert not [each for each in env(container) if each.startswith("LMCACHE_") and "CONFIG" not in each]
    assert container["args"][-2:] == CONNECTOR
    assert [each for each in template["spec"]["volumes"] if "hostPath" in each], "the text names the daemon"
    assert "cacheConfigFile (its text)" in told.message


def test_the_path_of_a_configuration_is_passed_on(built: Any) -> None:
    _, container, _ = built(VLLM, {"cacheConfigFile": "/opt/ml/model/lmcache.yaml"})
    assert env(container)["LMCACHE_CONFIG_FILE"] == "/opt/ml/model/lmcache.yaml"


def test_a_variable_of_the_users_is_left_as_it_is_and_told(built: Any) -> None:
    own = [{"name": "LMCACHE_MAX_LOCAL_CPU_SIZE", "value": "7"}, {"name": "PYTHONHASHSEED", "value": "1"}]
    _, container, told = built(VLLM | {"environmentVariables": own}, {})
    assert env(container)["LMCACHE_MAX_LOCAL_CPU_SIZE"] == "7"
    assert [each["name"] for each in container["env"]].count("PYTHONHASHSEED") == 1
    assert "left as it is: PYTHONHASHSEED, LMCACHE_MAX_LOCAL_CPU_SIZE" in told.message


def test_a_configuration_file_in_the_users_variables_stands_for_all_others(built: Any) -> None:
    own = [{"name": "LMCACHE_CONFIG_FILE", "value": "/etc/mine.yaml"}]
    _, container, told = built(VLLM | {"environmentVariables": own}, REDIS)
    assert {*env(container)} == {"LMCACHE_CONFIG_FILE", "PYTHONHASHSEED"}
    assert "LMCACHE_CONFIG_FILE" in told.message


@pytest.mark.parametrize("flag", ["--kv-transfer-config={}", "--kv_transfer_config", "--kv-offloading-size"])
def test_a_connector_of_the_users_is_not_given_twice(built: Any, flag: str) -> None:
    _, container, told = built(VLLM | {"args": ["/opt/ml/model", flag]}, {})
    assert container["args"] == ["/opt/ml/model", flag]
    assert told.works
    assert "left as it is: --kv-" in told.message


@pytest.mark.parametrize(
    ("worker", "why"),
    [
        ({"command": ["/bin/bash", "-lc", "vllm serve /opt/ml/model"], "args": None}, "through a shell"),
        ({"args": None}, "neither command nor args"),
    ],
)
def test_where_no_flag_can_be_added_the_flag_to_write_is_told(built: Any, worker: Body, why: str) -> None:
    _, container, told = built(VLLM | worker, {})
    assert "args" not in container
    assert not told.works
    assert why in told.message
    assert " ".join(CONNECTOR) in told.message


def test_the_first_level_in_sglang_is_its_own_hierarchical_cache(built: Any) -> None:
    _, container, told = built(SGLANG, {})
    assert container["args"][2:] == ["--enable-hierarchical-cache", "--hicache-size", "54"], "GB, of 51 GiB"
    assert env(container) == {}
    assert "its own hierarchical cache" in told.message


def test_sglangs_host_pool_is_raised_above_its_pool_on_the_gpu_or_left_off(built: Any) -> None:
    _, container, _ = built(SGLANG, {}, instanceTypes=["ml.p5en.48xlarge"])
    assert container["args"][-1] == "149", "139 GiB, more than 90 % of 141"
    _, container, told = built(SGLANG, {}, instanceTypes=["ml.p6-b200.48xlarge"])
    assert container["args"] == SGLANG["args"]
    assert not told.works
    assert "SGLang needs more than 162 GiB" in told.message
    smaller = SGLANG | {"args": ["--mem-fraction-static=0.6"]}
    _, container, _ = built(smaller, {}, instanceTypes=["ml.p6-b200.48xlarge"])
    assert container["args"][-2] == "--hicache-size"


@pytest.mark.parametrize(
    ("own", "added"),
    [
        (["--hicache-ratio", "2"], ["--enable-hierarchical-cache"]),
        (["--enable-hierarchical-cache", "--hicache-size=30"], []),
        (["--enable-lmcache"], []),
        (["--disable-radix-cache"], []),
    ],
)
def test_sglangs_own_flags_of_the_user_decide(built: Any, own: list[str], added: list[str]) -> None:
    _, container, told = built(SGLANG | {"args": own}, {})
    assert container["args"] == [*own, *added]
    assert told.works


def test_a_second_level_in_sglang_is_lmcaches_and_so_is_the_first(built: Any) -> None:
    template, container, told = built(SGLANG, TIERED)
    assert container["args"][2:] == ["--enable-lmcache"]
    assert env(container)["LMCACHE_USE_LAYERWISE"] == "True"
    assert env(container)["LMCACHE_MAX_LOCAL_CPU_SIZE"] == "40"
    assert [each for each in template["spec"]["volumes"] if "hostPath" in each]
    assert "SGLang with LMCache" in told.message


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("ghcr.io/huggingface/text-generation-inference:3.3", "neither a vLLM nor an SGLang one"),
        ("111122223333.dkr.ecr.us-west-2.amazonaws.com/djl-inference:0.33.0-lmi15", "neither a vLLM nor"),
    ],
)
def test_another_server_is_left_alone_and_that_is_told(built: Any, image: str, said: str) -> None:
    _, container, told = built({"image": image, "args": ["--port", "8000"]}, {})
    assert container["args"] == ["--port", "8000"]
    assert not told.works
    assert said in told.message


def test_an_image_whose_name_says_nothing_counts_as_vllm(built: Any) -> None:
    _, container, told = built({"image": "registry.example.com/ours:1", "args": ["/opt/ml/model"]}, {})
    assert container["args"][1:] == CONNECTOR
    assert "taken for vLLM" in told.message


def test_neuron_devices_have_no_such_cache(built: Any) -> None:
    resources = {"resources": {"limits": {"nvidia.com/gpu": None, "aws.amazon.com/neurondevice": "1"}}}
    _, _, told = built(VLLM | resources, {}, instanceTypes=["ml.inf2.8xlarge"])
    assert not told.works
    assert "Neuron" in told.message


def test_too_little_memory_sets_nothing_up(built: Any) -> None:
    limits = {"resources": {"limits": {"nvidia.com/gpu": "1", "memory": "2Gi"}}}
    _, container, told = built(VLLM | limits, {})
    assert env(container) == {}
    assert "40 % of what one worker has of the memory limit of 2 GiB is 0 GiB" in told.message


def test_memory_that_the_request_does_not_cover_is_told(built: Any) -> None:
    def requests(memory: str) -> Body:
        return {"resources": {"requests": {"memory": memory}}}

    assert "does not cover these 51 GiB" in built(VLLM | requests("24Gi"), {})[2].message
    assert "cover" not in built(VLLM | requests("100Gi"), {})[2].message
