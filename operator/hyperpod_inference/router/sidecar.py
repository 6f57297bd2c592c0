"""`hyperpod-router sidecar`: the proxy beside one model container.

It counts, limits and, if told to, keeps what passes; it never retries, because there is one model to ask.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from hyperpod_inference.api import names
from hyperpod_inference.router.app import Listen, Router
from hyperpod_inference.router.capture import INPUT, MEBIBYTE, OUTPUT, Capture, CaptureSettings
from hyperpod_inference.router.discovery import Fixed
from hyperpod_inference.router.exchange import Exchange
from hyperpod_inference.router.model_metrics import ModelCounts, ModelMetrics, labels_from
from hyperpod_inference.router.options import (
    ADDRESS,
    CERTIFICATE,
    DRAIN_DELAY,
    HOST,
    KEY,
    LOG_SHARE,
    access_log,
    run,
    tls,
    traced,
)
from hyperpod_inference.router.replicas import Address
from hyperpod_inference.router.settings import Admission, RouterSettings


@click.command()
@HOST
@click.option("--port", type=int, default=names.SIDECAR_PORT, show_default=True)
@click.option("--metrics-port", type=int, default=names.SIDECAR_METRICS_PORT, show_default=True)
@click.option("--upstream", type=ADDRESS, required=True, help="The model container.")
@click.option(
    "--max-concurrent-requests", type=click.IntRange(0), default=0, show_default=True, help="0: no limit."
)
@click.option("--max-queue-size", type=click.IntRange(0), default=0, show_default=True)
@click.option("--overflow-status-code", type=click.IntRange(400, 599), default=429, show_default=True)
@click.option(
    "--request-seconds", type=float, default=3600.0, show_default=True, help="Deadline of a request; 0: none."
)
@click.option("--path", "paths", multiple=True, help="A path to tell apart in metrics; repeat it for more.")
@LOG_SHARE
@DRAIN_DELAY
@click.option(
    "--drain-seconds", type=click.FloatRange(0), default=300.0, show_default=True,
    help="The longest that requests in work may take after that.",
)  # fmt: skip
@click.option(
    "--draining-file", type=click.Path(path_type=Path, dir_okay=False),
    help="Exists from SIGTERM until the last request has ended, so that the model can wait for it.",
)  # fmt: skip
@click.option(
    "--capture-dir", type=click.Path(path_type=Path, file_okay=False),
    help="Keep calls in this spool, for `upload`; turns capture on.",
)  # fmt: skip
@click.option(
    "--capture-sampling-percent", type=click.FloatRange(0, 100), default=100.0, show_default=True,
    help="Share of the calls to keep.",
)  # fmt: skip
@click.option(
    "--capture-options", default="Input,Output", show_default=True, help="What to keep of a call.",
    callback=lambda *given: _directions(given[2]),
)  # fmt: skip
@click.option(
    "--capture-batch-size", type=click.IntRange(1, 1000), default=10, show_default=True,
    help="Calls in a file.",
)  # fmt: skip
@click.option(
    "--capture-flush-seconds", type=click.IntRange(1, 300), default=60, show_default=True,
    help="Longest wait of a call in an open file.",
)  # fmt: skip
@click.option(
    "--capture-max-payload-kb", type=click.IntRange(0, 10240), default=0, show_default=True,
    help="Longer payloads are cut; 0: no limit.",
)  # fmt: skip
@click.option(
    "--capture-max-memory-mb", type=click.IntRange(1), default=64, show_default=True,
    help="Calls that do not fit into memory are not kept.",
)  # fmt: skip
@click.option(
    "--capture-max-spool-mb", type=click.IntRange(1), default=1024, show_default=True,
    help="Calls that do not fit into the spool are not kept.",
)  # fmt: skip
@CERTIFICATE
@KEY
def sidecar(
    host: str, port: int, metrics_port: int, upstream: Address, max_concurrent_requests: int,
    max_queue_size: int, overflow_status_code: int, request_seconds: float, paths: tuple[str, ...],
    access_log_share: float, drain_delay: float, drain_seconds: float, draining_file: Path | None,
    tls_certificate: Path | None, tls_key: Path | None, capture_dir: Path | None,
    capture_sampling_percent: float, capture_options: frozenset[str], capture_batch_size: int,
    capture_flush_seconds: int, capture_max_payload_kb: int, capture_max_memory_mb: int,
    capture_max_spool_mb: int,
) -> None:  # fmt: skip
    """Stand before one model container: limits, capture, metrics (labels from MODEL_LABEL_* variables)."""
    admission = Admission(max_concurrent_requests, max_queue_size, overflow_status_code)
    settings = RouterSettings(
        strategy="roundrobin",
        request_seconds=request_seconds,
        retries=0,
        admission=admission,
        drain_delay=drain_delay,
        drain_seconds=drain_seconds,
    )
    listen = Listen(host, port, metrics_port, tls(tls_certificate, tls_key))
    counts, labels = ModelCounts(paths), labels_from(os.environ)
    capture = None
    if capture_dir is not None:
        capture = Capture(
            CaptureSettings(
                directory=capture_dir,
                sampling_percent=capture_sampling_percent,
                options=capture_options,
                batch_size=capture_batch_size,
                flush_seconds=capture_flush_seconds,
                most_payload=capture_max_payload_kb * 1024,
                most_memory=capture_max_memory_mb * MEBIBYTE,
                most_disk=capture_max_spool_mb * MEBIBYTE,
            )
        )
    if draining_file is not None:
        draining_file.unlink(missing_ok=True)  # of an earlier run of this container, which was killed
    kept = capture.exchange if capture else Exchange
    log, exchange, traces = traced("hyperpod-sidecar", access_log(access_log_share), kept)
    run(
        lambda: Router(
            settings, listen, Fixed([upstream]), log=log, exchange=exchange,
            collector=lambda proxy: ModelMetrics(proxy, counts, labels, capture), metrics=lambda: counts,
        ),
        while_draining=lambda: marked(draining_file),
        around=[traces, capture],
    )  # fmt: skip


def _directions(text: str) -> frozenset[str]:
    given = frozenset(part.strip() for part in text.split(","))
    if not given <= {INPUT, OUTPUT}:
        raise click.BadParameter(f"got {text!r}, expected {INPUT}, {OUTPUT} or {INPUT},{OUTPUT}")
    return given


@contextmanager
def marked(path: Path | None) -> Iterator[None]:
    """`path` exists inside."""
    if path is None:
        yield
        return
    path.touch()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
