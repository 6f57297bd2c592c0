"""Asks a container whether it is well: HTTP, TCP, or a command inside it. Also runs lifecycle hooks.

`check` answers one question, `watch` repeats a probe and reports each new verdict (thresholds: `probes`).
"""

import asyncio
import contextlib
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from hyperpod_inference.local.agent import process
from hyperpod_inference.local.agent.probes import Probe, Tally

Body = Mapping[str, Any]

_NO_VERIFY = ssl.create_default_context()
_NO_VERIFY.check_hostname = False
_NO_VERIFY.verify_mode = ssl.CERT_NONE  # the kubelet does not verify a probed server either


@dataclass(frozen=True, slots=True)
class Target:
    """The container to ask."""

    pod_ip: str
    container: Body
    pid: int
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one question; `message` says what failed."""

    success: bool
    message: str = ""


async def check(http: aiohttp.ClientSession, action: Body, target: Target, seconds: float) -> Result:
    """Ask once; whatever goes wrong is a failure, never an exception."""
    try:
        if "httpGet" in action:
            return await _http(http, action["httpGet"], target, seconds)
        if "tcpSocket" in action:
            return await _tcp(action["tcpSocket"], target, seconds)
        if "exec" in action:
            return await _exec(action["exec"], target, seconds)
    except TimeoutError:
        return Result(False, f"no answer within {seconds:g} s")
    except aiohttp.ClientConnectorError as error:
        return Result(False, f"dial tcp {error.host}:{error.port}: {os.strerror(error.os_error.errno or 0)}")
    except (aiohttp.ClientError, OSError, ValueError, process.StartError) as error:
        return Result(False, str(error) or type(error).__name__)
    known = "httpGet, tcpSocket, exec"
    kind = next((key for key in ("grpc", "sleep") if key in action), "nothing")
    return Result(False, f"{kind} is not supported by local nodes; use one of {known}")


async def _http(http: aiohttp.ClientSession, action: Body, target: Target, seconds: float) -> Result:
    host = action.get("host") or target.pod_ip
    scheme = action.get("scheme", "HTTP").lower()
    port = port_number(action["port"], target.container)
    url = f"{scheme}://{host}:{port}/{action.get('path', '/').lstrip('/')}"
    headers = {each["name"]: each["value"] for each in action.get("httpHeaders") or ()}
    headers.setdefault("User-Agent", "kube-probe/1.34")
    timeout = aiohttp.ClientTimeout(total=seconds)
    verify = _NO_VERIFY if scheme == "https" else True
    async with http.get(url, headers=headers, timeout=timeout, ssl=verify, allow_redirects=False) as response:
        if 200 <= response.status < 400:
            return Result(True)
        return Result(False, f"HTTP probe failed with statuscode: {response.status}")


async def _tcp(action: Body, target: Target, seconds: float) -> Result:
    host, port = action.get("host") or target.pod_ip, port_number(action["port"], target.container)
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        if isinstance(error, TimeoutError):
            raise
        return Result(False, f"dial tcp {host}:{port}: {os.strerror(error.errno or 0)}")
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return Result(True)


async def _exec(action: Body, target: Target, seconds: float) -> Result:
    code, output = await process.run_in(target.pid, list(action["command"]), target.env, seconds)
    return Result(code == 0, output or f"exit code {code}")


def port_number(port: int | str, container: Body) -> int:
    """A port given as a number or by the name of a container port; raises ValueError naming the ports."""
    if isinstance(port, int) or str(port).isdigit():
        return int(port)
    named = {each.get("name"): int(each["containerPort"]) for each in container.get("ports") or ()}
    if port not in named:
        raise ValueError(
            f"port {port!r} is not among the container's named ports: {sorted(filter(None, named))}"
        )
    return named[port]


async def watch(
    http: aiohttp.ClientSession,
    probe: Probe,
    target: Target,
    floor: float,
    heard: Callable[[bool | None, Result], bool],
) -> None:
    """Ask again and again, until cancelled or until `heard(verdict, result)` answers False.

    The verdict is None while a threshold is not reached.
    """
    tally = Tally()
    await asyncio.sleep(probe.initial_delay)
    while True:
        result = await check(http, probe.action, target, max(probe.timeout, floor))
        tally = tally.add(result.success)
        if not heard(tally.verdict(probe), result):
            return
        await asyncio.sleep(probe.period)
