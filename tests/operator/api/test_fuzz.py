"""Random resources: nothing crashes on them, and the API server's verdict on each is the one given offline.

`make fuzz` runs the offline part for long (HYPERPOD_FUZZ_EXAMPLES).
"""

import asyncio
import copy
import json
import os
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hyperpod_inference.api.applied import LAST_APPLIED, dropped
from hyperpod_inference.api.check import check
from hyperpod_inference.api.conversion import convert
from hyperpod_inference.api.documents import read
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.jumpstart import JumpStartModel
from hyperpod_inference.api.kinds import KINDS
from hyperpod_inference.api.names import API_VERSION, API_VERSION_ALPHA, KIND_GATEWAY
from hyperpod_inference.api.parse import AnyResource, InvalidResource, parse
from hyperpod_inference.api.schema import object_schema
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.api.warnings import warnings
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.errors import ApiError
from hyperpod_inference.local.aws.sagemaker.hub_catalogue import CATALOGUE
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.render import render
from hyperpod_inference.render.hub_document import parse_document
from hyperpod_inference.render.jumpstart import as_endpoint

Body = dict[str, Any]
Schema = Mapping[str, Any]
EXAMPLES = int(os.environ.get("HYPERPOD_FUZZ_EXAMPLES", "100"))
COMPARED = 1000
COMPARED_WITHOUT = 300
AT_ONCE = 8
HUB_MODEL = CATALOGUE["huggingface-llm-mistral-7b-instruct"]
DOCUMENT = parse_document(
    HUB_MODEL.id,
    HUB_MODEL.versions[-1],
    HUB_MODEL.document("us-west-2", HUB_MODEL.versions[-1]),
)
SCHEMAS = {kind.kind: object_schema(kind) for kind in KINDS}

# pattern -> texts that match it, and one that does not
MATCHING = {
    "aps-workspaces": ["", "https://aps-workspaces.us-west-2.amazonaws.com/workspaces/ws-1", "https://a"],
    "^arn:aws:acm": ["arn:aws:acm:us-west-2:111122223333:certificate/1a", "arn:aws-cn:acm:a"],
    "^arn:aws[a-z": ["arn:aws:iam::111122223333:role/A", "arn:aws:iam::1:role/A"],
    "^s3://": ["s3://bucket", "s3://bucket/key", "s3://"],
    "^Z[A-Z0-9]+$": ["Z1", "z1", "Z1\n"],
    "^ml": ["ml.g5.8xlarge", "ml.p5.48xlarge", "ml.c5.large", "ml.new.1xlarge", "g5"],
    "^mig-": ["mig-1g.10gb", "mig-1g.5gb", "1g"],
    "(?i)redis": ["redis", "TieredStorage", "disk"],
    "^https://": ["https://a.example.com", "http://a"],
    "^http$|": ["http", "grpc", "tcp"],
    "^[0-9a-f]{40}$": ["0" * 40, "0" * 39],
    "^([0-9]{1,5}(h": ["5m", "0s", "1"],
    "_.-]+/[a-zA": ["org/model", "model"],
    r"^\d{1,4}": ["1.0.0", "1"],
    "^/": ["/", "/a", "a", ""],
    "": ["a", "chat-1", "a.b", "A_b", "-a", "a\n", ""],
}
TEXTS = [
    "",
    "a",
    "chat",
    "model-weights",
    "shm",
    "/models",
    "é",
    "a b",
    "y" * 70,
    "redis://a:6379",
    "completions",
]
QUANTITIES: list[Any] = [
    0,
    1,
    4,
    9,
    "1",
    "01",
    "500m",
    "16Gi",
    "17Gi",
    "0",
    "1e3",
    "1e1.5",
    "-1",
    "x",
    0.5,
    1.0,
]
KEYS = ["a", "cpu", "memory", "nvidia.com/gpu", "nvidia.com/mig-1g.10gb", "aws.amazon.com/neurondevice"]
WRONG: list[Any] = [None, "x", 7, 1.0, 1.5, True, [], {}, [None], {"unknown": 1}, -1, 2**31, 2**40]


class Maker:
    """Random values for a schema. `chaos` is the share of places where something is made wrong."""

    def __init__(self, random: Random, chaos: float) -> None:
        self._random = random
        self._chaos = chaos

    def resource(self, base: Body) -> Body:
        """`base` with some blocks of its spec, and sometimes its metadata, made at random."""
        made = copy.deepcopy(base)
        schema = SCHEMAS[base["kind"]]["properties"]["spec"]
        for name in self._some(sorted(schema["properties"]), 3):
            made["spec"][name] = self._merged(made["spec"].get(name), self.value(schema["properties"][name]))
        if self._random.random() < 0.1:
            made["metadata"] |= self._metadata()
        return made

    def value(self, schema: Schema) -> Any:
        """A value, right more often than not."""
        if self._random.random() < self._chaos:
            return self._random.choice(WRONG)
        if schema.get("x-kubernetes-int-or-string"):
            return self._random.choice(QUANTITIES)
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        make: dict[str, Callable[[Schema], Any]] = {
            "string": self._string,
            "integer": self._integer,
            "number": lambda _: self._random.choice([0, 1, 2.5, -1]),
            "boolean": lambda _: self._random.random() < 0.6,
            "array": self._array,
            "object": self._object,
        }
        return make[schema["type"]](schema)

    def _string(self, schema: Schema) -> str:
        pattern = schema.get("pattern")
        if pattern is None:
            return self._random.choice(TEXTS)
        samples = next(texts for part, texts in MATCHING.items() if part in pattern)
        return samples[0] if self._random.random() < 0.7 else self._random.choice(samples)

    def _integer(self, schema: Schema) -> int:
        low, high = schema.get("minimum"), schema.get("maximum")
        near = [bound + step for bound in (low, high) if bound is not None for step in (-1, 0, 1)]
        usual = [schema.get("default", 1), 1, 30, 60, 2000]
        return int(self._random.choice(near if near and self._random.random() < 0.2 else usual))

    def _array(self, schema: Schema) -> list[Any]:
        count = self._random.choice([0, 1, 1, 2])
        items = [self.value(schema["items"]) for _ in range(max(count, schema.get("minItems", 0)))]
        return [*items, items[0]] if items and self._random.random() < self._chaos else items

    def _object(self, schema: Schema) -> Body:
        properties = schema.get("properties")
        if properties is None:
            inner = schema.get("additionalProperties")
            if not isinstance(inner, Mapping):
                return {"anything": [1, "a"]}
            return {key: self.value(inner) for key in self._some(KEYS, 2)}
        required = [name for name in schema.get("required", ()) if self._random.random() > self._chaos]
        chosen = dict.fromkeys([*required, *self._some(sorted(properties), 3)])
        return {name: self.value(properties[name]) for name in chosen}

    def _metadata(self) -> Body:
        texts = ["a", "A", "a.b", "-a", "a/b", "a" * 64, "", "é", "a_b"]
        pick = self._random.choice
        return pick(
            [
                {"name": pick(texts)},
                {"labels": {pick(texts): pick(texts)}},
                {"annotations": {pick(texts): pick(texts)}},
                {"labels": {"a": 1}},
                {"unknown": 1},
            ]
        )

    def _merged(self, old: Any, new: Any) -> Any:
        """Required blocks keep what they had, so that not every resource is refused for the same field."""
        return {**old, **new} if isinstance(old, dict) and isinstance(new, dict) else new

    def _some(self, names: list[str], most: int) -> list[str]:
        return self._random.sample(names, min(len(names), self._random.randint(0, most)))


def random_resource(random: Random, bodies: dict[str, Body]) -> Body:
    """One resource of any kind, wrong in about half of the cases."""
    maker = Maker(random, random.choice([0, 0, 0.02, 0.1]))
    return maker.resource(random.choice([bodies["InferenceEndpointConfig"], *bodies.values()]))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False))
def test_nothing_crashes_on_a_random_resource(bodies: dict[str, Body], random: Random) -> None:
    made = random_resource(random, bodies)
    (document,) = read(json.dumps(made), "random.json")
    errors = [each for each in check(document) if each.severity == "error"]
    dropped({"metadata": {"annotations": {LAST_APPLIED: json.dumps(made)}}})
    try:
        resource = parse(made)
    except InvalidResource as invalid:
        assert len(errors) == len(invalid.problems)
        return
    assert not errors
    warnings(resource)
    assert parse(resource.to_body()) == resource
    rendered(resource)
    if resource.kind != KIND_GATEWAY:
        assert convert(convert(made, API_VERSION_ALPHA), API_VERSION) == made


def rendered(resource: AnyResource) -> None:
    """Render an endpoint or a JumpStart model, which may be refused but must not crash."""
    with_settings = OperatorSettings(enable_custom_service_accounts=True)
    try:
        if isinstance(resource, JumpStartModel):
            resource = as_endpoint(resource, DOCUMENT, with_settings)
        if isinstance(resource, InferenceEndpointConfig):
            render(resource, with_settings)
    except InvalidResource as invalid:
        assert invalid.problems


def refused_offline(body: Body, *, webhook: bool) -> str:
    """Why an API server with or without the webhook would refuse `body`; empty when it would not."""
    try:
        parse(body)
    except InvalidResource as invalid:
        return "; ".join(str(each) for each in invalid.problems if webhook or not each.webhook_only)
    return ""


async def refused_by_server(client: Client, body: Body) -> str:
    """Why the API server refuses `body`; empty when it does not. Nothing is stored."""
    kind = next(each for each in KINDS if each.kind == body["kind"])
    given_body = body | {"metadata": body["metadata"] | {"namespace": "default"}}
    try:
        await client.request(
            "POST",
            f"/apis/{kind.api_version}/namespaces/default/{kind.plural}",
            params={"fieldValidation": "Strict", "dryRun": "All"},
            body=given_body,
        )
    except ApiError as error:
        assert 400 <= error.status < 500, error
        return error.message
    return ""


async def differences(client: Client, resources: list[Body], *, webhook: bool) -> list[str]:
    """Where the server's verdict is not the one given offline.

    A difference counts when it comes three times: a webhook that is slow once fails open.
    """
    turn = asyncio.Semaphore(AT_ONCE)

    async def difference(number: int, body: Body) -> str:
        offline, online = refused_offline(body, webhook=webhook), ""
        for _ in range(3):
            async with turn:
                online = await refused_by_server(client, body)
            if bool(online) == bool(offline):
                return ""
        return f"{number}: server: {online!r}, offline: {offline!r}"

    found = await asyncio.gather(*(difference(*each) for each in enumerate(resources)))
    return [each for each in found if each]


def sample(bodies: dict[str, Body], count: int) -> list[Body]:
    return [random_resource(Random(seed), bodies) for seed in range(count)]  # noqa: S311


@pytest.mark.cluster
@pytest.mark.timeout(900)  # the first one also starts the cluster
async def test_the_api_server_with_the_webhook_gives_the_verdict_that_was_given_offline(
    operated: Client, bodies: dict[str, Body]
) -> None:
    resources = sample(bodies, COMPARED)
    assert await differences(operated, resources, webhook=True) == []
    share = sum(bool(refused_offline(each, webhook=True)) for each in resources) / COMPARED
    assert 0.2 < share < 0.8, "the sample must hold both, or agreement says little"


@pytest.mark.cluster
@pytest.mark.timeout(900)  # the first one also starts the cluster
async def test_without_the_webhook_only_what_cel_cannot_say_is_missing(
    defined: LocalCluster, bodies: dict[str, Body]
) -> None:
    async with Client(load(defined.kubeconfig)) as client:
        assert await differences(client, sample(bodies, COMPARED_WITHOUT), webhook=False) == []
