"""Which pods are told of a role, and of what: EKS Pod Identity's webhook."""

import base64
import json
from typing import Any

import pytest

from hyperpod_inference.local.alb.identities import VOLUME, injected, review

Body = dict[str, Any]
FULL_URI = "http://169.254.170.23/v1/credentials"
TOKEN = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token"


def pod(account: str | None = "operator", **container: Any) -> Body:
    spec: Body = {"containers": [{"name": "main", **container}], "initContainers": [{"name": "first"}]}
    return {"spec": spec | ({"serviceAccountName": account} if account else {})}


def reviewed(body: Body) -> Body:
    request = {"uid": "1", "namespace": "team-a", "object": body}
    asked = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    answer = review(asked, lambda namespace, account: (namespace, account) == ("team-a", "operator"))
    assert (answer["kind"], answer["response"]["uid"]) == ("AdmissionReview", "1")
    return dict(answer["response"])


def spec_of(answer: Body) -> Body:
    (change,) = json.loads(base64.b64decode(answer["patch"]))
    assert (change["op"], change["path"], answer["patchType"]) == ("replace", "/spec", "JSONPatch")
    return dict(change["value"])


def test_every_container_of_a_pod_that_has_a_role_is_told_where_and_gets_the_token() -> None:
    spec = spec_of(reviewed(pod(env=[{"name": "A", "value": "b"}])))
    for container in (*spec["containers"], *spec["initContainers"]):
        told = {each["name"]: each["value"] for each in container["env"]}
        assert told["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == FULL_URI
        assert told["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] == TOKEN
        (mount,) = container["volumeMounts"]
        assert TOKEN.startswith(mount["mountPath"] + "/")
    assert {"name": "A", "value": "b"} in spec["containers"][0]["env"]
    (volume,) = spec["volumes"]
    (source,) = volume["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "pods.eks.amazonaws.com"


@pytest.mark.parametrize("account", ["other", None])
def test_a_pod_of_another_account_is_left_as_it_is(account: str | None) -> None:
    answer = reviewed(pod(account))
    assert answer["allowed"] is True
    assert "patch" not in answer


def test_what_a_pod_says_itself_stays_and_asking_twice_changes_nothing() -> None:
    own = {"name": "AWS_REGION", "value": "eu-west-1"}
    spec = spec_of(reviewed(pod(env=[own])))
    assert own in spec["containers"][0]["env"]
    assert [each["name"] for each in spec["containers"][0]["env"]].count("AWS_REGION") == 1
    assert injected({"spec": spec}) == []
    assert VOLUME in {each["name"] for each in spec["volumes"]}
