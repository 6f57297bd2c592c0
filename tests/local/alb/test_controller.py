"""The controller against a real API server: it tells of each load balancer on its Ingress."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hyperpod_inference.api.names import ALB_PREFIX
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.resources import EVENTS, INGRESSES, SERVICES
from hyperpod_inference.local.alb import proxy
from hyperpod_inference.local.alb.__main__ import lookup
from hyperpod_inference.local.alb.account import furnish
from hyperpod_inference.local.alb.controller import Controller
from hyperpod_inference.local.alb.elb import Elb
from hyperpod_inference.local.alb.fleet import Fleet, Here
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.local.install import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
NAME, NAMESPACE = "alb-told", "default"
WITHIN = 60.0


@pytest.fixture
def account(double: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> Session:
    double.reset()
    for name, value in double.environment().items():
        monkeypatch.setenv(name, value)
    return Session()


@pytest.fixture
async def client(control_plane: LocalCluster, double: AwsDouble, account: Session) -> AsyncIterator[Client]:
    """A client of a cluster whose Ingresses have load balancers."""
    network = furnish(account)
    async with Client(load(control_plane.kubeconfig)) as connected, proxy.session() as calls:
        elb = Elb(account, account, network.subnets, network.vpc)
        fleet = Fleet(elb, lookup, calls, double.world, Here("127.0.0.1", 1, 3600.0))
        work = asyncio.create_task(Controller(connected, fleet).run())
        yield connected
        for resource in (INGRESSES, SERVICES):
            with contextlib.suppress(NotFound):
                await connected.delete(resource, NAME, NAMESPACE)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await fleet.close()
    await asyncio.sleep(0.25)  # as aiohttp documents it: TLS connections close a moment after their session


def ingress(**annotations: str) -> dict[str, Any]:
    """Of a Service, with these annotations; `_` stands for `-`."""
    own = {"target-type": "ip"} | {key.replace("_", "-"): value for key, value in annotations.items()}
    backend = {"service": {"name": NAME, "port": {"number": 80}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "annotations": {f"{ALB_PREFIX}/{key}": value for key, value in own.items()},
        },
        "spec": {
            "ingressClassName": "alb",
            "rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}],
        },
    }


async def test_an_ingress_is_told_its_load_balancers_name_and_what_is_wrong(
    client: Client, account: Session
) -> None:
    await client.apply(ingress(), "test")
    await until_told(client, "FailedBuildModel", f'Service "{NAMESPACE}/{NAME}" not found')
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"ports": [{"port": 80}]},
    }
    await client.apply(service, "test")
    await until_told(client, "SuccessfullyReconciled", "Successfully reconciled")
    named = await until_named(client)
    elb = account.client("elbv2")
    assert [each["DNSName"] for each in elb.describe_load_balancers()["LoadBalancers"]] == [named]

    await client.apply(ingress(scheme="public"), "test")
    await until_told(client, "FailedBuildModel", "Failed build model due to unknown scheme: public")
    await client.apply(ingress(certificate_arn="arn:aws:acm:us-west-2:111122223333:certificate/gone"), "test")
    await until_told(client, "FailedDeployModel", "CreateListener, api error CertificateNotFound")
    await client.apply(ingress(healthcheck_pth="/ready"), "test")
    await until_told(client, "IgnoredAnnotation", "did you mean healthcheck-path?")
    assert await until_named(client) == named

    await client.delete(INGRESSES, NAME, NAMESPACE)

    async def left() -> str | None:
        found = await asyncio.to_thread(elb.describe_load_balancers)
        return "a load balancer is left" if found["LoadBalancers"] else None

    await wait_for("the load balancer to go", left, WITHIN)


async def until_told(client: Client, reason: str, words: str) -> None:
    """Wait for an Event about the Ingress."""

    async def missing() -> str | None:
        events = (await client.list(EVENTS, NAMESPACE)).items
        about = [each for each in events if each["involvedObject"]["name"] == NAME]
        told = [f"{each['reason']}: {each['message']}" for each in about]
        found = any(each["reason"] == reason and words in each["message"] for each in about)
        return None if found else f"told was {told}"

    await wait_for(f"the event {reason}", missing, WITHIN)


async def until_named(client: Client) -> str:
    """The load balancer's name in the Ingress's status, once it is there."""
    name = ""

    async def missing() -> str | None:
        nonlocal name
        status = (await client.get(INGRESSES, NAME, NAMESPACE)).get("status", {})
        found = status.get("loadBalancer", {}).get("ingress") or [{}]
        name = found[0].get("hostname", "")
        return None if name else f"its status is {status}"

    await wait_for("the name of the load balancer", missing, WITHIN)
    return name
