"""How the findings are told, and the command around them."""

import json

from click.testing import CliRunner

from hyperpod_inference.cli.main import main
from hyperpod_inference.diagnosis import as_json, lines
from hyperpod_inference.diagnosis.observed import missing, ok, waiting, wrong

FINE, ABSENT = ok("nodes", "4 of 4"), missing("webhook", "no Secret", "Issue one.")
BAD, LATER = wrong("replicas", "pod x crashes", "Read its log."), waiting("router", "it starts", "Wait.")


def test_the_first_cause_comes_last_with_its_remedy() -> None:
    told = lines([FINE, ABSENT, BAD])
    assert told[:3] == [
        "ok      nodes: 4 of 4",
        "MISSING webhook: no Secret",
        "WRONG   replicas: pod x crashes",
    ]
    assert told[-2:] == [
        "First cause: webhook: no Secret (1 more above; they may follow from it)",
        "  -> Issue one.",
    ]


def test_what_is_not_decided_is_no_all_clear() -> None:
    assert lines([FINE, LATER])[-3:] == [
        "2 checks: no cause found; 1 not decided yet, the first:",
        "  router: it starts",
        "  -> Wait.",
    ]


def test_all_clear() -> None:
    assert lines([FINE])[-1] == "1 checks: nothing stands in the way."


def test_advice_stands_apart() -> None:
    assert "advice  metrics: Switch them on." in lines([ok("metrics", "off", "Switch them on.")])


def test_machines_get_the_cause_and_every_finding() -> None:
    told = json.loads(as_json([FINE, BAD]))
    assert told["cause"] == {
        "check": "replicas",
        "verdict": "wrong",
        "found": "pod x crashes",
        "fix": "Read its log.",
    }
    assert [each["check"] for each in told["findings"]] == ["nodes", "replicas"]
    assert json.loads(as_json([FINE]))["cause"] is None


def test_a_cluster_that_cannot_be_asked_is_status_1() -> None:
    result = CliRunner().invoke(main, ["doctor", "--kubeconfig", "nowhere"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "cannot be asked: no kubeconfig at nowhere" in result.stderr
