"""Descriptions of Kubernetes' own fields in the CRDs: as many as there is room for, the useful ones first.

An endpoint embeds whole volumes and containers of core/v1. With every description of theirs its CRD would
pass the size that this project allows itself, so what is deepest and least used goes without:
`kubectl explain pod` has it, and so has `hyperpod-inference explain`.
"""

import json
from collections.abc import Iterator
from typing import Any

from hyperpod_inference.api.kubernetes.legacy import LegacySources

MARK = "x-description"
"""Holds the description of such a field until it is decided; no CRD keeps it."""
MOST = 119_800
"""Bytes of a definition as compact JSON. What installs it may add annotations, up to 120,000."""
_FIRST = ("worker", "nodeAffinity", "modelSourceConfig")
"""Blocks that nearly every endpoint writes."""
_LEGACY = frozenset(field.alias or name for name, field in LegacySources.model_fields.items())
_KEY = len('"description":,')
Place = tuple[str, ...]


def fill(definition: dict[str, Any]) -> dict[str, Any]:
    """Turn the marks in `definition` into descriptions while there is room, and drop the others."""
    marked = sorted(_marked(definition, ()), key=lambda each: _rank(each[0]))
    texts = [(node, node.pop(MARK)) for _, node in marked]
    room = MOST - size(definition)
    for node, text in texts:
        room -= _KEY + len(json.dumps(text))
        if room < 0:
            break
        node["description"] = text
    return definition


def size(definition: dict[str, Any]) -> int:
    """Bytes as compact JSON."""
    return len(json.dumps(definition, separators=(",", ":")))


def _marked(node: Any, at: Place) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Every marked schema with the names of the fields on the way to it."""
    if isinstance(node, list):
        for each in node:
            yield from _marked(each, at)
    if not isinstance(node, dict):
        return
    if MARK in node:
        yield at, node
    for key, each in node.items():
        if key == "properties":
            for name, field in each.items():
                yield from _marked(field, (*at, name))
        else:
            yield from _marked(each, at)


def _rank(at: Place) -> tuple[bool, int, bool, Place]:
    return bool(_LEGACY & {*at}), len(at), not {*_FIRST} & {*at}, at
