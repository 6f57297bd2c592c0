"""The two conversations with the API server: ConversionReview and AdmissionReview, body in, body out.

Nothing here does I/O; `server` is the HTTP around it.
"""

from collections.abc import Mapping
from typing import Any

from hyperpod_inference.api.conversion import CannotConvert, convert
from hyperpod_inference.webhook.validation import Verdict, verdict

Body = dict[str, Any]


class BadReview(ValueError):  # noqa: N818 - reads as what it is
    """What came is not a review of the kind that was expected."""


def converted(review: Mapping[str, Any]) -> Body:
    """The answer to a ConversionReview: every object in the version asked for, in the same order, or none."""
    request = _request(review, "ConversionReview")
    response: Body = {"uid": request["uid"]}
    try:
        wanted = request["desiredAPIVersion"]
        response["convertedObjects"] = [convert(each, wanted) for each in request["objects"]]
        response["result"] = {"status": "Success"}
    except CannotConvert as error:
        response["result"] = {"status": "Failure", "message": str(error)}
    return _answer(review, response)


def admitted(review: Mapping[str, Any]) -> Body:
    """The answer to an AdmissionReview of a create or an update."""
    request = _request(review, "AdmissionReview")
    found = verdict(request["object"], request.get("oldObject"))
    return _answer(review, {"uid": request["uid"], **_admission(found)})


def _admission(found: Verdict) -> Body:
    response: Body = {"allowed": not found.refusal}
    if found.refusal:
        response["status"] = {"code": 422, "reason": "Invalid", "message": found.refusal}
    if found.warnings:
        response["warnings"] = [*found.warnings]
    return response


def _request(review: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    request = review.get("request")
    if review.get("kind") != kind or not isinstance(request, Mapping):
        raise BadReview(f"expected a {kind} with a request, got {review.get('kind')!r}")
    return request


def _answer(review: Mapping[str, Any], response: Body) -> Body:
    return {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}
