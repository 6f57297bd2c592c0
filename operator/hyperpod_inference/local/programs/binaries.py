"""The control plane's programs, from the first of four sources that has them all.

`KUBEBUILDER_ASSETS`, the user's cache, a download of published releases, a build with Go. A source that
cannot give a complete set says why, and the next one is asked. `cluster` calls `find`.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hyperpod_inference.local.errors import NoControlPlaneError
from hyperpod_inference.local.inside.components import CONTROL_PLANE
from hyperpod_inference.local.paths import cache_dir
from hyperpod_inference.local.prerequisites import Host
from hyperpod_inference.local.programs import cached, download, gobuild
from hyperpod_inference.local.progress import Progress, Report

STEP = "control plane binaries"


@dataclass(frozen=True, slots=True)
class Context:
    """What the sources work with."""

    environ: Mapping[str, str]
    host: Host
    report: Report

    @property
    def cache(self) -> Path:
        """The user's cache directory of this project."""
        return cache_dir(self.environ)


Source = Callable[[Context], cached.ControlPlane]


def find(environ: Mapping[str, str], host: Host, report: Report) -> cached.ControlPlane:
    """The programs of the control plane. Raises NoControlPlaneError with every source's reason."""
    return first(SOURCES, Context(environ, host, report))


def first(sources: Mapping[str, Source], context: Context) -> cached.ControlPlane:
    """Ask the sources in order; the first complete set wins."""
    reasons = []
    for name, source in sources.items():
        try:
            found = source(context)
        except cached.NotHereError as absent:
            reasons.append(f"  {name}: {absent}")
            if absent.worth_telling:
                context.report(Progress(STEP, "skipped", f"{name}: {absent}"))
            continue
        context.report(Progress(STEP, "done", f"from {found.source}"))
        return found
    raise NoControlPlaneError("no source has the whole control plane", "\n".join(reasons))


def from_assets(context: Context) -> cached.ControlPlane:
    """The directory that KUBEBUILDER_ASSETS names, as other projects' test suites use it."""
    value = context.environ.get("KUBEBUILDER_ASSETS")
    if not value:
        raise cached.NotHereError("not set", worth_telling=False)
    directory = Path(value)
    missing = [name for name in CONTROL_PLANE if not os.access(directory / name, os.X_OK)]
    if missing:
        raise cached.NotHereError(f"{directory} lacks {', '.join(missing)}")
    return cached.separate_programs(directory, f"KUBEBUILDER_ASSETS ({directory})")


def from_cache(context: Context) -> cached.ControlPlane:
    """What an earlier build or download left, built for exactly this version of the source."""
    built = cached.BUILT.path(context.cache)
    if cached.BUILT.is_built(context.cache):
        return cached.one_program(built, f"the cache ({built})")
    downloaded = cached.download_path(context.cache)
    if all(os.access(downloaded / name, os.X_OK) for name in CONTROL_PLANE):
        return cached.separate_programs(downloaded, f"the cache ({downloaded})")
    raise cached.NotHereError(f"nothing at {built} or {downloaded}", worth_telling=False)


def from_download(context: Context) -> cached.ControlPlane:
    """Programs that the Kubernetes project publishes."""
    return download.download(context.cache, context.report)


def from_build(context: Context) -> cached.ControlPlane:
    """Our own binary, built on this machine."""
    built = gobuild.build(cached.BUILT, context.cache, context.environ, context.host, context.report)
    return cached.one_program(built, f"a build with Go ({built})")


SOURCES: Mapping[str, Source] = {
    "KUBEBUILDER_ASSETS": from_assets,
    "cache": from_cache,
    "download": from_download,
    "build": from_build,
}
