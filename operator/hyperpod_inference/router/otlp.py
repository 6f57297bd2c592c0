"""Sends spans to an OpenTelemetry collector: OTLP over HTTP in its JSON form, in batches, beside the traffic.

What the collector does not take is dropped and counted: traffic never waits for it.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

import aiohttp

from hyperpod_inference import __version__
from hyperpod_inference.router.tracing import Span

logger = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two batches at most."""
BATCH, MOST = 512, 4096
"""Spans in a batch; spans that are held, others are dropped."""
PATIENCE = 10.0
"""Seconds that the collector has to answer; when this process ends, half of that for what is left."""
_SERVER = 2


@dataclass(frozen=True, slots=True)
class Target:
    """Where spans go, and as what. share: of the traces that begin here, 0 to 1."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    resource: Mapping[str, str] = field(default_factory=dict)
    share: float = 1.0


def target(environ: Mapping[str, str], service: str) -> Target | None:
    """What OpenTelemetry's own variables say; None where they ask for no traces.

    service: the name unless OTEL_SERVICE_NAME says another. Raises ValueError for what cannot be kept.
    """
    base = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
    url = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    share = _share(environ)
    if not (base or url) or not share or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    protocol = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "http/json"
    if not protocol.startswith("http/"):
        raise ValueError(f"OTEL_EXPORTER_OTLP_PROTOCOL: got {protocol!r}, expected http/json")
    resource = {"service.name": environ.get("OTEL_SERVICE_NAME") or service}
    return Target(
        url or f"{base.rstrip('/')}/v1/traces",
        _pairs(environ.get("OTEL_EXPORTER_OTLP_HEADERS", "")),
        _pairs(environ.get("OTEL_RESOURCE_ATTRIBUTES", "")) | resource,
        share,
    )


def _share(environ: Mapping[str, str]) -> float:
    sampler = environ.get("OTEL_TRACES_SAMPLER") or "parentbased_always_on"
    if sampler.endswith("always_off"):
        return 0.0
    if not sampler.endswith("traceidratio"):
        return 1.0
    text = environ.get("OTEL_TRACES_SAMPLER_ARG") or "1"
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"OTEL_TRACES_SAMPLER_ARG: got {text!r}, expected a number from 0 to 1")
    return share


def _pairs(text: str) -> dict[str, str]:
    """`key=value,key=value`, percent-encoded."""
    parts = (part.partition("=") for part in text.split(",") if "=" in part)
    return {key.strip(): unquote(value.strip()) for key, _, value in parts}


def document(spans: Sequence[Span], resource: Mapping[str, str]) -> dict[str, Any]:
    """The body of an export request."""
    scope = {"name": "hyperpod-inference", "version": __version__}
    told = {"scope": scope, "spans": [_span(each) for each in spans]}
    return {"resourceSpans": [{"resource": {"attributes": _attributes(resource)}, "scopeSpans": [told]}]}


def _span(span: Span) -> dict[str, Any]:
    made: dict[str, Any] = {
        "traceId": span.trace,
        "spanId": span.id,
        "name": span.name,
        "kind": _SERVER,
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": _attributes(span.attributes),
    }
    if span.parent:
        made["parentSpanId"] = span.parent
    if span.error:
        made["status"] = {"code": 2, "message": span.error}
    return made


def _attributes(values: Mapping[str, str | int | float]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: str | int | float) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"doubleValue": value}


class Exporter:
    """`async with Exporter(target) as exporter`: `exporter.add` takes spans; the rest is sent at the end."""

    def __init__(self, to: Target, every: float = EVERY) -> None:
        self._to, self._every = to, every
        self._held: list[Span] = []
        self._full = asyncio.Event()
        self._complained = False
        self.dropped = 0
        """Spans that no collector took."""

    def add(self, span: Span) -> None:
        """Send it soon."""
        if len(self._held) >= MOST:
            self.dropped += 1
            return
        self._held.append(span)
        if len(self._held) == BATCH:
            self._full.set()

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        self._session = aiohttp.ClientSession(headers=self._to.headers, timeout=timeout)
        self._sending = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sending.cancel()
        await asyncio.gather(self._sending, return_exceptions=True)
        try:
            async with asyncio.timeout(PATIENCE / 2):
                await self.flush()
        except TimeoutError:
            logger.warning("the last spans were not taken in time")
        await self._session.close()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every):  # wait_for may swallow the end on Python 3.11
                    await self._full.wait()
            self._full.clear()
            await self.flush()

    async def flush(self) -> None:
        """Send what is held."""
        while self._held:
            batch = self._held[:BATCH]
            del self._held[:BATCH]
            if not await self._send(batch):
                self.dropped += len(batch)

    async def _send(self, batch: Sequence[Span]) -> bool:
        body = json.dumps(document(batch, self._to.resource)).encode()
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(self._to.url, data=body, headers=headers) as answer:
                problem = "" if answer.status < 300 else f"status {answer.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = str(error) or type(error).__name__
        if problem and not self._complained:
            logger.warning("spans do not reach %s: %s", self._to.url, problem)
        self._complained = bool(problem)
        return not problem
