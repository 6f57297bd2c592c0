"""What the webhook answers to a ConversionReview and an AdmissionReview."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from hyperpod_inference.api import names
from hyperpod_inference.webhook.reviews import BadReview, admitted, converted
from hyperpod_inference.webhook.validation import MAX_WARNING, verdict

Body = dict[str, Any]
MakeEndpoint = Callable[..., Body]


def conversion(*objects: Body, to: str = names.API_VERSION_ALPHA) -> Body:
    request = {"uid": "1", "desiredAPIVersion": to, "objects": [*objects]}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request}


def admission(new: Body, old: Body | None = None) -> Body:
    request = {"uid": "1", "operation": "UPDATE" if old else "CREATE", "object": new, "oldObject": old}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def test_all_objects_come_back_converted_in_their_order(endpoint: MakeEndpoint) -> None:
    review = conversion(endpoint(replicas=1), endpoint(replicas=2))
    answer = converted(review)
    assert (answer["kind"], answer["apiVersion"]) == (review["kind"], review["apiVersion"])
    assert answer["response"]["uid"] == "1"
    assert answer["response"]["result"] == {"status": "Success"}
    found = answer["response"]["convertedObjects"]
    assert [each["apiVersion"] for each in found] == [names.API_VERSION_ALPHA] * 2
    assert [each["spec"]["replicas"] for each in found] == [1, 2]


def test_one_object_that_cannot_be_converted_fails_the_review_with_the_reason(endpoint: MakeEndpoint) -> None:
    answer = converted(conversion(endpoint(), endpoint() | {"kind": "Pod"}))["response"]
    assert answer["result"]["status"] == "Failure"
    assert "there is no kind 'Pod' here" in answer["result"]["message"]
    assert "convertedObjects" not in answer


def test_a_valid_object_is_admitted(endpoint: MakeEndpoint) -> None:
    response = admitted(admission(endpoint()))["response"]
    assert response["uid"] == "1"
    assert response["allowed"] is True
    assert "status" not in response


def test_what_cel_cannot_say_is_refused_with_what_to_change(misnamed_volume: Body) -> None:
    response = admitted(admission(misnamed_volume))["response"]
    assert response["allowed"] is False
    assert response["status"]["code"] == 422
    assert "spec.kubernetes.volumes: " in response["status"]["message"]
    assert "add it, or rename one of the two" in response["status"]["message"]


def test_an_object_older_than_a_rule_can_still_be_labelled_and_deleted(misnamed_volume: Body) -> None:
    labelled = misnamed_volume | {"metadata": {"name": "chat", "labels": {"team": "a"}, "finalizers": []}}
    assert not verdict(labelled, misnamed_volume).refusal
    changed = misnamed_volume | {"spec": misnamed_volume["spec"] | {"replicas": 2}}
    assert verdict(changed, misnamed_volume).refusal


def test_a_change_that_may_not_be_made_is_refused(endpoint: MakeEndpoint) -> None:
    routed = endpoint(intelligentRoutingSpec={"enabled": True})
    assert "delete it and create it again" in verdict(routed, endpoint()).refusal
    assert not verdict(routed).refusal


def test_an_object_that_was_not_valid_may_become_so(endpoint: MakeEndpoint, misnamed_volume: Body) -> None:
    assert not verdict(endpoint(), misnamed_volume).refusal


def test_what_is_only_odd_gets_a_warning_and_is_admitted(endpoint: MakeEndpoint) -> None:
    response = admitted(admission(endpoint(instanceType="ml.g5.9xlarge")))["response"]
    assert response["allowed"] is True
    (warning,) = response["warnings"]
    assert "ml.g5.9xlarge" in warning
    assert len(warning) <= MAX_WARNING


def applied(endpoint: Body, version: str = names.API_VERSION, **written: Any) -> Body:
    """`endpoint` as the API server stores it when it was applied with more fields in its spec."""
    manifest = endpoint | {"apiVersion": version, "spec": endpoint["spec"] | written}
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(manifest)}
    return endpoint | {"metadata": endpoint["metadata"] | {"annotations": annotations}}


@pytest.mark.parametrize(
    ("written", "warning"),
    [
        (
            {"requestLimits": {"maxConcurrentRequests": 4}},
            "spec.requestLimits: got an unknown field, expected spec.worker.requestLimits",
        ),
        ({"replica": 2}, "spec.replica: got an unknown field, expected one of replicas"),
        (
            {"tags": [{"name": "a", "value": "b", "values": 1}]},
            "spec.tags[0].values: got an unknown field, expected one of value, name (did you mean value?)",
        ),
    ],
)
def test_a_field_that_was_dropped_is_told_with_its_right_name(
    endpoint: MakeEndpoint, written: Body, warning: str
) -> None:
    found = verdict(applied(endpoint(), **written))
    assert not found.refusal
    (told,) = found.warnings
    assert told.startswith(warning)
    assert told.endswith("; it was dropped")


def test_what_only_the_newer_version_has_is_dropped_from_the_older(endpoint: MakeEndpoint) -> None:
    newer = {"instanceTypes": ["ml.g5.8xlarge"]}
    assert not verdict(applied(endpoint(), **newer)).warnings
    (told,) = verdict(applied(endpoint(), names.API_VERSION_ALPHA, **newer)).warnings
    assert told.startswith("spec.instanceTypes: got an unknown field")


def test_a_dropped_field_is_told_once_and_not_at_later_updates(endpoint: MakeEndpoint) -> None:
    plain, wrong = endpoint(), applied(endpoint(), sageMakerEndpoint="chat")
    assert verdict(wrong, plain).warnings
    assert not verdict(wrong | {"status": {"replicas": 1}}, wrong).warnings
    assert not verdict(wrong | {"spec": wrong["spec"] | {"replicas": 2}}, wrong).warnings


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", "{}", '{"kind": "InferenceEndpointConfig", "spec": 1}']
)
def test_an_annotation_that_says_nothing_is_passed_over(endpoint: MakeEndpoint, text: str) -> None:
    body = applied(endpoint())
    body["metadata"]["annotations"] = dict.fromkeys(body["metadata"]["annotations"], text)
    assert verdict(body) == verdict(endpoint())


NO_REVIEWS: list[Body] = [{}, {"kind": "Pod"}, {"kind": "ConversionReview"}]


@pytest.mark.parametrize("review", [*NO_REVIEWS, {"kind": "ConversionReview", "request": 1}])
def test_what_is_no_review_is_told_apart(review: Body) -> None:
    with pytest.raises(BadReview, match="expected a ConversionReview with a request"):
        converted(review)
