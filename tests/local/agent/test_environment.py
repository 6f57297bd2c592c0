"""Variables and command lines, as tables: what the manifest says, what the program gets."""

from typing import Any

import pytest

from hyperpod_inference.local.agent import environment, launching
from hyperpod_inference.local.agent.environment import ConfigError, Sources

POD: dict[str, Any] = {
    "metadata": {
        "name": "web-0",
        "namespace": "shop",
        "uid": "u-1",
        "labels": {"app": "web"},
        "annotations": {"note": 'a "b"'},
    },
    "spec": {"nodeName": "node-1", "serviceAccountName": "seller", "containers": []},
}
SOURCES = Sources(
    "10.244.1.7",
    "10.244.255.1",
    objects={
        ("ConfigMap", "settings"): {"data": {"LEVEL": "info", "COLOUR": "red"}},
        ("Secret", "keys"): {"data": {"TOKEN": "s3cret"}},
    },
    services={"WEB_SERVICE_HOST": "10.96.0.9", "LEVEL": "from the service"},
    allocatable={"cpu": "31850m", "memory": "128Gi"},
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$(A)", "1"),
        ("x$(A)y$(B)z", "x1y2z"),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $(", "$A ${A} $("),
        ("$(A)$(A)", "11"),
        ("$()", "$()"),
    ],
)
def test_references_expand_as_the_kubelet_expands_them(text: str, expected: str) -> None:
    assert environment.expand(text, {"A": "1", "B": "2"}) == expected


def field_ref(path: str) -> dict[str, Any]:
    return {"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}}


def resource_ref(resource: str, divisor: str = "0") -> dict[str, Any]:
    return {"name": "X", "valueFrom": {"resourceFieldRef": {"resource": resource, "divisor": divisor}}}


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ({"name": "X", "value": "v"}, "v"),
        ({"name": "X"}, ""),
        ({"name": "X", "value": "$(WEB_SERVICE_HOST):80"}, "10.96.0.9:80"),
        (field_ref("metadata.name"), "web-0"),
        (field_ref("metadata.namespace"), "shop"),
        (field_ref("metadata.uid"), "u-1"),
        (field_ref("metadata.labels['app']"), "web"),
        (field_ref("metadata.annotations['none']"), ""),
        (field_ref("spec.nodeName"), "node-1"),
        (field_ref("spec.serviceAccountName"), "seller"),
        (field_ref("status.podIP"), "10.244.1.7"),
        (field_ref("status.hostIP"), "10.244.255.1"),
        (resource_ref("limits.memory"), str(2 * 1024**3)),
        (resource_ref("limits.memory", "1Mi"), "2048"),
        (resource_ref("requests.cpu"), "1"),
        (resource_ref("requests.cpu", "1m"), "500"),
        (resource_ref("limits.cpu", "1m"), "31850"),
        ({"name": "X", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "COLOUR"}}}, "red"),
        ({"name": "X", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "TOKEN"}}}, "s3cret"),
    ],
)
def test_every_source_of_a_variable_gives_its_value(variable: dict[str, Any], expected: str) -> None:
    resources = {"limits": {"memory": "2Gi"}, "requests": {"cpu": "500m"}}
    container = {"name": "c", "env": [variable], "resources": resources}
    assert environment.resolve(POD, container, SOURCES)["X"] == expected


def test_own_variables_win_over_envfrom_and_envfrom_over_services() -> None:
    container = {
        "name": "c",
        "envFrom": [
            {"prefix": "CFG_", "configMapRef": {"name": "settings"}},
            {"secretRef": {"name": "keys"}},
        ],
        "env": [{"name": "TOKEN", "value": "mine"}, {"name": "AFTER", "value": "$(TOKEN)/$(CFG_LEVEL)"}],
    }
    assert environment.resolve(POD, container, SOURCES) == {
        "WEB_SERVICE_HOST": "10.96.0.9",
        "LEVEL": "from the service",
        "CFG_LEVEL": "info",
        "CFG_COLOUR": "red",
        "TOKEN": "mine",
        "AFTER": "mine/info",
    }


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (
            {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "no", "key": "k"}}}]},
            'secret "no" not found',
        ),
        (
            {"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "no"}}}]},
            "couldn't find key no in ConfigMap shop/settings",
        ),
        ({"envFrom": [{"configMapRef": {"name": "no"}}]}, 'configmap "no" not found'),
        ({"env": [field_ref("spec.priority")]}, "unsupported fieldPath: spec.priority"),
        ({"env": [{"name": "X", "valueFrom": {"fileKeyRef": {}}}]}, "not supported by local nodes"),
    ],
)
def test_a_missing_source_is_told_by_name(env: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        environment.resolve(POD, {"name": "c", **env}, SOURCES)


def test_optional_sources_may_be_missing() -> None:
    optional = {"name": "X", "valueFrom": {"secretKeyRef": {"name": "no", "key": "k", "optional": True}}}
    container = {
        "name": "c",
        "env": [optional],
        "envFrom": [{"configMapRef": {"name": "no", "optional": True}}],
    }
    assert "X" not in environment.resolve(POD, container, SOURCES)


def test_what_must_be_fetched_is_known_beforehand() -> None:
    container = {
        "envFrom": [{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "b"}}],
        "env": [
            {"name": "X", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
            {"name": "Y", "valueFrom": {"secretKeyRef": {"name": "d", "key": "k"}}},
            {"name": "Z", "value": "v"},
        ],
    }
    expected = {("ConfigMap", "a"), ("Secret", "b"), ("ConfigMap", "c"), ("Secret", "d")}
    assert environment.needs(container) == expected


def test_services_of_the_namespace_and_the_api_server_are_linked() -> None:
    def service(namespace: str, name: str, address: str, port: int) -> dict[str, Any]:
        ports = [{"port": port, "name": "http-main"}]
        return {
            "metadata": {"namespace": namespace, "name": name},
            "spec": {"clusterIP": address, "ports": ports},
        }

    services = [
        service("default", "kubernetes", "10.96.0.1", 443),
        service("shop", "my-web", "10.96.0.2", 80),
        service("shop", "headless", "None", 80),
        service("other", "far", "10.96.0.3", 80),
    ]
    links = environment.service_links(services, "shop")
    assert links["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    assert links["KUBERNETES_SERVICE_PORT"] == "443"
    assert links["MY_WEB_SERVICE_PORT_HTTP_MAIN"] == "80"
    assert links["MY_WEB_PORT_80_TCP_ADDR"] == "10.96.0.2"
    assert not [name for name in links if name.startswith(("FAR", "HEADLESS"))]
    without = environment.service_links(services, "shop", links=False)
    assert {name.split("_")[0] for name in without} == {"KUBERNETES"}


def test_a_pod_with_names_of_its_own_finds_itself_and_them() -> None:
    aliases = [{"ip": "10.96.3.4", "hostnames": ["a.example", "b.example"]}, {"ip": "10.96.3.5"}]
    assert launching.hosts(aliases, "10.244.1.7", "web-0").splitlines() == [
        "127.0.0.1\tlocalhost",
        "10.244.1.7\tweb-0",
        "10.96.3.4\ta.example\tb.example",
        "10.96.3.5",
    ]
