"""One thing that `local up --with` can add: programs, where its CRDs are, and the objects that run them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hyperpod_inference.local.programs.goprogram import GoProgram

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Extra:
    """`name` is that of `--with`, `about` one line for people.

    programs: of one source, each by the image of its pods, for which it stands.
    module, definitions: the Go module that holds its CRDs, and a glob inside it.
    objects: what runs it, in apply order. `deployments` are waited for, as (namespace, name), and then
    `api_services`, by which it extends the cluster's own API.
    choices: how the charts are told that it is there; see `hyperpod_charts.synth.Choices`.
    settings, environment: what the operator is told of it, as its settings and as further variables.

    Without programs it is part of this project, and its images are among the usual ones.
    """

    name: str
    about: str
    objects: Callable[[], list[Body]]
    deployments: tuple[tuple[str, str], ...]
    programs: Mapping[str, GoProgram] = field(default_factory=dict)
    module: str = ""
    definitions: str = ""
    api_services: tuple[str, ...] = ()
    choices: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Of the project that its programs are from; '' for a part of this one."""
        return next((each.version for each in self.programs.values()), "")

    @property
    def source(self) -> Path:
        """Where its programs are built. Raises StopIteration where it has none."""
        return next(each.source for each in self.programs.values())
