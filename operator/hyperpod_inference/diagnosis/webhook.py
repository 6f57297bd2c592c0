"""The operator's own webhook: reached, trusted, and with a certificate that has not ended."""

import base64
import binascii

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.crd import crd_name
from hyperpod_inference.api.kinds import KINDS
from hyperpod_inference.diagnosis.observed import Body, Cluster, Findings, missing, ok, wrong

CERT_MANAGER_CRD = "certificaterequests.cert-manager.io"


def webhook(cluster: Cluster) -> Findings:
    """Whether v1alpha1 is converted and what CEL cannot say is checked."""
    check, namespace = "webhook", cluster.settings.namespace
    if not cluster.settings.enable_webhooks:
        yield ok(check, "switched off by ENABLE_WEBHOOKS")
        return
    if cluster.backends(namespace, names.WEBHOOK_SERVICE) == 0:
        yield wrong(
            check,
            f"Service {namespace}/{names.WEBHOOK_SERVICE} has no ready endpoint: resources in v1alpha1 can "
            "neither be read nor written",
            f"It is served by the operator's pods: `kubectl get pods,endpointslices -n {namespace}`.",
        )
        return
    yield from _certificate(check, cluster)


def _certificate(check: str, cluster: Cluster) -> Findings:
    namespace = cluster.settings.namespace
    injected = [each for each in _trusting(cluster) if _is_injected(each)]
    definitions = cluster.of("CustomResourceDefinition")
    if injected and definitions.find(CERT_MANAGER_CRD) is None:
        fix = "Install the add-on cert-manager, or the manifests without --cert-manager."
        yield missing(
            check, f"its certificate is left to cert-manager, but CRD {CERT_MANAGER_CRD} is missing", fix
        )
        return
    secret = cluster.of("Secret").find(names.WEBHOOK_SECRET, namespace)
    if secret is None:
        logs = f"`kubectl logs -n {namespace} deployment/{names.OPERATOR_NAME}`"
        fix = (
            f"`kubectl describe certificate -n {namespace}`"
            if injected
            else f"{logs} says why it issues none."
        )
        yield missing(
            check, f"there is no Secret {namespace}/{names.WEBHOOK_SECRET} with its certificate", fix
        )
        return
    until = cluster.certificate_until
    delete = f"`kubectl delete secret {names.WEBHOOK_SECRET} -n {namespace}`: a new one is issued at once."
    if until is None:
        yield wrong(check, f"what Secret {names.WEBHOOK_SECRET} holds is no certificate", delete)
    elif until <= cluster.now:
        yield wrong(check, f"its certificate ended {conditions.timestamp(until)}", delete)
    elif strangers := [each for each in _trusting(cluster) if not _trusts(each, secret)]:
        told = ", ".join(each["metadata"]["name"] for each in strangers)
        fix = (
            "The operator writes caBundle within 5 minutes; its log says what hinders it. `kubectl get crd "
            f"{told}`."
        )
        fix = "cert-manager's cainjector writes it: `kubectl get pods -n cert-manager`." if injected else fix
        yield wrong(check, f"the API server does not trust its certificate for {told}", fix)
    else:
        yield ok(check, f"answers, with a certificate until {conditions.timestamp(until)}")


def _trusting(cluster: Cluster) -> list[Body]:
    """The definitions whose versions it converts."""
    wanted = [crd_name(kind) for kind in KINDS if kind.older is not None]
    found = [cluster.of("CustomResourceDefinition").find(name) for name in wanted]
    return [each for each in found if each is not None]


def _is_injected(definition: Body) -> bool:
    return names.CERT_MANAGER_INJECT in (definition["metadata"].get("annotations") or {})


def _trusts(definition: Body, secret: Body) -> bool:
    """Whether its caBundle holds one of the Secret's authorities; what is no PEM is trusted by nobody."""
    conversion = definition["spec"].get("conversion") or {}
    client_config = (conversion.get("webhook") or {}).get("clientConfig") or {}
    bundle = _decoded(client_config.get("caBundle", ""))
    authorities = _decoded((secret.get("data") or {}).get("ca.crt", "")).split("-----END CERTIFICATE-----")
    return any(each.strip() and each.strip() in bundle for each in authorities)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
