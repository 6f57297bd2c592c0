"""LoadBalancerReady: the address, or why there is none; and that nothing waits for it."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from hyperpod_inference.status import ApplyError, Part

Body = dict[str, Any]
World = Any
Condition = Callable[[Mapping[str, Any], str], Mapping[str, Any]]
HOST = "internal-k8s-chat.us-west-2.elb.amazonaws.com"
CLASS = frozenset({"alb"})


def ingress(*hosts: Body, **annotations: str) -> Body:
    metadata = {"name": "alb-chat", "namespace": "team-a", "annotations": annotations}
    return {"metadata": metadata, "status": {"loadBalancer": {"ingress": [*hosts]}}}


CERTIFICATE = {"alb.ingress.kubernetes.io/certificate-arn": "arn"}


@pytest.mark.parametrize(
    ("seen", "status", "reason", "said"),
    [
        ({}, "False", "NotCreated", "does not exist yet"),
        (
            {"ingress": ingress()},
            "False",
            "IngressClassMissing",
            "IngressClass alb does not exist. Install the AWS Load Balancer Controller",
        ),
        (
            {"ingress": ingress(), "ingress_classes": CLASS},
            "False",
            "Progressing",
            "kubectl describe ingress alb-chat -n team-a",
        ),
        (
            {"ingress": ingress({"hostname": HOST}), "ingress_classes": CLASS},
            "True",
            "Available",
            f"Serving at http://{HOST}/invocations inside the VPC.",
        ),
        (
            {"ingress": ingress({"hostname": HOST}, **CERTIFICATE)},
            "True",
            "Available",
            f"Serving at https://{HOST}/invocations",
        ),
    ],
)
def test_the_verdict(
    world: World, condition: Condition, seen: Body, status: str, reason: str, said: str
) -> None:
    judged = world.judged(world.serving(**seen))
    told = condition(judged, "LoadBalancerReady")
    assert (told["status"], told["reason"]) == (status, reason)
    assert said in told["message"]
    assert condition(judged, "Ready")["status"] == "True", "clients in the cluster do not need it"
    assert judged["state"] == "DeploymentComplete"


def test_a_refused_ingress_is_told_there_and_holds_nothing_up(world: World, condition: Condition) -> None:
    error = ApplyError(kind="Ingress", name="alb-chat", message="no", part=Part.LOAD_BALANCER)
    judged = world.judged(world.serving(apply_errors=(error,)))
    assert condition(judged, "LoadBalancerReady")["reason"] == "ApplyFailed"
    assert condition(judged, "WorkloadReady")["status"] == "True"
    assert judged["state"] == "DeploymentComplete"
