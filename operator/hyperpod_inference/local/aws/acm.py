"""ACM as it is where moto differs: a certificate that is imported over an ARN keeps the ARN's tags."""

from typing import Any, Final

from moto.acm.models import AWSCertificateManagerBackend

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
