"""`hyperpod-inference validate -f FILE|DIR`: would a cluster take these manifests? Offline, many at once.

Findings go to standard output, one line each: FILE:LINE: FIELD: what is wrong and what to do. What is refused
ends the command with status 2, warnings do not.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hyperpod_inference.api.errors import InputError

if TYPE_CHECKING:
    from hyperpod_inference.api.check import Finding

SUFFIXES = (".yaml", ".yml", ".json")
REFUSED = 2


@dataclass(frozen=True, slots=True)
class Report:
    """What came of all files. `resources` were judged, `skipped` documents are of other APIs."""

    files: int
    resources: int
    skipped: int
    findings: "tuple[Finding, ...]"

    def count(self, severity: str) -> int:
        """How many findings are of this severity."""
        return sum(each.severity == severity for each in self.findings)


@click.command(name="validate", short_help="Check manifests offline, as a cluster would.")
@click.option(
    "-f",
    "--filename",
    "sources",
    required=True,
    multiple=True,
    metavar="FILE|DIR",
    help="Manifests, or a directory to search for *.yaml, *.yml and *.json; - for standard input.",
)
@click.option(
    "--output", "-o", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@click.pass_context
def command(ctx: click.Context, sources: tuple[str, ...], form: str) -> None:
    """Say what a cluster would refuse of the manifests in FILE, and what it would warn of.

    Documents of other APIs (Namespaces, Secrets) are skipped and counted. The exit status is 2 when at least
    one manifest would be refused, else 0.
    """
    report = judge(sources)
    click.echo(_json(report) if form == "json" else _text(report))
    if report.count("error"):
        ctx.exit(REFUSED)


def judge(sources: Sequence[str]) -> Report:
    """The report on all files in `sources`. A file that cannot be read or is no YAML is a finding too."""
    from hyperpod_inference.api.check import check, is_ours
    from hyperpod_inference.api.documents import load

    files = [file for source in sources for file in _files(source)]
    findings: list[Finding] = []
    judged = skipped = 0
    for file in files:
        try:
            documents = load(file)
        except InputError as error:
            findings += map(_unreadable, error.lines)
            continue
        ours = [each for each in documents if is_ours(each)]
        judged, skipped = judged + len(ours), skipped + len(documents) - len(ours)
        findings += [finding for document in ours for finding in check(document)]
    return Report(len(files), judged, skipped, tuple(findings))


def _files(source: str) -> Iterator[str]:
    """`source`, or the manifests below it when it is a directory, in the order of their names."""
    if source == "-" or not Path(source).is_dir():
        yield source
        return
    found = sorted(path for path in Path(source).rglob("*") if path.suffix in SUFFIXES and path.is_file())
    if not found:
        raise InputError(f"{source}: holds no manifests, expected files named *{', *'.join(SUFFIXES)}")
    yield from map(str, found)


def _unreadable(line: str) -> "Finding":
    """The finding for a file that holds no documents; `line` is FILE[:LINE]: what is wrong."""
    from hyperpod_inference.api.check import Finding

    where, _, message = line.partition(": ")
    file, colon, number = where.rpartition(":")
    placed = bool(colon) and number.isdigit()
    return Finding(file if placed else where, int(number) if placed else 1, "", "error", message)


def _text(report: Report) -> str:
    return "\n".join([*map(str, report.findings), _summary(report)])


def _summary(report: Report) -> str:

    verdict = _number(report.count("error"), "error") + f", {_number(report.count('warning'), 'warning')}"
    what = _number(report.resources, "resource") + f" in {_number(report.files, 'file')}"
    others = f", {_number(report.skipped, 'document')} of other APIs skipped" if report.skipped else ""
    return f"{what}: {verdict}{others}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _json(report: Report) -> str:
    body = {
        "valid": not report.count("error"),
        "files": report.files,
        "resources": report.resources,
        "skipped": report.skipped,
        "errors": report.count("error"),
        "warnings": report.count("warning"),
        "findings": [asdict(each) for each in report.findings],
    }
    return json.dumps(body, indent=2)
