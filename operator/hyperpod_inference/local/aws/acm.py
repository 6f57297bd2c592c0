"""ACM as it is where moto differs: a certificate that is imported over an ARN keeps the ARN's tags.

And what only AWS's own services see: the private key, with which a load balancer presents a certificate.
"""

from typing import Any, Final

from moto.acm.models import AWSCertificateManagerBackend, acm_backends

from hyperpod_inference.local.aws.replace import replace

_IMPORT: Final = AWSCertificateManagerBackend.import_certificate


def keep_tags() -> None:
    """Let moto do so."""
    replace(AWSCertificateManagerBackend, {"import_certificate": _import_certificate})


def _import_certificate(
    self: Any, certificate: bytes, private_key: bytes, chain: bytes | None, arn: str | None, tags: Any
) -> str:
    before = self._certificates.get(arn)
    made: str = _IMPORT(self, certificate, private_key, chain, arn, tags)
    if before is not None:
        self._certificates[made].tags = before.tags
    return made


def held(arn: str) -> tuple[bytes, bytes, bytes] | None:
    """Certificate, chain and private key (PEM) of an imported certificate; None without one."""
    parts = arn.split(":")
    if len(parts) != 6 or parts[2] != "acm":
        return None
    found: Any = acm_backends[parts[4]][parts[3]]._certificates.get(arn)
    if found is None or not found.key:
        return None
    return found.cert, found.chain or b"", found.key
