"""`hyperpod-router upload`: what the proxy has spooled goes to S3, batch by batch, oldest first.

A batch is removed from the spool only after S3 has it. What cannot be sent is kept and tried again, later
each time; the spool's bound is the proxy's. On SIGTERM it goes on until the proxy has written its last batch
and everything is sent, or the pod's grace period ends; what is left then is lost with the pod.
"""

import json
import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from hyperpod_inference.cloud.errors import CloudError
from hyperpod_inference.cloud.s3 import Objects
from hyperpod_inference.router import capture_format, spool
from hyperpod_inference.router.capture_format import TextTypes

logger = logging.getLogger(__name__)

POLL = 1.0
"""Seconds between two looks into an empty spool."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before the next try after a failure: doubled each time, with jitter."""
FAILURES_UNTIL_UNHEALTHY = 3
UPLOAD_FAILED = "S3UploadFailure"  # AWS's word in status.dataCaptureStatus
DAMAGED = ".damaged"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where batches go; `pod` is part of each key, so that replicas never write the same one."""

    bucket: str
    prefix: str
    kms_key: str = ""
    pod: str = "pod"


@dataclass(slots=True)
class Health:
    """How uploading goes, as /healthz tells it."""

    uploaded: int = 0
    """Batches since the start."""
    failures: int = 0
    """In a row."""
    problem: str = ""

    def text(self, pending: int) -> str:
        """One JSON object."""
        bad = self.failures >= FAILURES_UNTIL_UNHEALTHY
        told = {
            "status": "Unhealthy" if bad else "Healthy",
            **({"reason": UPLOAD_FAILED, "message": self.problem} if bad else {}),
            "uploaded": self.uploaded,
            "pending": pending,
        }
        return json.dumps(told) + "\n"


@dataclass(slots=True)
class Uploader:
    """One directory to one destination. `wait(seconds)` sleeps, or less when there is a reason."""

    directory: Path
    destination: Destination
    objects: Objects
    types: TextTypes
    wait: Callable[[float], object]
    stopping: Callable[[], bool]
    rng: Callable[[], float] = random.random
    health: Health = field(default_factory=Health)

    def run(self) -> None:
        """Until it is stopping, nobody writes to the spool any more, and it is empty."""
        while True:
            last = self.stopping() and spool.writer_is_gone(self.directory)
            found = spool.batches(self.directory)
            for batch in found:
                if not self.send(batch):
                    break
            else:
                if last:
                    return
                if not found:
                    self.wait(POLL)
                continue
            self.wait(self.pause())

    def send(self, batch: Path) -> bool:
        """Send one batch and remove it; False when it has to be tried again."""
        try:
            with batch.open("rb") as file:
                records = [*spool.records(file)]
        except (OSError, ValueError, KeyError) as problem:
            logger.error("batch %s cannot be read and is set aside: %s", batch.name, problem)
            batch.rename(batch.with_suffix(DAMAGED))
            return True
        if records:
            to = self.destination
            key = capture_format.key(to.prefix, to.pod, records[0])
            body = capture_format.lines(records, self.types)
            try:
                self.objects.put(
                    to.bucket, key, body, content_type=capture_format.CONTENT_TYPE, kms_key=to.kms_key
                )
            except CloudError as problem:
                self.health.failures += 1
                self.health.problem = str(problem)
                logger.warning("s3://%s/%s: %s", to.bucket, key, problem)
                return False
        batch.unlink()
        self.health.uploaded += 1
        self.health.failures = 0
        return True

    def pause(self) -> float:
        """Seconds until the next try: longer with each failure, never the same for all pods."""
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self.health.failures, 10))
        return longest * (0.5 + self.rng() / 2)


def serve_health(host: str, port: int, uploader: Uploader) -> ThreadingHTTPServer:
    """GET /healthz in a thread of its own; 200 also while S3 fails, since a restart cures nothing."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """The one page."""
            body = uploader.health.text(len(spool.batches(uploader.directory))).encode()
            self.send_response(200 if self.path == "/healthz" else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, text: str, *arguments: object) -> None:
            """Quiet: probes ask every few seconds."""

    server = ThreadingHTTPServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
