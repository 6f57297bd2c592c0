"""The stand-in for the metrics collector: the operator's own configuration, real pages, real sockets."""

import http.server
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperpod_inference.local.servers.collector import NotMeant, parse, relabelled

PAGE = """\
# HELP vllm:num_requests_running Requests
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="own"} 2.0
# TYPE calls_total counter
calls_total 7.0
"""


def configuration(target: int, exporter: int, health: int) -> str:
    """As `render` writes it."""
    labels = {"metric_source": "model-container", "model_name": "resource", "pod_name": "${env:WHO}"}
    group = {"targets": [f"${{env:POD_IP}}:{target}"], "labels": labels}
    job = {"job_name": "model-container", "scrape_interval": "1s", "static_configs": [group]}
    return yaml.safe_dump(
        {
            "receivers": {"prometheus": {"config": {"scrape_configs": [job]}}},
            "exporters": {"prometheus": {"endpoint": f"${{env:POD_IP}}:{exporter}"}},
            "extensions": {"health_check": {"endpoint": f"${{env:POD_IP}}:{health}"}},
            "service": {"pipelines": {"metrics": {}}},
        }
    )


@contextmanager
def serving(text: str) -> Iterator[int]:
    """A page on a free port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, text: str, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return str(answer.read().decode())


def until(condition: Callable[[], Any]) -> Any:
    """The first answer that is not empty; 30 seconds at most."""
    waited = threading.Event()
    for _ in range(300):
        try:
            if found := condition():
                return found
        except OSError:
            pass
        waited.wait(0.1)
    raise AssertionError("it did not happen within 30 s")


def test_labels_are_put_on_what_has_none_of_that_name() -> None:
    (target,) = parse(configuration(8000, 1, 2), {"WHO": "chat-1", "POD_IP": "10.0.0.1"}).targets
    comments, samples = relabelled(PAGE, target)
    assert target.url == "http://10.0.0.1:8000/metrics"
    assert samples == [
        'vllm:num_requests_running{engine="0",metric_source="model-container",model_name="own",'
        'pod_name="chat-1"} 2.0',
        'calls_total{metric_source="model-container",model_name="resource",pod_name="chat-1"} 7.0',
    ]
    assert comments == ["# TYPE vllm:num_requests_running gauge", "# TYPE calls_total counter"]


def test_what_only_the_real_collector_does_is_refused_by_name() -> None:
    text = configuration(1, 2, 3).replace(
        "exporters:\n  prometheus:", "exporters:\n  otlp: {}\n  prometheus:"
    )
    with pytest.raises(NotMeant, match="exporters: otlp"):
        parse(text, {})


def test_the_program_offers_what_it_read_and_says_that_a_target_is_down(
    tmp_path: Path, unused_tcp_port_factory: Callable[[], int]
) -> None:
    offered, health = unused_tcp_port_factory(), unused_tcp_port_factory()
    with serving(PAGE) as target:
        (tmp_path / "config.yaml").write_text(configuration(target, offered, health))
        command = [sys.executable, "-m", "hyperpod_inference.local.servers.collector"]
        process = subprocess.Popen(
            [*command, f"--config={tmp_path / 'config.yaml'}"],
            env={"POD_IP": "127.0.0.1", "WHO": "chat-1"},
            stdout=subprocess.DEVNULL,
        )
        try:
            page = until(lambda: "calls_total" in (page := get(offered, "/metrics")) and page)
            assert 'vllm:num_requests_running{engine="0"' in page
            assert 'up{job="model-container"} 1' in page
            assert get(health, "/") == "ok\n"
        except BaseException:
            process.kill()
            process.wait()
            raise
    try:
        assert until(lambda: 'up{job="model-container"} 0' in get(offered, "/metrics"))
    finally:
        process.terminate()
        assert process.wait(10) == 0
