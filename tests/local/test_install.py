"""Waiting for what was installed: a Deployment is there when none of its old replicas is."""

from typing import Any

import pytest

from hyperpod_inference.local.install import NotReadyError, deployment_available

Body = dict[str, Any]


def deployment(seen: int = 2, **numbers: int) -> Body:
    """Of generation 2, of which the controller has seen so much."""
    status = {"observedGeneration": seen, **numbers}
    return {"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": status}


class Answers:
    """A client that answers with one Deployment after the other, and stays at the last."""

    def __init__(self, *bodies: Body) -> None:
        self.left, self.asked = list(bodies), 0

    async def get(self, *_: object) -> Body:
        self.asked += 1
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


NEW = deployment(replicas=2, updatedReplicas=2, availableReplicas=1)


@pytest.mark.parametrize(
    "before",
    [
        deployment(seen=1, replicas=2, updatedReplicas=2, availableReplicas=2),
        deployment(replicas=3, updatedReplicas=1, availableReplicas=2),
        deployment(replicas=2, updatedReplicas=2, availableReplicas=0),
    ],
    ids=["change not seen yet", "old replicas left", "new ones not available"],
)
async def test_it_waits_until_a_new_replica_is_available_and_no_old_one_is_left(before: Body) -> None:
    client: Any = Answers(before, NEW)
    await deployment_available(client, "ns", "operator")
    assert client.asked == 2
    stuck: Any = Answers(before)
    with pytest.raises(NotReadyError, match="deployment ns/operator was not ready"):
        await deployment_available(stuck, "ns", "operator", within=0.0)
