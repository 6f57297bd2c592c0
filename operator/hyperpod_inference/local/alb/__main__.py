"""`python -m hyperpod_inference.local.alb`: AWS on loopback, and the load balancers of one cluster.

Runs as a pod of the local cluster until SIGTERM; then calls in work end, and the access logs are written.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
from contextlib import AsyncExitStack

from aiohttp import web

from hyperpod_inference.cloud.session import Session
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.local.alb import identities, names, proxy
from hyperpod_inference.local.alb.account import furnish
from hyperpod_inference.local.alb.controller import Controller
from hyperpod_inference.local.alb.elb import Elb
from hyperpod_inference.local.alb.fleet import Fleet, Here
from hyperpod_inference.local.alb.front import Front
from hyperpod_inference.local.alb.tls import Material
from hyperpod_inference.local.aws import acm, pod_identity_agent
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.environment import KEYS, keyless
from hyperpod_inference.local.aws.world import World
from hyperpod_inference.local.install import wait_for
from hyperpod_inference.local.network import IDENTITY_AGENT

logger = logging.getLogger(__name__)

ASKED_WITHIN = 60.0
"""Seconds for the API server to hear of the webhook."""


def lookup(arn: str) -> Material | None:
    """What ACM on loopback holds, private key and all."""
    found = acm.held(arn)
    return None if found is None else Material(*found)


async def serve(double: AwsDouble, address: str, port: int, log_seconds: float) -> None:
    """Until cancelled. Load balancers are made under the controller's own role, by Pod Identity."""
    variables = double.environment()
    os.environ |= keyless(variables)
    key_id, secret = (variables[each] for each in KEYS)
    owner = Session(aws_access_key_id=key_id, aws_secret_access_key=secret)
    network = await asyncio.to_thread(furnish, owner)
    async with (
        AsyncExitStack() as stack,
        Client(load(), "aws-load-balancer-controller") as client,
        proxy.session() as calls,
    ):
        await _give_roles(stack, client, double.world, owner, address)
        # In a thread: it asks the agent for its role, and that is served by this one.
        elb = await asyncio.to_thread(Elb, Session(), owner, network.subnets, network.vpc)
        fleet = Fleet(elb, lookup, calls, double.world, Here(address, port, log_seconds))
        front = Front(fleet.balancers)
        await front.start(address, port)
        logger.info("load balancers on %s:%d, AWS at %s", address, port, double.url)
        try:
            await Controller(client, fleet).run()
        finally:
            await front.stop()
            await fleet.close()


async def _give_roles(
    stack: AsyncExitStack, client: Client, world: World, owner: Session, address: str
) -> None:
    """Start Pod Identity's agent and webhook; returns once pods that are made get their roles."""
    context, authority = identities.certificate()
    agent = pod_identity_agent.application(owner, names.CLUSTER)
    webhook = identities.application(lambda namespace, account: has_role(world, namespace, account))
    for served, host, port, tls in (
        (agent, IDENTITY_AGENT, pod_identity_agent.PORT, None),
        (webhook, address, names.IDENTITIES_PORT, context),
    ):
        runner = web.AppRunner(served, access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
    await identities.publish(client, authority)

    async def unasked() -> str | None:
        return None if await identities.is_asked(client) else "the API server does not ask the webhook yet"

    await wait_for("pods to get their roles", unasked, ASKED_WITHIN)


def has_role(world: World, namespace: str, account: str) -> bool:
    """Whether EKS has an association for a service account."""
    wanted = (names.CLUSTER, namespace, account)
    found = ((each.cluster, each.namespace, each.service_account) for each in [*world.associations.values()])
    return wanted in found


async def _until_told(double: AwsDouble, arguments: argparse.Namespace) -> None:
    work = asyncio.create_task(serve(double, arguments.address, arguments.port, arguments.log_seconds))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default=os.environ.get("POD_IP", "127.0.0.1"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--aws-port", type=int, required=True)
    parser.add_argument("--log-seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for library in ("botocore", "boto3", "urllib3", "werkzeug"):
        logging.getLogger(library).setLevel(logging.WARNING)
    with AwsDouble(host=arguments.address, port=arguments.aws_port, enforcing=True) as double:
        asyncio.run(_until_told(double, arguments))


if __name__ == "__main__":
    main()
