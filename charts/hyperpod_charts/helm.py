"""A Helm chart of the same objects: what a user may want to set becomes a value, the rest stays as it is.

The objects are made with marks in place of the values, written as YAML, and the marks become Helm's
expressions. So the Helm chart cannot drift from the others. Its templates use four forms only: if and end,
each on a line of its own, `.Release.Namespace`, and `.Values.x`, quoted where it is a string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hyperpod_charts import dashboard_maps, monitors, network, scheduler
from hyperpod_charts.crds import definitions
from hyperpod_charts.operator import ROLE_ANNOTATION, operator_objects
from hyperpod_charts.rbac import rbac
from hyperpod_charts.webhook import webhook_objects
from hyperpod_inference import __version__
from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings

NAME = "hyperpod-inference"
KEEP = {"helm.sh/resource-policy": "keep"}
# Marks are words that YAML leaves unquoted and that occur nowhere else.
_MARK = re.compile(r"MARK([A-Za-z0-9.]+)MARK")
_NAMESPACE, _REPLICAS = "MARKnamespaceMARK", "MARKreplicasMARK"
# Lines that are there only under a condition.
_ONLY_IF = {names.CERT_MANAGER_INJECT: "certManager.enabled", ROLE_ANNOTATION: "settings.executionRoleArn"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the operator: its value's name below `settings`, its variable, and its default."""

    value: str
    field: str
    variable: str
    default: Any


def settings() -> Iterator[Setting]:
    """The settings that belong into values: not the ports, and not what Helm or the pod itself says."""
    for field, info in OperatorSettings.model_fields.items():
        if field.endswith("_port") or field in ("namespace", "service_account_name", "pod_name", "pod_ip"):
            continue
        first, *rest = field.split("_")
        value = first + "".join(part.capitalize() for part in rest)
        yield Setting(value, field, str(info.alias), info.default)


def files() -> dict[str, str]:
    """Returns the chart's files, path to text."""
    return {
        "Chart.yaml": _yaml(_chart()),
        "values.yaml": _yaml(values()),
        "values.schema.json": json.dumps(schema(), indent=2) + "\n",
        "templates/NOTES.txt": NOTES,
        **{f"templates/{name}.yaml": text for name, text in _templates()},
    }


def write(outdir: Path) -> list[Path]:
    """Writes the chart under `outdir`, which is made, and returns its files. Other files are left alone."""
    paths = []
    for name, text in files().items():
        path = outdir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def values() -> dict[str, Any]:
    """Returns the defaults of all values."""
    return {
        "image": names.OPERATOR_IMAGE,
        "replicas": 1,
        "settings": {each.value: each.default for each in settings()},
        "crds": {"install": True},
        "networkPolicies": {"enabled": True},
        "certManager": {"enabled": False},
        "monitors": {"enabled": False},
        "dashboards": {"enabled": False},
        "strictScheduler": {"enabled": False, "image": scheduler.IMAGE},
    }


def schema() -> dict[str, Any]:
    """Returns the JSON schema of the values, so that Helm refuses a typing error."""
    known = OperatorSettings.model_json_schema(by_alias=False)["properties"]
    below = {each.value: _plain(known[each.field]) for each in settings()}
    switch = _mapping({"enabled": {"type": "boolean"}})
    image = {"type": "string", "minLength": 1}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **_mapping(
            {
                "image": image,
                "replicas": {"type": "integer", "minimum": 1},
                "settings": _mapping(below),
                "crds": _mapping({"install": {"type": "boolean"}}),
                "networkPolicies": switch,
                "certManager": switch,
                "monitors": switch,
                "dashboards": switch,
                "strictScheduler": _mapping({"enabled": {"type": "boolean"}, "image": image}),
                "global": {"type": "object"},
            }
        ),
    }


def _plain(node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in node.items() if key in ("type", "pattern", "maxLength")}


def _mapping(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": dict(properties)}


def _chart() -> dict[str, Any]:
    return {
        "apiVersion": "v2",
        "name": NAME,
        "description": "The operator of HyperPod Inference: its CRDs, roles, webhook and Deployment",
        "type": "application",
        "version": __version__,
        "appVersion": __version__,
        "kubeVersion": ">=1.29.0-0",
    }


NOTES = """\
HyperPod Inference runs in {{ .Release.Namespace }}. Follow it, and deploy a model:

  kubectl -n {{ .Release.Namespace }} rollout status deployment/hyperpod-inference-controller-manager
  kubectl get iec --all-namespaces --watch

The CRDs stay when the release is uninstalled; with them, every endpoint does.
"""


def _templates() -> Iterator[tuple[str, str]]:
    marked: dict[str, Any] = {each.field: f"MARKsettings.{each.value}MARK" for each in settings()}
    marks = OperatorSettings.model_construct(**{**marked, "namespace": _NAMESPACE, **_plain_fields()})
    webhook = webhook_objects(marks, cert_manager=True)
    certificate = [each for each in webhook if each["kind"] in ("Issuer", "Certificate")]
    crds = definitions(marks, cert_manager=True)
    for each in crds:
        each["metadata"]["annotations"] = KEEP | each["metadata"].get("annotations", {})
    yield "crds", _template(crds, "crds.install")
    yield "rbac", _template(rbac(marks))
    yield "network", _template([network.operator_policy(marks)], "networkPolicies.enabled")
    yield "certificate", _template(certificate, "certManager.enabled")
    yield "webhook", _template(each for each in webhook if each not in certificate)
    yield "operator", _template(_operator(marks))
    strict = _template(scheduler.scheduler_objects(marks, "MARKstrictScheduler.imageMARK"))
    strict += _template([network.scheduler_policy(marks)], "networkPolicies.enabled")
    yield "scheduler", _if("strictScheduler.enabled", strict)
    yield "monitors", _template(monitors.monitor_objects(marks), "monitors.enabled")
    yield "dashboards", _template(dashboard_maps.config_maps(marks), "dashboards.enabled")


def _plain_fields() -> dict[str, Any]:
    """Fields whose type does not take a mark; their variables are marked in the Deployment instead."""
    return {
        name: info.default
        for name, info in OperatorSettings.model_fields.items()
        if info.annotation is not str
    }


def _operator(marks: OperatorSettings) -> list[dict[str, Any]]:
    objects = operator_objects(marks, image="MARKimageMARK")
    (deployment,) = (each for each in objects if each["kind"] == "Deployment")
    deployment["spec"]["replicas"] = _REPLICAS
    variables = {each.variable: f"MARKsettings.{each.value}MARK" for each in settings()}
    environment = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    for entry in environment:
        if entry["name"] in variables:
            entry["value"] = variables[entry["name"]]
    return objects


def _template(objects: Iterable[Mapping[str, Any]], condition: str | None = None) -> str:
    text = "".join(f"---\n{_yaml(each)}" for each in objects)
    text = "".join(_line(line) for line in text.splitlines(keepends=True))
    return _if(condition, text) if condition else text


def _line(line: str) -> str:
    line = line.replace(_REPLICAS, "{{ .Values.replicas }}")
    line = re.sub(f"(?<=: ){_NAMESPACE}$", "{{ .Release.Namespace | quote }}", line)
    line = line.replace(_NAMESPACE, "{{ .Release.Namespace }}")  # a part of a text
    line = _MARK.sub(r"{{ .Values.\1 | quote }}", line)
    condition = next((only for key, only in _ONLY_IF.items() if line.strip().startswith(f"{key}:")), None)
    return _if(condition, line) if condition else line


def _if(condition: str, text: str) -> str:
    return f"{{{{- if .Values.{condition} }}}}\n{text}{{{{- end }}}}\n"


class _Dumper(yaml.SafeDumper):
    """YAML without anchors and without folded lines, so that a mark stays in one piece."""

    def ignore_aliases(self, data: Any) -> bool:
        """Always."""
        return True


def _yaml(body: Mapping[str, Any]) -> str:
    return yaml.dump(dict(body), Dumper=_Dumper, sort_keys=False, width=100_000, allow_unicode=True)
