"""Which labels a node gets and loses, from the pods that keep it warm."""

from typing import Any

import pytest

from hyperpod_inference.controllers.caches import Caches, is_of_node_cache, slim_node
from hyperpod_inference.controllers.node_labels import NodeLabeller, change, nodes_of
from hyperpod_inference.kube.errors import NotFound

Body = dict[str, Any]
WEIGHTS = "inference.sagemaker.aws.amazon.com/weights-cache-ready.1a2b"
STALE = "inference.sagemaker.aws.amazon.com/image-cache-ready.old"


def _pod(
    name: str = "keeper", *, ready: bool = True, leaving: bool = False, component: str = "node-cache"
) -> Body:
    metadata: Body = {
        "name": name,
        "namespace": "team-a",
        "uid": name,
        "resourceVersion": "1",
        "labels": {"app.kubernetes.io/component": component},
        "annotations": {"inference.sagemaker.aws.amazon.com/node-labels": f"{WEIGHTS},example.com/not-ours"},
    }
    if leaving:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"metadata": metadata, "spec": {"nodeName": "node-1"}, "status": {"conditions": conditions}}


def _node(*labels: str) -> Body:
    given = dict.fromkeys(labels, "true") | {"node.kubernetes.io/instance-type": "ml.g5.8xlarge", "x": "y"}
    return slim_node({"metadata": {"name": "node-1", "uid": "n", "resourceVersion": "1", "labels": given}})


@pytest.mark.parametrize(
    ("held", "pods", "wanted"),
    [
        ((), [_pod()], {WEIGHTS: "true"}),
        ((), [_pod(ready=False)], {}),
        ((WEIGHTS,), [_pod()], {}),
        ((WEIGHTS,), [_pod(leaving=True)], {WEIGHTS: None}),
        ((WEIGHTS,), [_pod("old", leaving=True), _pod("new")], {}),
        ((STALE,), [_pod()], {WEIGHTS: "true", STALE: None}),
        ((STALE,), [], {STALE: None}),
    ],
)
def test_a_node_has_the_labels_of_its_ready_pods_and_no_others_of_their_kind(
    held: tuple[str, ...], pods: list[Body], wanted: Body
) -> None:
    assert change(_node(*held), pods) == wanted


def test_only_pods_that_keep_a_node_warm_speak_for_it() -> None:
    assert nodes_of(_pod()) == [("", "node-1")]
    assert nodes_of(_pod(component="model")) == []
    assert not is_of_node_cache({"metadata": {}})


async def test_a_node_is_written_once_and_only_when_something_changes() -> None:
    class Client:
        patched: list[Any]

        async def patch(self, resource: Any, name: str, namespace: Any, body: Body, kind: str) -> None:
            self.patched.append(body)
            raise NotFound(404)  # gone since: no fault

    client: Any = Client()
    client.patched = []
    caches = Caches()
    caches.nodes.put(_node())
    labeller = NodeLabeller(client=client, caches=caches)
    await labeller(("", "node-1"))
    assert client.patched == []
    caches.pods.put(_pod())
    await labeller(("", "node-1"))
    await labeller(("", "gone"))
    assert client.patched == [{"metadata": {"labels": {WEIGHTS: "true"}}}]
