"""In which order a template's resources are created: each after what it names or depends on."""

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

_SUBSTITUTED: Final = re.compile(r"\$\{([A-Za-z0-9]+)[.}]")


def creation_order(resources: Mapping[str, Any]) -> list[str]:
    """Logical ids, dependencies first; deletion goes the other way."""
    graph = {
        name: {other for other in _references(resource) if other in resources and other != name}
        for name, resource in resources.items()
    }
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise ValueError(f"Circular dependency between resources: {error.args[1]}") from error


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            match key, item:
                case "Ref", str():
                    yield item
                case "DependsOn", str():
                    yield item
                case "DependsOn", list():
                    yield from item
                case "Fn::GetAtt", [str() as name, *_]:
                    yield name
                case "Fn::GetAtt", str():
                    yield item.partition(".")[0]
                case "Fn::Sub", str():
                    yield from _SUBSTITUTED.findall(item)
                case "Fn::Sub", [str() as text, variables]:
                    yield from _SUBSTITUTED.findall(text)
                    yield from _references(variables)
                case _:
                    yield from _references(item)
