"""The verdict on the endpoint's certificate. It never keeps an endpoint from Ready.

Clients inside the cluster reach the Service without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hyperpod_inference.api import conditions
from hyperpod_inference.status.parts import Part
from hyperpod_inference.status.verdict import Verdict, no, yes

IMPORTED = "Imported"
CUSTOM = "CustomCertificate"
EXPIRING = "CertificateExpiring"
EXPIRED = "CertificateExpired"
UNSUITABLE = "CertificateUnsuitable"
EXPIRES_SOON = timedelta(days=60)


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What there is of an endpoint's certificate.

    arn: '' before there is one. custom: whether it is the user's. imported: ARNs that the operator made and
    has to remove. keys: of the public part, in `bucket`. certificate_name, issuer_name: cert-manager's,
    where it keeps the authority. reason, problem: what is the matter, '' when all is well; `problem` is
    sentences with the next step.
    """

    arn: str = ""
    custom: bool = False
    names: tuple[str, ...] = ()
    not_after: datetime | None = None
    bucket: str = ""
    keys: tuple[str, ...] = ()
    imported: tuple[str, ...] = ()
    certificate_name: str = ""
    issuer_name: str = ""
    reason: str = ""
    problem: str = ""


def tls(certificate: Certificate | None, now: datetime) -> dict[str, Verdict]:
    """TLSReady, of an endpoint that has or wants a certificate."""
    if certificate is None or not (certificate.arn or certificate.problem):
        return {}
    return {Part.TLS.value: _verdict(certificate, now)}


def tls_status(certificate: Certificate | None, now: datetime) -> dict[str, Any]:
    """`tlsCertificate` of the status; nothing before there is anything."""
    if certificate is None:
        return {}
    found = {
        "certificateARN": certificate.arn,
        "certificateDomainNames": [*certificate.names],
        "certificateHealth": _health(certificate, now),
        "certificateName": certificate.certificate_name,
        "importedCertificates": [*certificate.imported],
        "issuerName": certificate.issuer_name,
        "lastCertExpiryTime": conditions.timestamp(certificate.not_after) if certificate.not_after else "",
        "tlsCertificateOutputS3Bucket": certificate.bucket,
        "tlsCertificateS3Keys": [*certificate.keys],
    }
    told = {field: value for field, value in found.items() if value}
    return {"tlsCertificate": told} if certificate.arn or certificate.imported or certificate.keys else {}


def certificate_of(status: Mapping[str, Any]) -> Certificate:
    """What an earlier status said of the certificate."""
    told = status.get("tlsCertificate") or {}
    end = told.get("lastCertExpiryTime")
    return Certificate(
        arn=told.get("certificateARN", ""),
        names=tuple(told.get("certificateDomainNames") or ()),
        not_after=datetime.fromisoformat(end) if end else None,
        bucket=told.get("tlsCertificateOutputS3Bucket", ""),
        keys=tuple(told.get("tlsCertificateS3Keys") or ()),
        imported=tuple(told.get("importedCertificates") or ()),
        certificate_name=told.get("certificateName", ""),
        issuer_name=told.get("issuerName", ""),
    )


def _verdict(certificate: Certificate, now: datetime) -> Verdict:
    if certificate.problem:
        kept = f" Clients still see {certificate.arn}." if certificate.arn and not certificate.custom else ""
        return no(certificate.reason or conditions.AWS_UNAVAILABLE, f"{certificate.problem}{kept}")
    health, end = _health(certificate, now), certificate.not_after
    until = f" until {conditions.timestamp(end)}" if end else ""
    if health == "Expired":
        return no(EXPIRED, f"{certificate.arn} was valid{until}: clients refuse it. {_renew(certificate)}")
    where = f"s3://{certificate.bucket}/{certificate.keys[0]}" if certificate.keys else ""
    trust = f" Clients trust it by {where}." if where else ""
    message = f"The load balancer presents {certificate.arn}, valid{until}."
    if health == "Expiring":
        return yes(EXPIRING, f"{message} {_renew(certificate)}{trust}")
    return yes(CUSTOM if certificate.custom else IMPORTED, f"{message}{trust}")


def _renew(certificate: Certificate) -> str:
    if certificate.custom:
        return "Renew it in ACM under the same ARN; the operator notices within a day."
    return "The operator replaces it by itself."


def _health(certificate: Certificate, now: datetime) -> str:
    if certificate.not_after is None:
        return ""
    left = certificate.not_after - now
    return "Expired" if left <= timedelta(0) else "Expiring" if left <= EXPIRES_SOON else "Valid"
