"""Stands for the OpenTelemetry Collector on local nodes: reads Prometheus targets, offers them as one page.

It reads the collector's own configuration file and does the part of it that the operator writes: a prometheus
receiver with static targets and labels, a prometheus exporter, health_check. Anything else in the file is
refused by name, so that nobody takes this program for the real one. `python -m … --config=FILE`.
"""

import argparse
import os
import re
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

_VARIABLE = re.compile(r"\$\{env:(\w+)\}")
_MEANT = {
    "receivers": {"prometheus"},
    "exporters": {"prometheus"},
    "extensions": {"health_check"},
    "service": {"extensions", "pipelines", "telemetry"},
}
_UNITS = {"s": 1.0, "m": 60.0}
TIMEOUT = 5.0
"""Seconds that a target may take to answer."""


class NotMeant(Exception):  # noqa: N818 - an answer for the user
    """The configuration asks for something that only the real collector does."""


@dataclass(frozen=True, slots=True)
class Target:
    """A page to read, how often (seconds), and the labels to put on what it does not label itself."""

    job: str
    url: str
    interval: float
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What of a collector's configuration is done here; addresses are (host, port)."""

    targets: tuple[Target, ...]
    exporter: tuple[str, int]
    health: tuple[str, int]


def parse(text: str, environ: Mapping[str, str]) -> Configuration:
    """Read a configuration; raises NotMeant for what is not done here."""
    raw = yaml.safe_load(_VARIABLE.sub(lambda match: environ.get(match[1], ""), text))
    for block, known in _MEANT.items():
        unknown = {*raw.get(block, {})} - known
        if unknown:
            raise NotMeant(f"{block}: {', '.join(sorted(unknown))} is not done by this stand-in")
    scrapes = raw["receivers"]["prometheus"]["config"]["scrape_configs"]
    return Configuration(
        targets=tuple(target for scrape in scrapes for target in _targets(scrape)),
        exporter=_address(raw["exporters"]["prometheus"]["endpoint"]),
        health=_address(raw["extensions"]["health_check"]["endpoint"]),
    )


def _targets(scrape: Mapping[str, Any]) -> Iterator[Target]:
    interval = scrape.get("scrape_interval", "60s")
    for group in scrape["static_configs"]:
        for address in group["targets"]:
            yield Target(
                job=scrape["job_name"],
                url=f"http://{address}{scrape.get('metrics_path', '/metrics')}",
                interval=float(interval[:-1]) * _UNITS[interval[-1]],
                labels=tuple((key, str(value)) for key, value in group.get("labels", {}).items()),
            )


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def relabelled(text: str, target: Target) -> tuple[list[str], list[str]]:
    """The (comment, sample) lines of a page with the target's labels; a label that is there already stays."""
    comments, samples = [], []
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        comments.append(f"# TYPE {name} {family.type if family.type != 'unknown' else 'untyped'}")
        for sample in family.samples:
            labels = dict(target.labels) | sample.labels
            shown = ",".join(f'{key}="{_escaped(value)}"' for key, value in sorted(labels.items()))
            samples.append(f"{sample.name}{{{shown}}} {sample.value!r}")
    return comments, samples


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


class Collector:
    """The latest page of every target."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._pages: dict[Target, tuple[list[str], list[str]]] = {}

    def scrape(self, target: Target) -> None:
        """Read one target; one that does not answer has no page until it does."""
        try:
            with urllib.request.urlopen(target.url, timeout=TIMEOUT) as answer:  # noqa: S310 - http, see above
                self._pages[target] = relabelled(answer.read().decode(), target)
        except (OSError, ValueError) as error:
            self._pages.pop(target, None)
            _say(f"{target.job}: {target.url}: {error}")

    def follow(self, target: Target) -> None:
        """Read it for ever."""
        while True:
            self.scrape(target)
            time.sleep(target.interval)

    def page(self) -> str:
        """All targets' metrics."""
        pages = [*self._pages.items()]
        lines = [*dict.fromkeys(line for _, (comments, _) in pages for line in comments)]
        for target in self._configuration.targets:
            up = int(any(target == seen for seen, _ in pages))
            lines.append(f'up{{job="{target.job}"}} {up}')
        return "\n".join([*lines, *(line for _, (_, samples) in pages for line in samples)]) + "\n"


def _server(address: tuple[str, int], pages: Mapping[str, Any]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """One of the pages."""
            page = pages.get(self.path.partition("?")[0])
            body = page().encode() if page else b"not found\n"
            self.send_response(200 if page else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, text: str, *arguments: object) -> None:
            """Quiet: probes ask every few seconds."""

    return ThreadingHTTPServer(address, Handler)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(0)


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Serve until SIGTERM."""
    signal.signal(signal.SIGTERM, _leave)
    parser = argparse.ArgumentParser(prog="otel-collector")
    parser.add_argument("--config", type=Path, required=True)
    try:
        configuration = parse(parser.parse_args(arguments).config.read_text(), environ)
    except NotMeant as error:
        _say(str(error))
        return 1
    collector = Collector(configuration)
    health = _server(configuration.health, {"/": lambda: "ok\n"})
    offered = _server(configuration.exporter, {"/metrics": collector.page})
    threading.Thread(target=health.serve_forever, daemon=True).start()
    for each in configuration.targets:
        threading.Thread(target=collector.follow, args=(each,), daemon=True).start()
    _say(f"scraping {', '.join(each.url for each in configuration.targets)}")
    offered.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
