"""A container's environment and command line as the kubelet computes them. Pure.

`needs` names the ConfigMaps and Secrets to fetch, `resolve` turns them and the pod into variables.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hyperpod_inference.local.agent import downward

Body = Mapping[str, Any]

_REFERENCE = re.compile(r"\$\$|\$\(([^()]*)\)")


class ConfigError(Exception):
    """The container cannot be configured; the text is what the pod's status shows."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What variables may come from; objects by (kind, name), absent when the cluster has none.

    Attributes:
        objects: fetched ConfigMaps and Secrets; a Secret's `data` is decoded already.
        services: variables for the namespace's Services, see `service_links`.
        pod_ip, host_ip: the pod's and its node's address.
        allocatable: of the node, for resources without a limit.
    """

    pod_ip: str
    host_ip: str
    objects: Mapping[tuple[str, str], Body] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    allocatable: Mapping[str, str] = field(default_factory=dict)


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace $(NAME); an unknown name stays as it is, $$ is one dollar sign."""

    def replacement(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return variables.get(match[1], match[0])

    return _REFERENCE.sub(replacement, text)


def needs(container: Body) -> set[tuple[str, str]]:
    """(kind, name) of every ConfigMap and Secret that the container's variables come from."""
    found: set[tuple[str, str]] = set()
    for entry in container.get("envFrom") or ():
        for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if key in entry:
                found.add((kind, entry[key]["name"]))
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") or {}
        for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if key in source:
                found.add((kind, source[key]["name"]))
    return found


def resolve(pod: Body, container: Body, sources: Sources) -> dict[str, str]:
    """Every variable of the container, in the kubelet's order of precedence.

    Raises:
        ConfigError: a source that is not optional does not exist, or lacks the key.
    """
    result = dict(sources.services)
    for entry in container.get("envFrom") or ():
        result.update(_from_object(entry, sources, pod))
    own: dict[str, str] = {}
    for variable in container.get("env") or ():
        value = _value(variable, pod, container, sources, result | own)
        if value is not None:
            own[variable["name"]] = value
    return result | own


def _from_object(entry: Body, sources: Sources, pod: Body) -> dict[str, str]:
    kind, reference = (
        ("ConfigMap", entry["configMapRef"]) if "configMapRef" in entry else ("Secret", entry["secretRef"])
    )
    data = _data(kind, reference, sources, pod)
    return {entry.get("prefix", "") + key: value for key, value in data.items()}


def _data(kind: str, reference: Body, sources: Sources, pod: Body) -> Mapping[str, str]:
    found = sources.objects.get((kind, reference["name"]))
    if found is None and not reference.get("optional"):
        raise ConfigError(f'{kind.lower()} "{reference["name"]}" not found')
    return (found or {}).get("data") or {}


def _value(
    variable: Body, pod: Body, container: Body, sources: Sources, known: Mapping[str, str]
) -> str | None:
    source = variable.get("valueFrom")
    if not source:
        return expand(variable.get("value") or "", known)
    if "fieldRef" in source:
        try:
            return downward.field(pod, source["fieldRef"]["fieldPath"], sources.pod_ip, sources.host_ip)
        except ValueError as error:
            raise ConfigError(str(error)) from None
    if "resourceFieldRef" in source:
        return downward.resource(pod, container, source["resourceFieldRef"], sources.allocatable)
    for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if key in source:
            return _keyed(kind, source[key], sources, pod)
    raise ConfigError(f"env {variable['name']}: valueFrom {'/'.join(source)} is not supported by local nodes")


def _keyed(kind: str, reference: Body, sources: Sources, pod: Body) -> str | None:
    data = _data(kind, reference, sources, pod)
    if reference["key"] in data:
        return data[reference["key"]]
    if reference.get("optional"):
        return None
    namespace = pod["metadata"]["namespace"]
    raise ConfigError(f"couldn't find key {reference['key']} in {kind} {namespace}/{reference['name']}")


def command(container: Body, variables: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The container's command and args with $(NAME) replaced."""
    return (
        [expand(each, variables) for each in container.get("command") or ()],
        [expand(each, variables) for each in container.get("args") or ()],
    )


def service_links(services: Iterable[Body], namespace: str, links: bool = True) -> dict[str, str]:
    """NAME_SERVICE_HOST and friends: always for the API server, for the namespace's Services if `links`."""
    result: dict[str, str] = {}
    for service in services:
        metadata, spec = service["metadata"], service["spec"]
        master = (metadata["namespace"], metadata["name"]) == ("default", "kubernetes")
        address = spec.get("clusterIP", "None")
        if address in ("", "None") or not (master or (links and metadata["namespace"] == namespace)):
            continue
        result |= _links(metadata["name"], address, spec.get("ports") or ())
    return result


def _links(name: str, address: str, ports: Iterable[Body]) -> dict[str, str]:
    prefix = re.sub(r"[^A-Z0-9_]", "_", name.upper())
    result = {f"{prefix}_SERVICE_HOST": address}
    for number, port in enumerate(ports):
        protocol, value = port.get("protocol", "TCP"), str(port["port"])
        result.setdefault(f"{prefix}_SERVICE_PORT", value)
        if port.get("name"):
            result[f"{prefix}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = value
        url = f"{protocol.lower()}://{address}:{value}"
        if number == 0:
            result[f"{prefix}_PORT"] = url
        base = f"{prefix}_PORT_{value}_{protocol}"
        result |= {
            base: url,
            f"{base}_PROTO": protocol.lower(),
            f"{base}_PORT": value,
            f"{base}_ADDR": address,
        }
    return result
