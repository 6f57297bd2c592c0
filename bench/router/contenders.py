"""The routers of the comparison and how each is started: ours, the peers that are installed, nginx, none."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Contender:
    """A router: its name and command; no command: the clients talk to the model servers themselves."""

    name: str
    command: list[str]
    port: int


def everyone(
    backends: Sequence[str], peers: Path | None, nginx: str | None, ours: Sequence[str], port: int
) -> list[Contender]:
    """`backends` are HOST:PORT; `ours` our own strategies, to the first of which the
    ratios refer; they listen on `port` and the ones after it."""
    found: list[Contender] = []

    def add(name: str, command: list[str], width: int = 2) -> None:
        nonlocal port
        found.append(Contender(name, [part.format(port=port, second=port + 1) for part in command], port))
        port += width

    serve = ["serve", "--host", "127.0.0.1"]
    serve += [argument for each in backends for argument in ("--replica", each)]
    program = [str(Path(sys.executable).parent / "hyperpod-router"), *serve]
    for strategy in ours:
        options = ["--strategy", strategy, "--port", "{port}", "--admin-port", "{second}"]
        if strategy == "kvaware":
            options += ["--kv-events-port", "5557"]
        add(f"hyperpod-router {strategy}", [*program, *options])
    uncounted = [sys.executable, str(Path(__file__).with_name("uncounted.py")), *serve]
    add("uncounted", [*uncounted, "--strategy", ours[0], "--port", "{port}", "--admin-port", "{second}"])
    urls = [f"http://{each}" for each in backends]
    for binary, arguments, policy, more in PEERS:
        if peers is not None and (peers / binary).exists():
            command = [str(peers / binary), *arguments, "--host", "127.0.0.1", "--port", "{port}"]
            command += ["--policy", policy, "--worker-urls", *urls, "--prometheus-port", "{second}"]
            name = f"{binary} {policy}{' tuned' if more else ''}"
            add(name, [*command, *more, "--log-level", "error"])
    if nginx:
        add("nginx", [nginx, "-e", "stderr", "-c", nginx_configuration(backends, port)])
    found.append(Contender("no router", [], int(backends[0].rpartition(":")[2])))
    return found


TUNED = ["--balance-abs-threshold", "24", "--cache-threshold", "0.7"]
"""sglang-router's cache_aware, tuned on generated multi-turn load; its defaults are 64 and 0.3."""
PEERS: list[tuple[str, list[str], str, list[str]]] = [
    ("sglang-router", ["launch"], "cache_aware", []),
    ("sglang-router", ["launch"], "cache_aware", TUNED),
    ("sglang-router", ["launch"], "round_robin", []),
    ("vllm-router", [], "round_robin", []),
    ("vllm-router", [], "consistent_hash", []),
    ("smg", ["launch"], "cache_aware", []),
    ("smg", ["launch"], "round_robin", []),
]


def nginx_configuration(backends: Sequence[str], port: int) -> str:
    """A file that makes nginx the same kind of proxy: keep-alive on both sides, one worker, no buffering."""
    folder = Path(tempfile.mkdtemp(prefix="bench-nginx-"))
    servers = " ".join(f"server {each};" for each in backends)
    paths = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = f"""
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 1000000000; client_max_body_size 64m; {paths}
    client_body_buffer_size 1m; tcp_nodelay on;
    upstream servers {{ {servers} keepalive 512; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://servers; proxy_http_version 1.1; proxy_buffering off;
            proxy_set_header Connection "";
        }}
    }}
}}
"""
    (folder / "nginx.conf").write_text(text)
    return str(folder / "nginx.conf")


@contextmanager
def started(command: Sequence[str]) -> Iterator[int]:
    """The id of a process in a group of its own, killed as one; 0 when there is nothing to start."""
    if not command:
        yield 0
        return
    environ = {**os.environ, "RUST_LOG": "error"}
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, env=environ
    )
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
