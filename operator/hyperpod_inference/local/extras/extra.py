"""One thing that `local up --with` can add: a program, where its CRDs are, and the objects that run it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hyperpod_inference.local.programs.goprogram import GoProgram

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Extra:
    """`name` is that of `--with`, `about` one line for people.

    module, definitions: the Go module that holds its CRDs, and a glob inside it.
    objects: what runs it, in apply order. `deployment` is waited for, as (namespace, name).
    image: the image of its pods, for which `program` stands.
    choices: how the charts are told that it is there; see `hyperpod_charts.synth.Choices`.
    settings, environment: what the operator is told of it, as its settings and as further variables.

    Without a `program` it is part of this project, and `image` one of the usual images.
    """

    name: str
    about: str
    objects: Callable[[], list[Body]]
    deployment: tuple[str, str]
    image: str
    program: GoProgram | None = None
    module: str = ""
    definitions: str = ""
    choices: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
