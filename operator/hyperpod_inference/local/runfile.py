"""`run.json`: what runs in a state directory and how it is doing.

The supervisor is its only writer and replaces it as a whole at every change; `cluster` reads it. It names
processes with their start times, so that a file from before a reboot cannot point at somebody else's process.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from hyperpod_inference.local.processes import ProcessId

State = Literal["waiting", "starting", "ready", "exited", "absent"]
Phase = Literal["starting", "ready", "failed", "stopping"]


@dataclass(frozen=True, slots=True)
class ComponentRun:
    """One component: `pid` is its number inside the namespace, 0 before it was started.

    `detail` says how it ended, or why it is absent. `last_lines` are the last ones of its log after it ended.
    """

    name: str
    state: State
    log: str
    pid: int = 0
    detail: str = ""
    last_lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the cluster. `launcher` is the `unshare` process, `supervisor` its child, by host pids."""

    launcher: ProcessId
    supervisor: ProcessId
    api_port: int
    front_door_port: int
    source: str
    started_at: float
    phase: Phase
    message: str
    components: tuple[ComponentRun, ...]
    balancer_port: int = 0
    aws_port: int = 0

    def component(self, name: str) -> ComponentRun:
        """The component of that name; KeyError when the run has none."""
        return {component.name: component for component in self.components}[name]

    def with_component(self, changed: ComponentRun) -> "Run":
        """The same run with one component replaced."""
        components = tuple(changed if one.name == changed.name else one for one in self.components)
        return replace(self, components=components)


def write(path: Path, run: Run) -> None:
    """Replace the file atomically: a reader sees the old state or the new one."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(run), indent=1))
    fresh.replace(path)


def read(path: Path) -> Run | None:
    """The run in a file; None when there is none or it is not one that `write` made."""
    try:
        fields = json.loads(path.read_text())
        return _run(fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _run(fields: dict[str, object]) -> Run:
    def identity(value: object) -> ProcessId:
        return ProcessId(**value)  # type: ignore[arg-type]  # a wrong shape is a TypeError that `read` expects

    components = fields.pop("components")
    return Run(
        launcher=identity(fields.pop("launcher")),
        supervisor=identity(fields.pop("supervisor")),
        components=tuple(_component(one) for one in components),  # type: ignore[attr-defined]
        **fields,  # type: ignore[arg-type]
    )


def _component(fields: dict[str, object]) -> ComponentRun:
    last_lines = fields.pop("last_lines")
    return ComponentRun(last_lines=tuple(last_lines), **fields)  # type: ignore[arg-type]
