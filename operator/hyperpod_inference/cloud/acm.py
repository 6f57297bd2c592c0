"""ACM: certificates that load balancers present. Each call blocks, and raises CloudError."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hyperpod_inference.cloud.errors import Missing, translated
from hyperpod_inference.cloud.session import Session


@dataclass(frozen=True, kw_only=True)
class Described:
    """What ACM says of a certificate; `status` such as ISSUED, EXPIRED, PENDING_VALIDATION."""

    status: str
    names: tuple[str, ...]
    not_after: datetime | None


class Acm:
    """The certificates of one account and region."""

    def __init__(self, session: Session) -> None:
        self._client: Any = session.client("acm")

    def import_new(self, certificate: bytes, key: bytes, chain: bytes, tags: Mapping[str, str]) -> str:
        """Import a certificate, PEM bytes; returns its ARN."""
        pairs = [{"Key": name, "Value": value} for name, value in tags.items()]
        with translated("acm:ImportCertificate"):
            answer = self._client.import_certificate(
                Certificate=certificate, PrivateKey=key, CertificateChain=chain, Tags=pairs
            )
        return str(answer["CertificateArn"])

    def import_over(self, arn: str, certificate: bytes, key: bytes, chain: bytes) -> None:
        """Replace what an ARN holds: whoever uses it presents the new one, without a gap. Raises Missing."""
        with translated("acm:ImportCertificate"):
            self._client.import_certificate(
                CertificateArn=arn, Certificate=certificate, PrivateKey=key, CertificateChain=chain
            )

    def tagged(self, domain: str, tags: Mapping[str, str]) -> Iterator[str]:
        """ARNs of the certificates for this name that carry all these tags."""
        with translated("acm:ListCertificates"):
            pages = self._client.get_paginator("list_certificates").paginate()
            found = [each for page in pages for each in page["CertificateSummaryList"]]
        for arn in [str(each["CertificateArn"]) for each in found if each.get("DomainName") == domain]:
            if tags.items() <= self._tags(arn).items():
                yield arn

    def describe(self, arn: str) -> Described:
        """What there is to know of a certificate. Raises Missing."""
        with translated("acm:DescribeCertificate"):
            found = self._client.describe_certificate(CertificateArn=arn)["Certificate"]
        names = dict.fromkeys((found.get("DomainName", ""), *found.get("SubjectAlternativeNames", ())))
        end: datetime | None = found.get("NotAfter")
        return Described(
            status=found["Status"],
            names=tuple(name for name in names if name),
            not_after=end.astimezone(UTC) if end else None,
        )

    def public(self, arn: str) -> bytes:
        """The certificate and its chain, PEM bytes."""
        with translated("acm:GetCertificate"):
            found = self._client.get_certificate(CertificateArn=arn)
        parts = (found["Certificate"], found.get("CertificateChain") or "")
        return "".join(part.strip() + "\n" for part in parts if part).encode()

    def delete(self, arn: str) -> None:
        """Delete a certificate; gone already is fine. Raises Exists while something uses it."""
        try:
            with translated("acm:DeleteCertificate"):
                self._client.delete_certificate(CertificateArn=arn)
        except Missing:
            return

    def _tags(self, arn: str) -> dict[str, str]:
        with translated("acm:ListTagsForCertificate"):
            listed = self._client.list_tags_for_certificate(CertificateArn=arn)["Tags"]
        return {tag["Key"]: tag.get("Value", "") for tag in listed}
