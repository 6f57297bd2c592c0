"""This project's runtime with the same work as the peer: caches of endpoints and pods, and nothing done.

`no_op.py KUBECONFIG`; ends with a signal.
"""

import asyncio
import sys
from pathlib import Path

from hyperpod_inference.controllers.caches import CHILD_SELECTOR, Caches
from hyperpod_inference.controllers.controller import Controller, Result
from hyperpod_inference.controllers.kinds import ENDPOINTS
from hyperpod_inference.controllers.shapes import Pod
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.kube.metrics import Metrics
from hyperpod_inference.kube.reflector import Reflector
from hyperpod_inference.kube.resources import PODS
from hyperpod_inference.kube.store import Key


async def nothing(key: Key) -> Result:
    """Reconcile: all is well."""
    return Result()


async def main(kubeconfig: Path) -> None:
    """Follow both kinds for ever."""
    caches, controller = Caches(), Controller("bench", nothing, Metrics())
    async with Client(load(kubeconfig)) as client, asyncio.TaskGroup() as group:
        endpoints = Reflector(client, ENDPOINTS, store=caches.endpoints, on_change=controller.on_change())
        pods = Reflector(
            client,
            PODS,
            store=caches.pods,
            on_change=controller.on_change(caches.owner_keys),
            label_selector=CHILD_SELECTOR,
            shape=Pod,
        )
        for each in (endpoints.run(), pods.run(), controller.run()):
            group.create_task(each)


asyncio.run(main(Path(sys.argv[1])))
