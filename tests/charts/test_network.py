"""The network policies: the doors that somebody needs are open, no other."""

from __future__ import annotations

from typing import Any

import pytest

from hyperpod_charts.network import operator_policy, scheduler_policy
from hyperpod_charts.operator import operator_objects
from hyperpod_charts.scheduler import scheduler_objects
from hyperpod_charts.synth import manifests
from hyperpod_inference.api.settings import OperatorSettings

Body = dict[str, Any]


def pod_labels(objects: list[Body]) -> dict[str, str]:
    (deployment,) = (body for body in objects if body["kind"] == "Deployment")
    return dict(deployment["spec"]["template"]["metadata"]["labels"])


def ports(rules: list[Body]) -> set[int]:
    return {port["port"] for rule in rules for port in rule["ports"]}


@pytest.fixture
def policy(chart_settings: OperatorSettings) -> Body:
    return dict(operator_policy(chart_settings)["spec"])


def test_each_policy_selects_the_pods_of_its_own_deployment_only(chart_settings: OperatorSettings) -> None:
    operator = pod_labels(operator_objects(chart_settings))
    scheduler = pod_labels(scheduler_objects(chart_settings))
    for made, own, other in (
        (operator_policy(chart_settings), operator, scheduler),
        (scheduler_policy(chart_settings), scheduler, operator),
    ):
        selector = made["spec"]["podSelector"]["matchLabels"].items()
        assert selector <= own.items()
        assert not selector <= other.items()
        assert made["metadata"]["namespace"] == chart_settings.namespace


def test_every_port_of_the_operator_is_reached_and_its_metrics_from_pods_only(
    policy: Body, chart_settings: OperatorSettings
) -> None:
    from_anywhere = [rule for rule in policy["ingress"] if "from" not in rule]
    from_pods = [rule for rule in policy["ingress"] if rule.get("from") == [{"namespaceSelector": {}}]]
    assert ports(from_anywhere) == {chart_settings.webhook_port, chart_settings.health_port}
    assert ports(from_pods) == {chart_settings.metrics_port}


def test_the_operator_reaches_names_apis_and_its_credentials_and_nothing_else(policy: Body) -> None:
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert ports([rule for rule in policy["egress"] if "to" not in rule]) == {53, 443, 6443}
    (credentials,) = (rule for rule in policy["egress"] if "to" in rule)
    assert ports([credentials]) == {80}
    assert {each["ipBlock"]["cidr"] for each in credentials["to"]} == {
        "169.254.170.23/32",
        "169.254.169.254/32",
    }


def test_the_schedulers_policy_comes_with_the_scheduler(chart_settings: OperatorSettings) -> None:
    def names(**choices: Any) -> list[str]:
        made = manifests(chart_settings, example=False, **choices)
        return [body["metadata"]["name"] for body in made if body["kind"] == "NetworkPolicy"]

    assert names() == ["hyperpod-inference-controller-manager"]
    assert names(scheduler_image="registry.example.com/kube-scheduler:v1.33.1") == [
        "hyperpod-inference-controller-manager",
        "hyperpod-inference-scheduler",
    ]
