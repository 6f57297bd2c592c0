"""Build an extra and read its CRDs, on the host; install it into a cluster."""

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from hyperpod_inference.kube.client import Client
from hyperpod_inference.local.errors import LocalError
from hyperpod_inference.local.extras.extra import Body, Extra
from hyperpod_inference.local.install import api_served, deployment_available, install
from hyperpod_inference.local.paths import cache_dir
from hyperpod_inference.local.prerequisites import Host
from hyperpod_inference.local.programs import gobuild, golang
from hyperpod_inference.local.programs.cached import NotHereError
from hyperpod_inference.local.progress import Report

_WITHIN = 300.0
"""Seconds. KEDA makes its certificates first, and starts again with them."""


class NoExtraError(LocalError):
    """An extra cannot be built, or its CRDs cannot be read."""


def prepared(extra: Extra, environ: Mapping[str, str], host: Host, report: Report) -> list[Body]:
    """Build the extra's programs, those that the cache has not; answer its manifests, CRDs first.

    Raises NoExtraError with the reason and the remedy.
    """
    if not extra.programs:
        return extra.objects()
    cache = cache_dir(environ)
    try:
        for program in extra.programs.values():
            gobuild.build(program, cache, environ, host, report)
        go = golang.find(cache, host, report, extra.source)
    except NotHereError as error:
        raise NoExtraError(f"{extra.name} cannot be added", str(error)) from error
    return [*definitions(extra, module_directory(go, extra, environ)), *extra.objects()]


def module_directory(go: str, extra: Extra, environ: Mapping[str, str]) -> Path:
    """Where Go keeps the extra's module, of the version its programs are built from; fetched when missing."""
    done = subprocess.run(
        (go, "mod", "download", "-json", extra.module),
        cwd=extra.source,
        env=golang.environment(environ),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        remedy = "Check the network and `go env GOPROXY`."
        raise NoExtraError(f"the CRDs of {extra.name} cannot be had: {done.stderr or done.stdout}", remedy)
    return Path(json.loads(done.stdout)["Dir"])


def definitions(extra: Extra, module: Path) -> list[Body]:
    """The extra's CRDs in its module's directory."""
    files = sorted(module.glob(extra.definitions))
    if not files:
        raise NoExtraError(
            f"{module} holds no {extra.definitions}", "Is the module cache whole? Try `go mod verify`."
        )
    return [body for file in files for body in yaml.safe_load_all(file.read_text("utf-8")) if body]


async def add(client: Client, extra: Extra, manifests: list[Body], say: Callable[[str], None]) -> None:
    """Install what `prepared` answered, and wait until it runs."""
    await install(client, manifests)
    version = f"{extra.name} {extra.version}".rstrip()
    for namespace, name in extra.deployments:
        await deployment_available(client, namespace, name, within=_WITHIN)
        say(f"{version} runs: deployment/{name} in {namespace}")
    for service in extra.api_services:
        await api_served(client, service, within=_WITHIN)
        say(f"{version} serves {service}")
