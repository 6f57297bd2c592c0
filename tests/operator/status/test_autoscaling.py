"""What is said of scaling: a missing KEDA, a ScaledObject that is not there, refused, or at work."""

from typing import Any

import pytest

from hyperpod_inference.status import Observed
from hyperpod_inference.status.autoscaling import autoscaling, dependencies
from hyperpod_inference.status.parts import Dependency, Part

Body = dict[str, Any]


def _keda(*, present: bool) -> Dependency:
    return Dependency(
        crd="scaledobjects.keda.sh", part=Part.AUTOSCALING, present=present, advice="Install KEDA."
    )


def _scaler(*ready: Body) -> Body:
    spec = {"minReplicaCount": 0, "maxReplicaCount": 4, "triggers": [{}, {}]}
    return {"metadata": {"name": "chat-scaled-object"}, "spec": spec, "status": {"conditions": [*ready]}}


def test_nothing_is_said_of_scaling_that_nobody_asked_for() -> None:
    assert dependencies(Observed()) | autoscaling(Observed()) == {}


def test_a_missing_kind_is_named_in_both_conditions() -> None:
    observed = Observed(dependencies=(_keda(present=False),))
    told = dependencies(observed) | autoscaling(observed)
    assert set(told) == {"DependenciesReady", "AutoscalingReady"}
    for verdict in told.values():
        assert (verdict.status, verdict.reason) == ("False", "DependencyMissing")
        assert "scaledobjects.keda.sh is not installed" in verdict.message


@pytest.mark.parametrize(
    ("scaler", "status", "reason", "said"),
    [
        (None, "False", "NotCreated", "does not exist yet"),
        (_scaler(), "False", "Progressing", "look whether keda-operator runs"),
        (_scaler({"type": "Ready", "status": "Unknown"}), "False", "Progressing", "not judged"),
        (
            _scaler({"type": "Ready", "status": "False", "message": "no such metric"}),
            "False",
            "ScalerNotReady",
            "no such metric. Its events say more: kubectl describe scaledobject/chat-scaled-object.",
        ),
        (_scaler({"type": "Ready", "status": "True"}), "True", "Available", "between 0 and 4 replicas"),
    ],
)
def test_what_keda_says_is_what_the_endpoint_says(
    scaler: Body | None, status: str, reason: str, said: str
) -> None:
    observed = Observed(dependencies=(_keda(present=True),), scaled_object=scaler)
    assert dependencies(observed)["DependenciesReady"].status == "True"
    verdict = autoscaling(observed)["AutoscalingReady"]
    assert (verdict.status, verdict.reason) == (status, reason)
    assert said in verdict.message
