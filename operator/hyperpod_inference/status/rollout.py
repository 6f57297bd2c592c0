"""How far a Deployment has got: its numbers read once, and what they mean."""

from dataclasses import dataclass
from typing import Self

from hyperpod_inference.api import conditions
from hyperpod_inference.status.observed import Body


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """Counts of pods. current: the Deployment controller has seen the newest spec."""

    desired: int
    total: int
    updated: int
    ready: int
    available: int
    current: bool

    @classmethod
    def of(cls, deployment: Body) -> Self:
        """Read a Deployment's spec and status."""
        status = deployment.get("status", {})
        return cls(
            desired=deployment.get("spec", {}).get("replicas", 1),
            total=status.get("replicas", 0),
            updated=status.get("updatedReplicas", 0),
            ready=status.get("readyReplicas", 0),
            available=status.get("availableReplicas", 0),
            current=status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0),
        )

    @property
    def complete(self) -> bool:
        """Whether every replica is of the newest version and serves, and no old one is left."""
        return (
            self.current
            and self.updated >= self.desired
            and self.total <= self.updated
            and self.available >= self.desired
        )


def refusal_of_pods(deployment: Body) -> str | None:
    """Why the API server refuses to create the Deployment's pods (a quota, an admission rule), if it does."""
    found = conditions.find(deployment.get("status", {}).get("conditions", ()), "ReplicaFailure")
    if found is None or found.get("status") != "True":
        return None
    return str(found.get("message", "no reason given"))
