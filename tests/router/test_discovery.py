"""Which replicas exist: lists, files that change, EndpointSlices."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.router.discovery import FromFile, parse_address, ready_addresses
from hyperpod_inference.router.replicas import Address, ReplicaSet
from hyperpod_inference.router.settings import Breaker

HTTP = [{"name": "http", "port": 8000}]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.1:80", Address("10.0.0.1", 80)),
        ("[::1]:8000", Address("::1", 8000)),
        ("a:1 ", Address("a", 1)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "a", "a:", ":1", "a:0", "a:65536", "a:x", "a:²"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="expected HOST:PORT"):
        parse_address(text)


@pytest.mark.parametrize(
    ("conditions", "taken"),
    [
        ({"ready": True}, True),
        ({}, True),
        (None, True),
        ({"ready": None}, True),
        ({"ready": False}, False),
        ({"ready": True, "terminating": True}, False),
    ],
)
def test_only_ready_endpoints_take_traffic(conditions: Any, taken: bool) -> None:
    body = {"ports": HTTP, "endpoints": [{"addresses": ["10.0.0.1"], "conditions": conditions}]}
    assert ready_addresses([body], "") == ([Address("10.0.0.1", 8000)] if taken else [])


@pytest.mark.parametrize(
    ("port", "ports", "found"),
    [
        ("", HTTP, 8000),
        ("http", [*HTTP, {"name": "metrics", "port": 9113}], 8000),
        ("9113", [*HTTP, {"name": "metrics", "port": 9113}], 9113),
        ("", [*HTTP, {"name": "metrics", "port": 9113}], None),
        ("other", HTTP, None),
        ("", None, None),
    ],
)
def test_the_port_is_found_by_name_or_number(port: str, ports: Any, found: int | None) -> None:
    body = {"ports": ports, "endpoints": [{"addresses": ["10.0.0.1"]}]}
    assert [address.port for address in ready_addresses([body], port)] == ([found] if found else [])


def test_slices_are_joined() -> None:
    slices = [{"ports": HTTP, "endpoints": [{"addresses": [f"10.0.0.{number}"]}]} for number in (1, 2)]
    slices.append({"ports": HTTP, "endpoints": None})
    assert len(ready_addresses(slices, "http")) == 2


async def test_a_file_is_followed_and_a_broken_one_changes_nothing(bench: Any, tmp_path: Path) -> None:
    file = tmp_path / "replicas"
    seen: list[list[Address]] = []
    following = asyncio.create_task(FromFile(file, 0.01).run(lambda addresses: seen.append([*addresses])))
    for text, count in (("# two\na:1\n\nb:2\n", 1), ("nonsense longer\n", 1), ("c:3\n", 2)):
        file.write_text(text)
        await bench.until(lambda count=count: len(seen) == count)
        await asyncio.sleep(0.03)
    following.cancel()
    assert seen == [[Address("a", 1), Address("b", 2)], [Address("c", 3)]]


def test_replicas_that_stay_keep_what_is_known_of_them() -> None:
    replicas = ReplicaSet(Breaker())
    changes: list[tuple[int, int]] = []
    replicas.on_change(lambda everyone, gone: changes.append((len(everyone), len(gone))))
    one, two, three = (Address("a", port) for port in (1, 2, 3))
    replicas.update([one, two])
    replicas.everyone[0].in_flight = 7
    replicas.update([two, one, one])
    replicas.update([three, one])
    assert replicas.everyone[0].in_flight == 7
    assert changes == [(2, 0), (2, 1)]
