"""What a person is told of a JumpStartModel names fields that a JumpStartModel has."""

import re
from typing import Any

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.api.crd import crds
from hyperpod_inference.status import advice
from hyperpod_inference.status.wording import OF_HUB, in_fields_of

ADVICE = (
    *(advice.unschedulable(each) for each in ("1 Insufficient memory", "node affinity/selector", "")),
    *(advice.unschedulable(each) for each in ("untolerated taint", "no nodes available", "Too many pods")),
    *(advice.image_pull(each) for each in ("denied", "timeout", "not found")),
    advice.container_config(),
    advice.init_container(names.CACHE_COPIER_CONTAINER, "No space left on device"),
    advice.init_container("other", ""),
    *(advice.out_of_memory(each) for each in ("24Gi", None)),
    advice.crash({"name": "chat-1"}, "chat", "No module named 'lmcache'"),
    advice.liveness(),
    advice.readiness(),
    *(advice.mount(each) for each in ("ai_toolkit_cache", f'"{names.CACHE_VOLUME}"', "AccessDenied", "")),
    "Ask for less in spec.worker.resources, lower spec.replicas, or have the quota raised.",
)
FIELD = re.compile(r"\bspec(?:\.[A-Za-z]+)+")


def owned_by(kind: str) -> dict[str, Any]:
    return {"metadata": {"labels": {names.LABEL_OWNER_KIND: kind}}}


def fields_of(kind: str) -> set[str]:
    """Every path of the kind's schema, as `spec.worker.resources`."""
    (crd,) = [each for each in crds() if each["spec"]["names"]["kind"] == kind]
    (stored,) = [each for each in crd["spec"]["versions"] if each["storage"]]
    found: set[str] = set()

    def walk(schema: dict[str, Any], path: str) -> None:
        found.add(path)
        for name, each in (schema.get("properties") or {}).items():
            walk(each, f"{path}.{name}")

    walk(stored["schema"]["openAPIV3Schema"]["properties"]["spec"], "spec")
    return found


# Below these the schema is Kubernetes' own, which is not walked.
OPEN = ("spec.worker.resources.", "spec.worker.probes.")


@pytest.mark.parametrize("kind", [names.KIND_JUMPSTART, names.KIND_ENDPOINT])
def test_every_field_that_advice_names_is_one_of_the_kind(kind: str) -> None:
    known = fields_of(kind)
    named = {field for words in ADVICE for field in FIELD.findall(in_fields_of(owned_by(kind), words))}
    assert len(named) > 5
    assert {each for each in named if each not in known and not each.startswith(OPEN)} == set()


def test_every_phrase_of_the_table_is_one_that_advice_says() -> None:
    assert [each for each in OF_HUB if not any(each in words for words in ADVICE)] == []


def test_advice_on_an_endpoint_is_left_as_it_is() -> None:
    assert [in_fields_of(owned_by(names.KIND_ENDPOINT), words) for words in ADVICE] == [*ADVICE]
