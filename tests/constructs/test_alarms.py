"""Alarms and the dashboard in CloudWatch: the charts' alerts, bounds, runbooks and titles."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Match, Template
from cfnlint import lint

from hyperpod_charts import rules
from hyperpod_charts.dashboards.boards import BOARDS
from hyperpod_constructs import EndpointMetrics, InferenceAlarms, InferenceDashboard, add_checks
from hyperpod_constructs.alarms import periods
from hyperpod_inference.api import names
from hyperpod_inference.controllers.cloudwatch import TOLD

CHAT, SEARCH = EndpointMetrics("chat", "team-a"), EndpointMetrics("search")
RULES = {rule["alert"]: rule for rule in rules.alerts()}


def _build(stack: Stack) -> None:
    topic = sns.Topic.from_topic_arn(stack, "Pager", "arn:aws:sns:us-west-2:111122223333:pager")
    alarms = InferenceAlarms(
        stack,
        "Alarms",
        endpoints=(CHAT, SEARCH),
        cluster_name="mine",
        actions=[actions.SnsAction(topic)],
        runbooks="https://wiki.example.com/alerts",
    )
    InferenceDashboard(stack, "Dashboard", endpoints=(CHAT, SEARCH), cluster_name="mine", alarms=alarms)


@pytest.fixture(scope="module")
def template(synthesize: Callable[..., Template]) -> Template:
    return synthesize(_build)


def _alarm(template: Template, alert: str, who: str = " team-a/chat") -> dict[str, Any]:
    found = [
        each["Properties"]
        for kind in ("Alarm", "CompositeAlarm")
        for each in template.find_resources(f"AWS::CloudWatch::{kind}").values()
        if each["Properties"]["AlarmDescription"].startswith(f"{alert}{who} (")
    ]
    (properties,) = found
    return dict(properties)


def test_every_alert_of_the_charts_is_an_alarm_with_its_words_and_its_runbook(template: Template) -> None:
    for alert, rule in RULES.items():
        who = "" if alert == "HyperPodOperatorLeaderless" else " team-a/chat"
        said = rule["annotations"]["summary"]
        runbook = f"https://wiki.example.com/alerts#{alert.lower()}"
        found = _alarm(template, alert, who)
        assert found["AlarmDescription"] == (
            f"{alert}{who} ({rule['labels']['severity']}): {said} Runbook: {runbook}"
        )
        assert found["AlarmActions"] == ["arn:aws:sns:us-west-2:111122223333:pager"]


def test_the_anchor_of_a_runbook_is_a_section_of_the_docs() -> None:
    sections = re.findall(
        r"^## (HyperPod\w+)$", (Path(__file__).parents[2] / "docs/alerts.md").read_text(), re.M
    )
    assert {each.lower() for each in sections} == {rule.lower() for rule in RULES}


@pytest.mark.parametrize(
    ("alert", "expected"),
    [
        (
            "HyperPodEndpointOnFallback",
            {
                "MetricName": "hyperpod_inference_endpoint_fallback_replicas",
                "Statistic": "Minimum",
                "Threshold": 0,
                "ComparisonOperator": "GreaterThanThreshold",
                "EvaluationPeriods": 6,
                "TreatMissingData": "notBreaching",
            },
        ),
        (
            "HyperPodCertificateNearExpiry",
            {
                "MetricName": "hyperpod_inference_certificate_days_left",
                "Statistic": "Minimum",
                "Threshold": 14,
                "ComparisonOperator": "LessThanThreshold",
                "EvaluationPeriods": 12,
            },
        ),
    ],
)
def test_what_the_operator_tells_is_watched_for_as_long_as_prometheus_would(
    template: Template, alert: str, expected: dict[str, Any]
) -> None:
    found = _alarm(template, alert)
    assert expected.items() <= found.items()
    assert found["Namespace"] == "HyperPodInference"
    assert {each["Name"]: each["Value"] for each in found["Dimensions"]} == {
        "cluster_name": "mine",
        "namespace": "team-a",
        "resource_name": "chat",
    }


def test_silence_of_the_operator_is_an_alarm(template: Template) -> None:
    found = _alarm(template, "HyperPodOperatorLeaderless", "")
    assert (found["MetricName"], found["Statistic"]) == ("leader_election_master_status", "Maximum")
    assert (found["Threshold"], found["ComparisonOperator"]) == (1, "LessThanThreshold")
    assert (found["TreatMissingData"], found["EvaluationPeriods"]) == ("breaching", 1)
    assert found["Dimensions"] == [{"Name": "cluster_name", "Value": "mine"}]


@pytest.mark.parametrize(
    ("alert", "expression", "metrics"),
    [
        (
            "HyperPodEndpointNotReady",
            "IF(ready < 1 AND wanted > 0, 1, 0)",
            {
                "ready": (names.METRIC_ENDPOINT_READY, "Maximum"),
                "wanted": (names.METRIC_ENDPOINT_DESIRED, "Minimum"),
            },
        ),
        (
            "HyperPodKVCacheFull",
            "IF(usage > 0.95 AND waiting > 0, 1, 0)",
            {
                "usage": ("vllm:kv_cache_usage_perc", "Maximum"),
                "waiting": ("vllm:num_requests_waiting", "Maximum"),
            },
        ),
    ],
)
def test_two_metrics_that_belong_together_are_one_question(
    template: Template, alert: str, expression: str, metrics: dict[str, tuple[str, str]]
) -> None:
    found = _alarm(template, alert)
    (asked,) = [each for each in found["Metrics"] if "Expression" in each]
    assert asked["Expression"] == expression
    read = {
        each["Id"]: (each["MetricStat"]["Metric"]["MetricName"], each["MetricStat"]["Stat"])
        for each in found["Metrics"]
        if "MetricStat" in each
    }
    assert read == metrics
    assert found["Threshold"] == 0


def test_slow_first_bytes_alarm_when_the_short_and_the_long_window_burn(template: Template) -> None:
    rule = json.dumps(_alarm(template, "HyperPodFirstByteBurn")["AlarmRule"])
    assert rule.count("ALARM(") == 2 and "AND" in rule
    windows = template.find_resources(
        "AWS::CloudWatch::Alarm",
        {
            "Properties": {
                "MetricName": "model_ttfb_milliseconds",
                "ExtendedStatistic": "PR(2500:)",
                "Threshold": 14.4,
                "Dimensions": Match.array_with([{"Name": "resource_name", "Value": "chat"}]),
            }
        },
    )
    assert {each["Properties"]["Period"] for each in windows.values()} == {300, 3600}
    assert all(logical in rule for logical in windows)


@pytest.mark.parametrize(("spell", "number"), [("2m", 1), ("5m", 1), ("11m", 3), ("1h", 12)])
def test_a_spell_is_whole_periods(spell: str, number: int) -> None:
    assert periods(spell) == number


def test_a_spell_in_other_words_is_refused() -> None:
    with pytest.raises(ValueError, match="as 15m: got 90s"):
        periods("90s")


def _body(template: Template) -> dict[str, Any]:
    (dashboard,) = template.find_resources("AWS::CloudWatch::Dashboard").values()
    text = dashboard["Properties"]["DashboardBody"]
    parts = text["Fn::Join"][1] if isinstance(text, dict) else [text]
    body: dict[str, Any] = json.loads("".join(each if isinstance(each, str) else "ref" for each in parts))
    return body


def test_the_dashboard_has_the_charts_headings_and_titles(template: Template) -> None:
    template.has_resource_properties("AWS::CloudWatch::Dashboard", {"DashboardName": "hyperpod-inference"})
    known = {board.title: {panel.title for row in board.rows for panel in row.panels} for board in BOARDS}
    found: dict[str, set[str]] = {}
    heading = ""
    for widget in _body(template)["widgets"]:
        if widget["type"] == "text":
            heading = widget["properties"]["markdown"].removeprefix("# ")
        elif widget["type"] == "metric":
            found.setdefault(heading, set()).add(widget["properties"]["title"])
    assert found.keys() == {"Inference", "Fleet", "Operator"}
    assert [panel for title, panels in found.items() for panel in panels - known[title]] == []


def test_what_the_operator_tells_is_on_the_dashboard(template: Template) -> None:
    text = json.dumps(_body(template))
    assert [each.name for each in TOLD if each.name not in text] == []
    assert "SEARCH('{HyperPodInference,cluster_name,controller,result}" in text


def test_rule_packs_and_schemas_find_nothing(tmp_path: Path) -> None:
    app = App(builtin_cloud_formation_validation=False, outdir=str(tmp_path))
    _build(Stack(app, "Stack"))
    add_checks(app)
    app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text())
    assert [pack["violations"] for pack in report["pluginReports"] if pack["violations"]] == []
    text = (tmp_path / "Stack.template.json").read_text()
    found = lint(text, config={"regions": ["us-west-2"]})
    assert [f"{each.rule.id} {each.path}: {each.message}" for each in found] == []
