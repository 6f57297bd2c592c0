"""The verdict on one manifest, as a cluster would give it: what is refused, and what is only told.

`cli.validate` prints it. The API server, the webhook and this module ask the same models and rules.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from hyperpod_inference.api import drift
from hyperpod_inference.api.conversion import CannotConvert, convert
from hyperpod_inference.api.documents import Document
from hyperpod_inference.api.kinds import KINDS, Kind
from hyperpod_inference.api.names import GROUP
from hyperpod_inference.api.older import problems_in_older
from hyperpod_inference.api.parse import InvalidResource, Problem, parse
from hyperpod_inference.api.warnings import warnings

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing said about a document: where it stands (line from 1, field like spec.replicas), and what."""

    file: str
    line: int
    field: str
    severity: Severity
    message: str

    def __str__(self) -> str:
        mark = "warning: " if self.severity == "warning" else ""
        where = f"{self.field}: " if self.field else ""
        return f"{self.file}:{self.line}: {mark}{where}{self.message}"


def is_ours(document: Document) -> bool:
    """Whether the document is, or means to be, a resource of this API. Others are not judged."""
    version, kind = document.body.get("apiVersion"), document.body.get("kind")
    if kind is None and version is None:
        return True
    named = {each.kind for each in KINDS} | set(drift.KINDS)
    return str(version).partition("/")[0] == GROUP or kind in named


def check(document: Document) -> tuple[Finding, ...]:
    """Everything to say about a document of this API, in the order of its lines."""
    try:
        resource = parse(_newest(document))
    except InvalidResource as invalid:
        return _findings(document, "error", ((each.path, _text(each)) for each in invalid.problems))
    return _findings(document, "warning", ((each.path, each.message) for each in warnings(resource)))


def _findings(document: Document, severity: Severity, told: Iterable[tuple[str, str]]) -> tuple[Finding, ...]:
    found = [
        Finding(document.file, document.line_of(path), path, severity, message) for path, message in told
    ]
    return tuple(sorted(found, key=lambda each: each.line))


def _text(problem: Problem) -> str:
    return str(problem).removeprefix(f"{problem.path}: ")


def _newest(document: Document) -> dict[str, object]:
    """The body in the version that is stored. Raises InvalidResource for what an older version refuses."""
    body = dict(document.body)
    kind = _older(body)
    if kind is None:
        return body
    if not isinstance(body.get("spec"), Mapping):
        return body | {"apiVersion": kind.api_version}  # told by the models
    if found := problems_in_older(kind, body):
        raise InvalidResource(found)
    try:
        return convert(body, kind.api_version)
    except CannotConvert as error:
        raise InvalidResource((Problem("apiVersion", None, "", str(error)),)) from None


def _older(body: dict[str, object]) -> Kind | None:
    """The kind of `body` when it is written in a version before the newest."""
    for kind in KINDS:
        if kind.older is not None and body.get("kind") == kind.kind:
            return kind if body.get("apiVersion") == f"{GROUP}/{kind.older.name}" else None
    return None
