"""The fault table: what every row injects, how often it ran, and what that cost. Printed, and as Markdown."""

import os
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from faultrig.trial import Outcome

FAULTS = {
    "F1": "the process is killed: before, during and after each write, and at every single write",
    "F2": "every write is answered 409, once or three times",
    "F3": "429 with Retry-After to all requests, or to every third",
    "F4": "500, 502, 503, 504 on the reads or writes of each kind; one endpoint that always fails",
    "F5": "the answers of writes are lost, with and without effect; those of AWS too",
    "F6": "watches close after each event, or twice a second",
    "F7": "410 as a status, as an event, and half-way through a paged list; deletions that nobody saw",
    "F8": "ERROR events, lines that are no JSON, cut off, no event, or 2 MB long",
    "F9": "watches that fall silent but stay open",
    "F10": "an operator that starts on a server which lags behind; an object replaced under its delete",
    "F11": "events that are merged, or never sent at all",
    "F12": "events twice, replayed, and in another order across kinds",
    "F13": "two leaders: the API hangs, resets or fails for one; a paused process; a lease taken or deleted",
    "F14": "wall clocks ten minutes wrong, jumping both ways, slewed: the leader's, and its rival's",
    "F15": "the webhook is away, silent, not trusted, expired; its certificates change under load",
    "F16": "the right to write a kind is revoked, then restored",
    "F17": "a kind that others define (KEDA's ScaledObject) is unknown, then installed",
    "F18": "somebody else edits, scales, relabels or deletes the operator's objects",
    "F19": "AWS is away for a minute at each call of a creation and a deletion; ends half-way",
    "F20": "an upgrade of the operator, there and back",
    "F21": "AWS throttles every kind of call, does not show yet what it made; two operators ask at once",
    "F24": "SIGTERM in the middle of a reconcile, and while the API server hangs",
}
HEAD = """# Faults

What the operator is put through before a release: each row injects one kind of fault between the real
operator and a real API server, through a proxy, while a user creates, scales, changes, renames or deletes an
endpoint. `make faults` runs the table and writes this page; a short form of it is part of `make test`.

After each trial an oracle compares with the same action without a fault. The children (O1), other people's
fields in them (O2) and the status (O3) are equal, and the Deployment's status in it is the live one's.
Nothing that both ends hold was deleted on the way (O4). The operator is quiet again (O5). It needed no more
writes than allowed: three times those of the undisturbed run and ten, unless the row says otherwise (O6).

In the rows about AWS (F14, F19, F21, half of F5) the endpoint has a certificate and a SageMaker endpoint: AWS
holds the same as after the undisturbed run, nothing after a deletion, and at no moment two of what there is
one of (O7). What is seconds in production is tenths there, and a minute without AWS is eight failed tries, as
many as production makes in it. Some rows alone: `HYPERPOD_FAULTS=all pytest tests/faults -k "f14 or f19"`.
"""
CONTROLS = """
## Does the table catch anything?

Three bugs are put into the operator, one at a time, by the test; the table must fail with each.

| seeded bug | caught by | result |
| --- | --- | --- |
"""
BUGS = {
    "a_list_that_leaves_ghosts": ("a list does not remove what is missing from it", "F7, O1"),
    "a_delete_without_precondition": ("a delete names no uid and no version", "F10, O2"),
    "a_renewal_without_deadline": ("a lease renewal may take for ever", "F13, two writers"),
}


@dataclass
class Row:
    """All tests of one row."""

    passed: int = 0
    failed: int = 0
    outcomes: list[Outcome] = field(default_factory=list)


def row_of(test: str) -> str:
    """'F7' for 'test_f07_...'."""
    return f"F{int(test.removeprefix('test_f').partition('_')[0])}"


def table(rows: dict[str, Row]) -> list[str]:
    """The Markdown lines of the table."""
    lines = [
        "| row | fault | tests | trials | writes | converged after, s | requests/s | MiB | result |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in sorted(rows, key=lambda each: int(each[1:])):
        row = rows[name]
        cells = [name, FAULTS[name], str(row.passed + row.failed), *_figures(row.outcomes)]
        cells.append("holds" if not row.failed else f"{row.failed} failed")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _figures(outcomes: Sequence[Outcome]) -> list[str]:
    if not outcomes:
        return ["0", "", "", "", ""]
    seconds = [each.seconds for each in outcomes]
    return [
        str(len(outcomes)),
        _span(each.writes for each in outcomes),
        f"{statistics.median(seconds):.1f}, at most {max(seconds):.1f}",
        f"{max(each.rate for each in outcomes)}",
        f"{max(each.memory for each in outcomes):.0f}",
    ]


def _span(values: Iterable[int]) -> str:
    ordered = sorted(values)
    return str(ordered[0]) if ordered[0] == ordered[-1] else f"{ordered[0]} to {ordered[-1]}"


def machine() -> str:
    """What the figures were taken on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"a machine with {os.cpu_count()} processors and {memory:.0f} GiB of memory"


def page(rows: dict[str, Row], controls: dict[str, bool], machine: str, left: int = 0) -> str:
    """The whole page; `left` tests did not run, since it was stopped."""
    total = sum(len(row.outcomes) for row in rows.values())
    tests = sum(row.passed + row.failed for row in rows.values()) + len(controls)
    short = f" It was stopped early: {left} further tests did not run." if left else ""
    said = f"\n{tests} tests with {total} trials, on {machine}.{short}\n\n"
    notes = (
        "\nWrites: of one trial, the operator's own. Converged: from the user's action on, process starts "
        "included. Requests/s:\nthe most within one second. MiB: the operator's peak resident set.\n"
    )
    proof = "\n".join(
        f"| {BUGS[name][0]} | {BUGS[name][1]} | {'caught' if caught else 'NOT CAUGHT'} |"
        for name, caught in sorted(controls.items())
    )
    return HEAD + said + "\n".join(table(rows)) + "\n" + notes + CONTROLS + proof + "\n"
