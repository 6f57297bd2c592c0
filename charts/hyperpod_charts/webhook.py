"""How the API server reaches the operator's webhook: Service, validation, and optionally a Certificate.

Whom to trust (`caBundle`) is written in the cluster, by the operator, or by cert-manager where the chart is
made for it; so neither this nor the CRDs hold a certificate. Conversion is configured in the CRDs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdk8s import Chart
from constructs import Construct

from hyperpod_charts.labels import COMMON, SELECTOR
from hyperpod_charts.manifest import add_all
from hyperpod_inference.api import names
from hyperpod_inference.api.kinds import KINDS
from hyperpod_inference.api.settings import OperatorSettings

CERT_MANAGER = "cert-manager.io/v1"


def webhook_objects(settings: OperatorSettings, *, cert_manager: bool = False) -> list[dict[str, Any]]:
    """Returns the webhook's objects in apply order.

    cert_manager: let cert-manager, which has to be installed, issue the certificate; else the operator does.
    """
    issued = issuing(settings) if cert_manager else []
    return [service(settings), *issued, validation(settings, cert_manager=cert_manager)]


def service(settings: OperatorSettings) -> dict[str, Any]:
    """Returns the Service that the API server calls; every ready replica of the operator answers."""
    port = {
        "name": "webhook",
        "port": names.WEBHOOK_SERVICE_PORT,
        "protocol": "TCP",
        "targetPort": "webhook",
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(settings, names.WEBHOOK_SERVICE),
        "spec": {"type": "ClusterIP", "selector": SELECTOR, "ports": [port]},
    }


def validation(settings: OperatorSettings, *, cert_manager: bool = False) -> dict[str, Any]:
    """Returns the validation of creates and updates, in the stored version.

    It fails open: what gets in while no operator answers, the operator refuses with a condition.
    """
    reached = {
        "namespace": settings.namespace,
        "name": names.WEBHOOK_SERVICE,
        "port": names.WEBHOOK_SERVICE_PORT,
        "path": names.VALIDATE_PATH,
    }
    annotations = injected(settings) if cert_manager else {}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": names.VALIDATING_WEBHOOK, "labels": COMMON}
        | ({"annotations": annotations} if annotations else {}),
        "webhooks": [
            {
                "name": f"validate.{names.GROUP}",
                "clientConfig": {"service": reached},
                "rules": _rules(),
                "matchPolicy": "Equivalent",  # v1alpha1 is asked about too, as its v1 form
                "failurePolicy": "Ignore",
                "sideEffects": "None",
                "timeoutSeconds": 5,
                "admissionReviewVersions": ["v1"],
            }
        ],
    }


def injected(settings: OperatorSettings) -> dict[str, str]:
    """Returns the annotation by which cert-manager writes `caBundle` into an object."""
    return {names.CERT_MANAGER_INJECT: f"{settings.namespace}/{names.WEBHOOK_CERTIFICATE}"}


def issuing(settings: OperatorSettings) -> list[dict[str, Any]]:
    """Returns what cert-manager keeps: an authority, and the certificate that the operator serves from.

    Two steps, so that a renewed serving certificate is trusted before anybody has heard of it. Nobody but the
    API server has to trust the authority, so it signs itself. The last is the authority of the endpoints'
    certificates: with another `issuerRef` they are those of an authority that clients trust already.
    """
    authority, serving = f"{names.WEBHOOK_CERTIFICATE}-ca", names.WEBHOOK_CERTIFICATE
    host = f"{names.WEBHOOK_SERVICE}.{settings.namespace}.svc"
    return [
        _issuer(settings, authority, {"selfSigned": {}}),
        _certificate(
            settings,
            authority,
            {
                "isCA": True,
                "commonName": "hyperpod-inference-webhook-ca",
                "secretName": authority,
                "duration": "87600h",  # 10 years
            },
        ),
        _issuer(settings, serving, {"ca": {"secretName": authority}}),
        _certificate(
            settings,
            serving,
            {
                "secretName": names.WEBHOOK_SECRET,
                "dnsNames": [host, f"{host}.cluster.local"],
                "duration": "2160h",  # 90 days, renewed after 60
                "usages": ["digital signature", "server auth"],
            },
        ),
        _certificate(
            settings,
            names.AUTHORITY_SECRET,
            {
                "isCA": True,
                "commonName": names.AUTHORITY_SECRET,
                "secretName": names.AUTHORITY_SECRET,
                "duration": "87600h",  # 10 years
            },
            issuer=authority,
        ),
    ]


def _issuer(settings: OperatorSettings, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": CERT_MANAGER,
        "kind": "Issuer",
        "metadata": _metadata(settings, name),
        "spec": dict(spec),
    }


def _certificate(
    settings: OperatorSettings, name: str, spec: Mapping[str, Any], issuer: str = ""
) -> dict[str, Any]:
    """Returns a Certificate that this Issuer issues, else the one of the same name."""
    key = {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"}
    return {
        "apiVersion": CERT_MANAGER,
        "kind": "Certificate",
        "metadata": _metadata(settings, name),
        "spec": {**spec, "privateKey": key, "issuerRef": {"kind": "Issuer", "name": issuer or name}},
    }


def _rules() -> list[Mapping[str, Any]]:
    versions = sorted({kind.version for kind in KINDS})
    return [
        {
            "apiGroups": [names.GROUP],
            "apiVersions": [version],
            "resources": [kind.plural for kind in KINDS if kind.version == version],
            "operations": ["CREATE", "UPDATE"],
            "scope": "Namespaced",
        }
        for version in versions
    ]


def _metadata(settings: OperatorSettings, name: str) -> dict[str, Any]:
    return {"name": name, "namespace": settings.namespace, "labels": COMMON}


class WebhookChart(Chart):
    """What stands between the API server and the operator's webhook."""

    def __init__(
        self, scope: Construct, id: str, settings: OperatorSettings, *, cert_manager: bool = False
    ) -> None:
        super().__init__(scope, id)
        add_all(self, webhook_objects(settings, cert_manager=cert_manager))
