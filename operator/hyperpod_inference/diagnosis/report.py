"""How the findings are told: the first cause with its remedy, for people and for machines."""

import json
from collections.abc import Sequence

from hyperpod_inference.installation.preflight import Finding, Verdict

CAUSES = (Verdict.MISSING, Verdict.WRONG)
_MARKS = {Verdict.OK: "ok", Verdict.MISSING: "MISSING", Verdict.WRONG: "WRONG", Verdict.UNKNOWN: "?"}


def cause(findings: Sequence[Finding]) -> Finding | None:
    """The first that stands in the way, None when nothing does."""
    return next((each for each in findings if each.verdict in CAUSES), None)


def unclear(findings: Sequence[Finding]) -> list[Finding]:
    """Those that could not be looked at, or are under way."""
    return [each for each in findings if each.verdict is Verdict.UNKNOWN]


def lines(findings: Sequence[Finding]) -> list[str]:
    """A line for each finding, and at the end the first cause with what to do."""
    told = [f"{_MARKS[each.verdict]:8}{each.check}: {each.message}" for each in findings]
    told += [f"{'advice':8}{each.check}: {each.fix}" for each in findings if _is_advice(each)]
    return [*told, "", *_verdict(findings)]


def _verdict(findings: Sequence[Finding]) -> list[str]:
    first = cause(findings)
    more = len([each for each in findings if each.verdict in CAUSES]) - 1
    if first is not None:
        others = f" ({more} more above; they may follow from it)" if more else ""
        return [f"First cause: {first.check}: {first.message}{others}", f"  -> {first.fix}"]
    open_ = unclear(findings)
    if not open_:
        return [f"{len(findings)} checks: nothing stands in the way."]
    told = [f"{len(findings)} checks: no cause found; {len(open_)} not decided yet, the first:"]
    return [
        *told,
        f"  {open_[0].check}: {open_[0].message}",
        *([f"  -> {open_[0].fix}"] if open_[0].fix else []),
    ]


def _is_advice(finding: Finding) -> bool:
    return finding.verdict is Verdict.OK and bool(finding.fix)


def as_json(findings: Sequence[Finding]) -> str:
    """For machines; rows as those of `install preflight`."""
    rows = [_row(each) for each in findings]
    first = cause(findings)
    return json.dumps({"cause": first and _row(first), "findings": rows}, indent=2)


def _row(finding: Finding) -> dict[str, str]:
    return {
        "check": finding.check,
        "verdict": str(finding.verdict),
        "found": finding.message,
        "fix": finding.fix,
    }
