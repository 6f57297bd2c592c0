"""From the spool to the store: what is sent, tried again, kept and removed."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.cloud.errors import CloudError, Denied, Unreachable
from hyperpod_inference.router import capture_format, spool
from hyperpod_inference.router.capture_format import TextTypes
from hyperpod_inference.router.spool import Payload, Record, SpoolWriter
from hyperpod_inference.router.uploading import Destination, Uploader

AT = 1_764_072_000.25  # 2025-11-25 12:00:00.25 UTC


class Store:
    """Keeps what is put; answers with the next of `problems` while there are any."""

    def __init__(self, *problems: CloudError) -> None:
        self.problems = [*problems]
        self.objects: dict[str, bytes] = {}
        self.puts: list[dict[str, Any]] = []

    def put(self, bucket: str, key: str, body: bytes, **given: Any) -> None:
        self.puts.append(given | {"bucket": bucket, "key": key})
        if self.problems:
            raise self.problems.pop(0)
        self.objects[key] = body


def record(name: str, at: float = AT, **payloads: Payload) -> Record:
    return Record(name, at, payloads.get("input"), payloads.get("output"))


@pytest.fixture
def spooled(tmp_path: Path) -> Callable[..., None]:
    """spooled(records…): a finished batch for each, and no writer any more."""

    def write(*records: Record) -> None:
        writer = SpoolWriter(tmp_path, 1, 1_000_000)
        for each in records:
            assert writer.append(each)
        writer.close()

    return write


def uploader(directory: Path, store: Store, waits: list[float] | None = None, **given: Any) -> Uploader:
    """One that ends as soon as the spool is empty."""
    return Uploader(
        directory=directory,
        destination=Destination("bucket", "capture/abc/pod", given.pop("kms_key", ""), "chat-1"),
        objects=store,
        types=TextTypes(),
        wait=(waits if waits is not None else []).append,
        stopping=lambda: True,
        rng=lambda: 1.0,
    )


def test_a_batch_goes_to_a_key_of_its_hour_and_pod_and_leaves_the_spool(
    tmp_path: Path, spooled: Callable[..., None]
) -> None:
    spooled(record("call-1", input=Payload("application/json", b'{"a": 1}')))
    store = Store()
    uploader(tmp_path, store, kms_key="arn:aws:kms:us-west-2:111122223333:key/1").run()
    assert [*store.objects] == ["capture/abc/pod/2025/11/25/12/00-00-250-chat-1-call-1.jsonl"]
    assert store.puts[0]["kms_key"].endswith("key/1")
    assert store.puts[0]["content_type"] == "application/jsonlines"
    assert spool.batches(tmp_path) == []


def test_a_record_has_the_published_shape() -> None:
    sides = {
        "input": Payload("application/json", b'{"a": 1}'),
        "output": Payload("text/csv; charset=utf-8", b"1,2"),
    }
    assert capture_format.line(record("call-1", **sides), TextTypes()) == {
        "captureData": {
            "endpointInput": {
                "observedContentType": "application/json",
                "mode": "INPUT",
                "data": '{"a": 1}',
                "encoding": "JSON",
            },
            "endpointOutput": {
                "observedContentType": "text/csv; charset=utf-8",
                "mode": "OUTPUT",
                "data": "1,2",
                "encoding": "CSV",
            },
        },
        "eventMetadata": {"eventId": "call-1", "inferenceTime": "2025-11-25T12:00:00Z"},
        "eventVersion": "0",
    }


@pytest.mark.parametrize(
    ("payload", "data", "encoding", "truncated"),
    [
        (Payload("text/event-stream", b"data: 1"), base64.b64encode(b"data: 1").decode(), "BASE64", False),
        (Payload("application/json", b"\xff"), base64.b64encode(b"\xff").decode(), "BASE64", False),
        (Payload("application/json", '{"a": "é'.encode()[:-1], cut=True), '{"a": "', "JSON", True),
        (Payload("", b"x", cut=True), base64.b64encode(b"x").decode(), "BASE64", True),
    ],
)
def test_text_stays_text_and_the_rest_becomes_base64(
    payload: Payload, data: str, encoding: str, truncated: bool
) -> None:
    (side,) = capture_format.line(record("a", output=payload), TextTypes())["captureData"].values()
    assert (side["data"], side["encoding"]) == (data, encoding)
    assert side.get("truncated", False) is truncated


def test_content_types_of_the_user_replace_the_usual_ones() -> None:
    types = TextTypes(json=frozenset({"application/x-mine"}))
    mine, usual = (
        capture_format.line(record("a", input=Payload(kind, b"{}")), types)
        for kind in ("application/x-mine", "application/json")
    )
    assert mine["captureData"]["endpointInput"]["encoding"] == "JSON"
    assert usual["captureData"]["endpointInput"]["encoding"] == "BASE64"


def test_what_fails_is_tried_again_later_each_time_and_nothing_is_lost(
    tmp_path: Path, spooled: Callable[..., None]
) -> None:
    spooled(record("a"), record("b", AT + 1))
    denied = Denied("s3:PutObject", "AccessDenied", "no")
    store, waits = Store(denied, denied, Unreachable("s3:PutObject", "", "no route")), list[float]()
    uploader(tmp_path, store, waits).run()
    assert waits == [2.0, 4.0, 8.0]
    assert [key.rpartition("-")[2] for key in store.objects] == ["a.jsonl", "b.jsonl"]
    assert [put["key"] for put in store.puts[:4]] == [store.puts[0]["key"]] * 4, "the same key each time"
    assert spool.batches(tmp_path) == []


def test_waits_are_bounded(tmp_path: Path) -> None:
    made = uploader(tmp_path, Store())
    made.health.failures = 1000
    assert made.pause() == 60.0


def test_health_turns_bad_after_three_failures_and_good_again(
    tmp_path: Path, spooled: Callable[..., None]
) -> None:
    spooled(record("a"))
    store = Store(*[Denied("s3:PutObject", "AccessDenied", "no")] * 3)
    made = uploader(tmp_path, store)
    (batch,) = spool.batches(tmp_path)
    said = []
    for _ in range(4):
        made.send(batch)
        said.append(json.loads(made.health.text(len(spool.batches(tmp_path)))))
    assert [each["status"] for each in said] == ["Healthy", "Healthy", "Unhealthy", "Healthy"]
    assert said[2]["reason"] == "S3UploadFailure"
    assert said[2]["message"] == "s3:PutObject: AccessDenied: no"
    assert said[3]["pending"] == 0


def test_a_damaged_batch_is_set_aside_and_the_others_go_on(
    tmp_path: Path, spooled: Callable[..., None]
) -> None:
    (tmp_path / f"0{spool.BATCH}").write_bytes(b"no json\n")
    spooled(record("a"))
    store = Store()
    uploader(tmp_path, store).run()
    assert len(store.objects) == 1
    assert [path.name for path in tmp_path.glob("*.damaged")] == ["0.damaged"]


def test_it_ends_only_when_the_proxy_has_written_its_last_batch(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, 10, 1_000_000)
    writer.append(record("last"))
    store = Store()
    made = uploader(tmp_path, store)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            writer.close()

    made.wait = wait
    made.run()
    assert len(waits) == 2
    assert len(store.objects) == 1
