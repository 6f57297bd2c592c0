"""The Helm chart: rendered with any values, its objects are those that the charts make for the same choices.

`test_helm_itself.py` renders it with Helm's own engine. Here the four forms that the templates use are
evaluated by a few lines, which refuse any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hyperpod_charts import helm
from hyperpod_charts.synth import manifests
from hyperpod_inference.api.settings import OperatorSettings

Body = dict[str, Any]
Comparable = Callable[[Body], Body]
FILES = helm.files()
load = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
CONDITION = re.compile(r"\{\{- if \.Values\.([\w.]+) \}\}")
EXPRESSION = re.compile(r"\{\{ \.(Release\.Namespace|Values\.[\w.]+)( \| quote)? \}\}")


def looked_up(values: Body, path: str) -> Any:
    """The value at a.b.c; a name that values.yaml lacks is a KeyError."""
    for name in path.split("."):
        values = values[name]
    return values


def rendered(text: str, values: Body, namespace: str) -> str:
    scope = {"Values": values, "Release": {"Namespace": namespace}}

    def evaluated(found: re.Match[str]) -> str:
        value = looked_up(scope, found[1])
        plain = str(value).lower() if isinstance(value, bool) else str(value)
        return json.dumps(plain) if found[2] else plain

    lines, shown = [], [True]
    for line in text.splitlines():
        if condition := CONDITION.fullmatch(line):
            shown.append(shown[-1] and bool(looked_up(values, condition[1])))
        elif line == "{{- end }}":
            shown.pop()
        elif shown[-1]:
            lines.append(EXPRESSION.sub(evaluated, line))
            assert "{{" not in lines[-1], line
    assert shown == [True]
    return "\n".join(lines)


def objects(values: Body, namespace: str) -> dict[tuple[str, str], Body]:
    """Every object of the chart by kind and name."""
    found: dict[tuple[str, str], Body] = {}
    for name, text in FILES.items():
        if name.endswith(".yaml") and name.startswith("templates/"):
            for body in yaml.load_all(rendered(text, values, namespace), load):
                if body:
                    found[body["kind"], body["metadata"]["name"]] = body
    return found


def of_charts(settings: OperatorSettings, **choices: Any) -> dict[tuple[str, str], Body]:
    """What the charts make, without the Namespace, which `helm install --create-namespace` makes."""
    made = manifests(settings, example=False, **choices)
    return {(body["kind"], body["metadata"]["name"]): body for body in made if body["kind"] != "Namespace"}


def compared(found: dict[tuple[str, str], Body], comparable: Comparable) -> dict[tuple[str, str], Body]:
    return {key: comparable(body) for key, body in found.items()}


def test_with_its_defaults_it_installs_what_the_charts_install(comparable: Comparable) -> None:
    of_helm = compared(objects(helm.values(), "hyperpod-inference-system"), comparable)
    assert of_helm == compared(of_charts(OperatorSettings()), comparable)


def test_with_every_value_set_it_installs_what_the_charts_install_with_the_same_choices(
    chart_settings: OperatorSettings, comparable: Comparable
) -> None:
    settings = chart_settings.model_copy(
        update={"namespace": "models", "enable_custom_service_accounts": True}
    )
    values = helm.values() | {
        "image": "registry.example.com/operator@sha256:" + "0" * 64,
        "replicas": 3,
        "settings": {each.value: getattr(settings, each.field) for each in helm.settings()},
        "certManager": {"enabled": True},
        "monitors": {"enabled": True},
        "dashboards": {"enabled": True},
        "strictScheduler": {"enabled": True, "image": "registry.example.com/kube-scheduler:v1.33.1"},
    }
    of_charts_so = of_charts(
        settings,
        image=values["image"],
        replicas=3,
        cert_manager=True,
        monitors=True,
        dashboards=True,
        scheduler_image=values["strictScheduler"]["image"],
    )
    assert compared(objects(values, "models"), comparable) == compared(of_charts_so, comparable)


@pytest.mark.parametrize(
    ("switch", "gone"), [("crds", "CustomResourceDefinition"), ("networkPolicies", "NetworkPolicy")]
)
def test_what_somebody_else_installs_can_be_left_out(switch: str, gone: str) -> None:
    values = helm.values()
    values[switch] = dict.fromkeys(values[switch], False)
    assert gone in {kind for kind, _ in objects(helm.values(), "a")}
    assert gone not in {kind for kind, _ in objects(values, "a")}


def test_the_definitions_stay_when_the_release_goes_since_endpoints_would_go_with_them() -> None:
    kept = [body for (kind, _), body in objects(helm.values(), "a").items() if "Definition" in kind]
    assert len(kept) == 4
    assert {body["metadata"]["annotations"]["helm.sh/resource-policy"] for body in kept} == {"keep"}


def test_the_schema_knows_every_value_and_refuses_others() -> None:
    schema = json.loads(FILES["values.schema.json"])

    def known(values: Body, node: Body, path: str = "") -> None:
        assert node["additionalProperties"] is False, path
        for name, value in values.items():
            below = node["properties"][name]
            if isinstance(value, dict):
                known(value, below, f"{path}.{name}")

    known(helm.values(), schema)
    assert schema["properties"]["settings"]["properties"]["region"]["pattern"].endswith(r"-\d$")


def test_the_chart_is_written_as_helm_wants_it(tmp_path: Path) -> None:
    paths = helm.write(tmp_path / "chart")
    assert {str(path.relative_to(tmp_path / "chart")) for path in paths} == set(FILES)
    chart = yaml.safe_load((tmp_path / "chart" / "Chart.yaml").read_text("utf-8"))
    assert (chart["apiVersion"], chart["name"], chart["type"]) == ("v2", "hyperpod-inference", "application")
    assert yaml.safe_load(FILES["values.yaml"]) == helm.values()
