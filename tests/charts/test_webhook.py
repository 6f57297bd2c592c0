"""The webhook's objects, with a certificate of the operator's or of cert-manager's."""

from __future__ import annotations

from typing import Any

import pytest

from hyperpod_charts.synth import manifests
from hyperpod_charts.webhook import webhook_objects
from hyperpod_inference.api import names
from hyperpod_inference.api.settings import OperatorSettings

Body = dict[str, Any]
INJECTED = {names.CERT_MANAGER_INJECT: "hyperpod-inference-system/webhook-serving-cert"}


@pytest.fixture
def issued(chart_settings: OperatorSettings) -> dict[tuple[str, str], Body]:
    """What is there for cert-manager, by kind and name."""
    made = webhook_objects(chart_settings, cert_manager=True)
    return {
        (body["kind"], body["metadata"]["name"]): body
        for body in made
        if body["apiVersion"].startswith("cert-manager.io/")
    }


def trusting(made: list[Body]) -> dict[str, Body]:
    """The objects that hold whom the API server trusts, by name."""
    return {
        body["metadata"]["name"]: body
        for body in made
        if body["kind"] == "ValidatingWebhookConfiguration" or "conversion" in body["spec"]
    }


def test_without_cert_manager_the_operator_issues_so_nothing_asks_for_injection(
    chart_settings: OperatorSettings,
) -> None:
    made = [body for body in manifests(chart_settings, example=False) if "spec" in body or "webhooks" in body]
    assert not any(body["apiVersion"].startswith("cert-manager.io/") for body in made)
    assert not any(names.CERT_MANAGER_INJECT in body["metadata"].get("annotations", {}) for body in made)


def test_with_it_the_webhook_and_every_converted_definition_ask_for_the_certificates_authority(
    chart_settings: OperatorSettings,
) -> None:
    made = manifests(chart_settings, example=False, cert_manager=True)
    asking = {
        body["metadata"]["name"]: body["metadata"]["annotations"]
        for body in made
        if names.CERT_MANAGER_INJECT in body["metadata"].get("annotations", {})
    }
    assert set(asking) == {
        names.VALIDATING_WEBHOOK,
        f"inferenceendpointconfigs.{names.GROUP}",
        f"jumpstartmodels.{names.GROUP}",
        f"sagemakerendpointregistrations.{names.GROUP}",
    }
    assert all(annotations == INJECTED for annotations in asking.values())


def test_the_serving_certificate_is_for_the_service_and_lands_where_the_operator_looks(
    issued: dict[tuple[str, str], Body],
) -> None:
    spec = issued["Certificate", "webhook-serving-cert"]["spec"]
    assert spec["secretName"] == names.WEBHOOK_SECRET
    assert spec["dnsNames"] == [
        "hyperpod-inference-conversion-webhook.hyperpod-inference-system.svc",
        "hyperpod-inference-conversion-webhook.hyperpod-inference-system.svc.cluster.local",
    ]
    assert spec["privateKey"]["rotationPolicy"] == "Always"


def test_it_is_signed_by_an_authority_that_outlives_it_so_that_a_renewal_is_trusted_at_once(
    issued: dict[tuple[str, str], Body],
) -> None:
    serving = issued["Certificate", "webhook-serving-cert"]["spec"]
    authority = issued["Certificate", "webhook-serving-cert-ca"]["spec"]
    signer = issued["Issuer", serving["issuerRef"]["name"]]["spec"]
    assert authority["isCA"] is True
    assert signer == {"ca": {"secretName": authority["secretName"]}}
    assert issued["Issuer", authority["issuerRef"]["name"]]["spec"] == {"selfSigned": {}}
    assert int(authority["duration"].removesuffix("h")) > 10 * int(serving["duration"].removesuffix("h"))


def test_the_endpoints_authority_lands_where_the_operator_looks_and_may_be_had_from_another_issuer(
    issued: dict[tuple[str, str], Body],
) -> None:
    spec = issued["Certificate", names.AUTHORITY_SECRET]["spec"]
    assert (spec["isCA"], spec["secretName"]) == (True, names.AUTHORITY_SECRET)
    assert issued["Issuer", spec["issuerRef"]["name"]]["spec"] == {"selfSigned": {}}


def test_everything_is_in_the_namespace_of_the_installation() -> None:
    made = webhook_objects(OperatorSettings(namespace="models"), cert_manager=True)
    assert {body["metadata"].get("namespace", "models") for body in made} == {"models"}
    (validation,) = (body for body in made if body["kind"] == "ValidatingWebhookConfiguration")
    assert validation["webhooks"][0]["clientConfig"]["service"]["namespace"] == "models"
    assert validation["metadata"]["annotations"] == {names.CERT_MANAGER_INJECT: "models/webhook-serving-cert"}
