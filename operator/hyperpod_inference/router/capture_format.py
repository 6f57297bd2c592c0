"""Captured calls as SageMaker's data capture writes them: JSON lines, one for each call.

The shape is the published one (`captureData`, `eventMetadata`, `eventVersion`), so what reads the files of a
SageMaker endpoint reads these. A payload that was cut says so in a field of its own, `truncated`.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hyperpod_inference.router.spool import Payload, Record

CONTENT_TYPE = "application/jsonlines"
SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True)
class TextTypes:
    """Content types that are kept as text; all others, and what is no UTF-8, become base64."""

    json: frozenset[str] = frozenset({"application/json"})
    csv: frozenset[str] = frozenset({"text/csv"})


def lines(records: Iterable[Record], types: TextTypes) -> bytes:
    """The records as JSON lines."""
    return b"".join(json.dumps(line(record, types)).encode() + b"\n" for record in records)


def line(record: Record, types: TextTypes) -> dict[str, Any]:
    """One record."""
    sides = {
        "endpointInput": _side(record.input, "INPUT", types),
        "endpointOutput": _side(record.output, "OUTPUT", types),
    }
    moment = datetime.fromtimestamp(record.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "captureData": {side: value for side, value in sides.items() if value is not None},
        "eventMetadata": {"eventId": record.id, "inferenceTime": moment},
        "eventVersion": "0",
    }


def key(prefix: str, pod: str, first: Record) -> str:
    """Below the prefix by hour, as SageMaker's are; a batch has one key, however often it is sent."""
    moment = datetime.fromtimestamp(first.at, UTC)
    name = f"{moment:%M-%S}-{int(first.at * 1000) % 1000:03d}-{pod}-{first.id}{SUFFIX}".replace("/", "_")
    return "/".join(part for part in (prefix, f"{moment:%Y/%m/%d/%H}", name) if part)


def _side(payload: Payload | None, mode: str, types: TextTypes) -> dict[str, Any] | None:
    if payload is None:
        return None
    data, encoding = _encoded(payload, types)
    found = {
        "observedContentType": payload.content_type,
        "mode": mode,
        "data": data,
        "encoding": encoding,
    }
    return found | ({"truncated": True} if payload.cut else {})


def _encoded(payload: Payload, types: TextTypes) -> tuple[str, str]:
    kind = payload.content_type.partition(";")[0].strip().lower()
    encoding = "JSON" if kind in types.json else "CSV" if kind in types.csv else ""
    if encoding:
        try:
            # A cut may go through a character; the rest of the text is worth keeping as text.
            return payload.data.decode("utf-8", "ignore" if payload.cut else "strict"), encoding
        except UnicodeDecodeError:
            pass
    return base64.b64encode(payload.data).decode(), "BASE64"
