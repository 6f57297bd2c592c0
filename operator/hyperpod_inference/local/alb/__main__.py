"""`python -m hyperpod_inference.local.alb`: AWS on loopback, and the load balancers of one cluster.

Runs as a pod of the local cluster until SIGTERM; then calls in work end, and the access logs are written.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal

from hyperpod_inference.cloud.session import Session
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.local.alb import proxy
from hyperpod_inference.local.alb.account import furnish
from hyperpod_inference.local.alb.controller import Controller
from hyperpod_inference.local.alb.elb import Elb
from hyperpod_inference.local.alb.fleet import Fleet, Here
from hyperpod_inference.local.alb.front import Front
from hyperpod_inference.local.alb.tls import Material
from hyperpod_inference.local.aws import acm
from hyperpod_inference.local.aws.double import AwsDouble

logger = logging.getLogger(__name__)


def lookup(arn: str) -> Material | None:
    """What ACM on loopback holds, private key and all."""
    found = acm.held(arn)
    return None if found is None else Material(*found)


async def serve(double: AwsDouble, address: str, port: int, log_seconds: float) -> None:
    """Until cancelled."""
    os.environ |= dict(double.environment())
    session = Session()
    network = await asyncio.to_thread(furnish, session)
    async with Client(load(), "aws-load-balancer-controller") as client, proxy.session() as calls:
        here = Here(address, port, log_seconds)
        fleet = Fleet(Elb(session, network.subnets, network.vpc), lookup, calls, double.world, here)
        front = Front(fleet.balancers)
        await front.start(address, port)
        logger.info("load balancers on %s:%d, AWS at %s", address, port, double.url)
        try:
            await Controller(client, fleet).run()
        finally:
            await front.stop()
            await fleet.close()


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
