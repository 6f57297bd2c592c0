"""The real engine answers, and says clearly when it cannot."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.local.servers import front, llamacpp, weights

ADDRESS = {"HYPERPOD_LOCAL_POD_IP": "10.244.1.1"}


@pytest.mark.parametrize(
    ("arguments", "environ", "expected"),
    [
        ([], {}, {"model": "/opt/ml/model", "port": 8000, "context": 2048, "names": ("/opt/ml/model",)}),
        (["--model", "/m", "--port", "81"], {}, {"model": "/m", "port": 81}),
        (["/m", "--port=81"], {}, {"model": "/m", "port": 81}),
        (["--served-model-name", "a", "b", "--model", "/m"], {}, {"names": ("a", "b"), "model": "/m"}),
        (["--max-model-len", "512"], {}, {"context": 512}),
        (["--max-model-len", "131072"], {}, {"context": 2048}),
        (["--tensor-parallel-size", "8", "--model", "/m"], {}, {"ignored": ("--tensor-parallel-size=8",)}),
        (["--dtype", "half", "/m", "--enforce-eager"], {}, {"model": "/m"}),
        ([], {"OPTION_MODEL_ID": "/w", "SERVING_PORT": "8080"}, {"model": "/w", "port": 8080}),
        ([], ADDRESS, {"address": "10.244.1.1"}),
        (["--host", "0.0.0.0"], ADDRESS, {"address": "10.244.1.1"}),  # noqa: S104 - what people write
    ],
)
def test_vllms_command_line_is_understood(
    arguments: list[str], environ: dict[str, str], expected: Any
) -> None:
    options = llamacpp.parse(arguments, environ)
    assert {key: getattr(options, key) for key in expected} == expected


def test_weights_are_found_below_the_models_path(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/model.gguf").touch()
    assert llamacpp.find_weights(str(tmp_path)) == tmp_path / "deep/model.gguf"
    assert llamacpp.find_weights(str(tmp_path / "deep/model.gguf")) == tmp_path / "deep/model.gguf"


def test_missing_weights_are_told_with_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(llamacpp.NoWeights, match=r"no \*.gguf file under .* holds model.safetensors"):
        llamacpp.find_weights(str(tmp_path))
    with pytest.raises(
        llamacpp.NoWeights, match="no model at org/name: local nodes serve weights from a volume"
    ):
        llamacpp.find_weights("org/name")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"messages": []}', "/v1/chat/completions"),
        (b'{"prompt": "x"}', "/v1/completions"),
    ],
)
def test_an_invocation_goes_where_its_body_belongs(body: bytes, path: str) -> None:
    assert front.invocation_path(body) == path


@pytest.mark.parametrize(
    ("body", "message"), [(b"x", "not JSON"), (b"{}", "neither 'messages' nor 'prompt'")]
)
def test_a_wrong_invocation_says_what_is_missing(body: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        front.invocation_path(body)


def test_metrics_carry_vllms_names_too() -> None:
    text = front.vllm_metrics("llamacpp:requests_processing 2\nllamacpp:other 1\n", "m")
    assert 'vllm:num_requests_running{engine="0",model_name="m"} 2' in text
    assert "llamacpp:other 1" in text


def test_seeding_a_bucket_puts_the_weights_where_a_volume_finds_them(tmp_path: Path) -> None:
    source = tmp_path / "model.gguf"
    source.write_bytes(b"gguf")
    target = weights.seed_s3(tmp_path / "state", "bucket", "some/prefix/", source)
    assert target == tmp_path / "state/s3/bucket/some/prefix" / weights.FILE_NAME
    assert target.read_bytes() == b"gguf"
    assert weights.seed_s3(tmp_path / "state", "bucket", "some/prefix/", source) == target
    with pytest.raises(weights.WeightsError, match="call ensure_weights first"):
        weights.seed_s3(tmp_path, "b", "p", tmp_path / "none")


class Engine:
    """A running server and how to ask it."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.process, self._base = process, f"http://127.0.0.1:{port}"

    def ask(self, path: str, body: Any = None) -> tuple[int, str]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read().decode()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """The engine with the real weights, on loopback."""
    path = weights.ensure_weights()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "hyperpod_inference.local.servers.llamacpp", "--model", str(path)]
    command += ["--served-model-name", "smollm2", "--port", str(port), "--gpu-memory-utilization", "0.9"]
    environ = os.environ | {"HYPERPOD_LOCAL_POD_IP": "127.0.0.1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        assert server.stdout is not None
        for line in server.stdout:
            if line.startswith("INFO serving"):
                break
        yield Engine(server, port)
        server.terminate()
        server.stdout.read()
        assert server.wait(20) == 0


CHAT = {"messages": [{"role": "user", "content": "What is gravity?"}], "max_tokens": 12, "temperature": 0}


def test_a_chat_completion_is_a_real_one(engine: Engine) -> None:
    status, text = engine.ask("/v1/chat/completions", CHAT | {"model": "smollm2"})
    answer = json.loads(text)
    assert status == 200
    assert "ravity" in answer["choices"][0]["message"]["content"]
    assert answer["usage"]["completion_tokens"] == 12
    assert answer["model"] == "smollm2"


def test_a_completion_streams_in_chunks(engine: Engine) -> None:
    _, text = engine.ask("/invocations", CHAT | {"stream": True})
    events = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    assert len(events) > 10
    deltas = [json.loads(event)["choices"][0]["delta"] for event in events[:-1]]
    assert "ravity" in "".join(delta.get("content") or "" for delta in deltas)


@pytest.mark.parametrize(
    ("path", "part"),
    [("/health", "ok"), ("/ping", ""), ("/v1/models", "smollm2"), ("/metrics", "vllm:num_requests_running")],
)
def test_health_models_and_metrics_are_served(engine: Engine, path: str, part: str) -> None:
    status, text = engine.ask(path)
    assert status == 200
    assert part in text


def test_without_weights_the_engine_ends_with_a_message(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hyperpod_inference.local.servers.llamacpp", "--model", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == llamacpp.EXIT_NO_WEIGHTS
    assert "no *.gguf file under" in done.stdout
