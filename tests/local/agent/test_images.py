"""The image table: a reference and a command line in, a local program out."""

import sys

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.local import images

LLAMA = [sys.executable, "-m", "hyperpod_inference.local.servers.llamacpp"]


@pytest.mark.parametrize(
    ("reference", "pattern"),
    [
        (names.OPERATOR_IMAGE, "hyperpod-inference/operator:*"),
        ("hyperpod-inference/operator", "hyperpod-inference/operator:*"),
        ("vllm/vllm-openai:v0.10.2", "vllm/vllm-openai:*"),
        ("docker.io/vllm/vllm-openai:latest", "vllm/vllm-openai:*"),
        (f"vllm/vllm-openai@sha256:{'0' * 64}", "vllm/vllm-openai:*"),
        ("lmcache/vllm-openai:v0.3", "lmcache/vllm-openai:*"),
        ("763104351884.dkr.ecr.us-west-2.amazonaws.com/djl-inference:0.33.0-lmi15", "djl-inference:*"),
        ("763104351884.dkr.ecr.us-west-2.amazonaws.com/vllm:0.10-gpu-py312", "vllm:*"),
        ("localhost:5000/hyperpod-local/sleep:1", "hyperpod-local/sleep:*"),
        ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:*"),
    ],
)
def test_an_image_is_known_whatever_registry_it_comes_from(reference: str, pattern: str) -> None:
    assert images.find(reference).pattern == pattern


@pytest.mark.parametrize(
    "reference", ["nginx", "docker.io/library/nginx:1", "evil/vllm-openai:1", "a/b/c@sha256:00"]
)
def test_an_unknown_image_is_refused_with_the_list_of_known_ones(reference: str) -> None:
    with pytest.raises(images.UnknownImage) as caught:
        images.find(reference)
    assert f'"{reference}"' in str(caught.value)
    assert "vllm/vllm-openai:*" in str(caught.value)


@pytest.mark.parametrize(
    ("image", "command", "args", "expected"),
    [
        ("vllm/vllm-openai:1", [], ["--model", "/m"], [*LLAMA, "--model", "/m"]),
        ("vllm/vllm-openai:1", ["vllm", "serve"], ["/m"], [*LLAMA, "/m"]),
        ("vllm/vllm-openai:1", ["vllm", "serve", "/m", "--port", "1"], [], [*LLAMA, "/m", "--port", "1"]),
        (
            "vllm/vllm-openai:1",
            ["python3", "-m", "vllm.entrypoints.openai.api_server"],
            ["--model", "/m"],
            [*LLAMA, "--model", "/m"],
        ),
        ("vllm/vllm-openai:1", ["/bin/sh", "-c", "echo"], [], ["/bin/sh", "-c", "echo"]),
        (
            "registry.k8s.io/pause:3",
            [],
            [],
            [sys.executable, "-m", "hyperpod_inference.local.servers.box", "sleep", "infinity"],
        ),
    ],
)
def test_command_and_args_mean_what_they_mean_for_the_real_image(
    image: str, command: list[str], args: list[str], expected: list[str]
) -> None:
    assert images.find(image).argv(command, args) == expected


def test_the_operators_image_runs_the_command_of_this_package() -> None:
    argv = images.find(names.OPERATOR_IMAGE).argv([], ["operator", "--leader-elect"])
    assert argv[0] == sys.executable
    assert argv[-2:] == ["operator", "--leader-elect"]
