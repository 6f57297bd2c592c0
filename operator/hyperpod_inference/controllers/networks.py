"""The network of the operator's cluster: asked of EKS once in a while, when somebody needs it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.controllers.aws import OpenAws
from hyperpod_inference.render.facts import ClusterNetwork

HOLDS = 3600.0
"""Seconds for which an answer holds: subnets and groups of a cluster hardly ever change."""
LACKING_HOLDS = 600.0
"""The same for an answer without what SageMaker needs."""


@dataclass(frozen=True, kw_only=True)
class OwnNetwork:
    """known: under the cluster's name, until when it holds, and the answer."""

    settings: OperatorSettings
    aws: OpenAws
    clock: Callable[[], float] = time.monotonic
    known: dict[str, tuple[float, ClusterNetwork]] = field(default_factory=dict)

    async def current(self) -> ClusterNetwork | None:
        """None where the operator was not told its cluster and region. Raises CloudError."""
        name = self.settings.eks_cluster_name
        if not name or not self.settings.region:
            return None
        until, network = self.known.get(name, (0.0, None))
        if network is None or self.clock() >= until:
            network = await asyncio.to_thread(lambda: self.aws().networks.of(name))
            self.known[name] = (self.clock() + (LACKING_HOLDS if network.lacking else HOLDS), network)
        return network
