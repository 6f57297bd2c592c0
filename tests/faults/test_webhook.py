"""F15: the webhook is away, slow, not trusted, or its certificate ends; and it is replaced under load."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from faultrig.door import Door, listen_inside
from faultrig.selection import full
from faultrig.snapshot import NAMESPACE
from faultrig.trial import Trial, World, eventually, example

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.controllers.kinds import ENDPOINTS
from hyperpod_inference.kube.errors import ApiError, NotFound
from hyperpod_inference.kube.resources import SECRETS, SERVICES, VALIDATING_WEBHOOK_CONFIGURATIONS, Body
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.webhook import certificates
from hyperpod_inference.webhook.authority import new_authority
from hyperpod_inference.webhook.keeper import hosts, secret_of

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not full(), reason="part of the whole table only"),
    pytest.mark.skipif("HYPERPOD_TEST_KUBECONFIG" in os.environ, reason="its API server cannot reach here"),
]
WITH_WEBHOOK: dict[str, Any] = {
    "environ": {"ENABLE_WEBHOOKS": "true"},
    "constants": {
        "hyperpod_inference.webhook.keeper.CHECK_SECONDS": 1.0,
        "hyperpod_inference.webhook.keeper.RETRY_SECONDS": 0.5,
    },
}
SHORT_LIVES: dict[str, Any] = {
    "hyperpod_inference.webhook.certificates.SERVING_LIFE": timedelta(seconds=30),
    "hyperpod_inference.webhook.authority.AUTHORITY_LIFE": timedelta(seconds=36),
    "hyperpod_inference.webhook.authority.SETTLING": timedelta(seconds=4),
    "hyperpod_inference.webhook.authority.BACKDATED": timedelta(0),
}
"""A certificate for 20 s, an authority for 24, trusted for 4 before it signs."""


@pytest.fixture
async def door(world: World, control_plane: LocalCluster) -> AsyncIterator[Door]:
    """The charts' Service and validation are there, and lead to whoever the door leads to."""
    from hyperpod_charts import webhook  # seconds

    settings = OperatorSettings(namespace=NAMESPACE)
    client = world.client
    async with AsyncExitStack() as stack:
        service = await client.apply(webhook.service(settings), "test")
        stack.push_async_callback(_remove, world, SERVICES, names.WEBHOOK_SERVICE, NAMESPACE)
        stack.push_async_callback(_remove, world, SECRETS, names.WEBHOOK_SECRET, NAMESPACE)
        listener = listen_inside(control_plane, service["spec"]["clusterIP"], names.WEBHOOK_SERVICE_PORT)
        opened = await stack.enter_async_context(Door(listener))
        await client.apply(webhook.validation(settings), "test")
        stack.push_async_callback(
            _remove, world, VALIDATING_WEBHOOK_CONFIGURATIONS, names.VALIDATING_WEBHOOK, None
        )
        yield opened


async def _remove(world: World, resource: Any, name: str, namespace: str | None) -> None:
    with suppress(NotFound):
        await world.client.delete(resource, name, namespace)


def wrong(name: str) -> Body:
    """Wrong in a way that only the webhook and the operator see: no volume has the name of the mount."""
    body = example(name)
    body["spec"]["modelSourceConfig"] = {"modelSourceType": "kubernetesVolume"}
    body["spec"]["kubernetes"]["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    return body


async def refused(world: World) -> bool:
    """Whether admission refuses what is wrong; it is not kept either way."""
    path = f"/apis/{names.API_VERSION}/namespaces/{NAMESPACE}/{ENDPOINTS.plural}"
    try:
        await world.client.request("POST", path, params={"dryRun": "All"}, body=wrong("asked"))
    except ApiError as error:
        assert "admission webhook" in error.message, error
        return True
    return False


def through(door: Door, trial: Trial) -> None:
    door.target = (trial.operator.address, names.OPERATOR_WEBHOOK_PORT)


async def _shut(world: World, door: Door, trial: Trial) -> None:
    door.put("shut")


async def _slow(world: World, door: Door, trial: Trial) -> None:
    door.put("slow")


async def _not_trusted(world: World, door: Door, trial: Trial) -> None:
    """Somebody writes another authority into the configuration."""
    other = base64.b64encode(new_authority("other", datetime.now(UTC)).certificates).decode()
    client, kind = world.client, VALIDATING_WEBHOOK_CONFIGURATIONS
    body = await client.get(kind, names.VALIDATING_WEBHOOK)
    body["webhooks"][0]["clientConfig"]["caBundle"] = other
    await client.replace(kind, body)


async def _expired(world: World, door: Door, trial: Trial) -> None:
    """The operator was away for a quarter of a year."""
    trial.operator.kill()
    await world.client.replace(SECRETS, secret_of(await _aged(world, days=91), NAMESPACE))
    trial.start()
    through(door, trial)


async def _aged(world: World, days: float) -> certificates.Material:
    material = await _material(world)
    return certificates.reissued(material, hosts(NAMESPACE), datetime.now(UTC) - timedelta(days=days))


async def _material(world: World) -> certificates.Material:
    secret = await world.client.get(SECRETS, names.WEBHOOK_SECRET, NAMESPACE)
    return certificates.Material.of({key: base64.b64decode(each) for key, each in secret["data"].items()})


WAYS: dict[str, Callable[[World, Door, Trial], Awaitable[None]]] = {
    each.__name__.strip("_"): each for each in (_shut, _slow, _not_trusted, _expired)
}


@pytest.mark.parametrize("way", WAYS)
async def test_f15_without_the_webhook_the_operator_refuses_and_the_rest_goes_on(
    world: World, door: Door, way: str
) -> None:
    baseline = await world.baseline("create")
    async with world.trial("create", **WITH_WEBHOOK) as trial:
        through(door, trial)
        await eventually(lambda: refused(world), trial.explain)
        await WAYS[way](world, door, trial)
        bad = f"{trial.name}-bad"
        try:
            await world.client.apply(wrong(bad), "user")
        except ApiError as error:  # mended already: then it is refused, as it should be
            assert way in ("not_trusted", "expired"), error
        else:
            await eventually(lambda: _is_not_accepted(world, bad), trial.explain)
            await trial.also_clean(bad)
        await world.act("create", trial.name)
        await trial.judged(baseline, budget=6)
        door.put("open")
        await eventually(lambda: refused(world), trial.explain)


async def _is_not_accepted(world: World, name: str) -> bool:
    body = await world.client.get(ENDPOINTS, name, NAMESPACE)
    said = conditions.find((body.get("status") or {}).get("conditions", ()), conditions.ACCEPTED)
    return said is not None and said["status"] == "False" and "worker.modelVolumeMount" in said["message"]


async def test_f15_nothing_slips_through_while_certificate_and_authority_are_replaced(
    world: World, door: Door
) -> None:
    """A call of the webhook that fails is passed over: what is wrong would be admitted, and seen here."""
    options = WITH_WEBHOOK | {"constants": WITH_WEBHOOK["constants"] | SHORT_LIVES}
    async with world.trial("create", **options) as trial:
        through(door, trial)
        await eventually(lambda: refused(world), trial.explain)
        first, over = await _material(world), asyncio.Event()

        async def ask() -> list[bool]:
            answers = []
            while not over.is_set():
                answers.append(await refused(world))
                await asyncio.sleep(0.02)
            return answers

        async with asyncio.TaskGroup() as group:
            asking = [group.create_task(ask()) for _ in range(2)]
            await eventually(lambda: _all_new(world, first), trial.explain)
            over.set()
        answers = [each for task in asking for each in task.result()]
        assert len(answers) > 50
        assert all(answers)


async def _all_new(world: World, first: certificates.Material) -> bool:
    """Whether a certificate is served that a later authority signed."""
    now = await _material(world)
    return now.authority_key != first.authority_key and _issuer(now) != _issuer(first)


def _issuer(material: certificates.Material) -> str:
    from cryptography import x509

    return x509.load_pem_x509_certificate(material.certificate).issuer.rfc4514_string()
