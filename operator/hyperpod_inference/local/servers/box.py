"""Small programs for tries and tests: wait, fail, answer HTTP. They end at once on SIGTERM.

`python -m hyperpod_inference.local.servers.box NAME ...`, in the role of the `hyperpod-local/*` images.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType


def main(arguments: Sequence[str]) -> int:
    """Run the named program."""
    signal.signal(signal.SIGTERM, _leave)
    parser = argparse.ArgumentParser(prog="hyperpod-local")
    programs = parser.add_subparsers(dest="program", required=True)
    sleep = programs.add_parser("sleep")
    sleep.add_argument("seconds", nargs="?", default="infinity")
    crash = programs.add_parser("crash")
    crash.add_argument("--code", type=int, default=1)
    crash.add_argument("--after", type=float, default=0)
    crash.add_argument("line", nargs="*", default=["crashing on purpose"])
    echo = programs.add_parser("http-echo")
    echo.add_argument("--port", type=int, default=8080)
    echo.add_argument("--text", default="hello")
    echo.add_argument("--unready-file", type=Path, help="answer 503 on /ready while this file exists")
    sink = programs.add_parser("http-sink")
    sink.add_argument("--port", type=int, default=4318)
    options = parser.parse_args(arguments)
    known = {"sleep": _sleep, "crash": _crash, "http-echo": _echo, "http-sink": _sink}
    return known[options.program](options)


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(0)


def _sleep(options: argparse.Namespace) -> int:
    if options.seconds == "infinity":
        while True:
            signal.pause()
    time.sleep(float(options.seconds))
    return 0


def _crash(options: argparse.Namespace) -> int:
    for line in options.line:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    time.sleep(options.after)
    return int(options.code)


def _echo(options: argparse.Namespace) -> int:
    address = _address()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer with who and where this pod is."""
            unready = options.unready_file is not None and options.unready_file.exists()
            status = 503 if self.path == "/ready" and unready else 200
            pod = {"text": options.text, "pod": os.environ.get("HOSTNAME", ""), "path": self.path}
            body = json.dumps(pod | {"address": address}).encode() + b"\n"
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, text: str, *arguments: object) -> None:
            """Log every request to standard output."""
            sys.stdout.write(f"{text % arguments}\n")
            sys.stdout.flush()

    return _serve(Handler, options.port)


def _sink(options: argparse.Namespace) -> int:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Take it, and log it as a line."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sys.stdout.write(json.dumps({"path": self.path, "body": body.decode("utf-8", "replace")}) + "\n")
            sys.stdout.flush()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, text: str, *arguments: object) -> None:
            """Only what was POSTed."""

    return _serve(Handler, options.port)


def _address() -> str:
    return os.environ.get("HYPERPOD_LOCAL_POD_IP", "127.0.0.1")


def _serve(handler: type[BaseHTTPRequestHandler], port: int) -> int:
    with ThreadingHTTPServer((_address(), port), handler) as server:
        sys.stdout.write(f"listening on {_address()}:{port}\n")
        sys.stdout.flush()
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
