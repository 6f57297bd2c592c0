"""What a load balancer presents: the certificate that ACM holds under an ARN, as it is now.

ACM is asked at each connection, so that a certificate imported over its ARN is presented from then on.
"""

import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509


@dataclass(frozen=True, slots=True)
class Material:
    """PEM bytes: the certificate, the chain above it, and the private key."""

    certificate: bytes
    chain: bytes
    key: bytes


Lookup = Callable[[str], Material | None]
"""What ACM holds under an ARN; None when it holds nothing usable there."""


class Presented:
    """The certificate of one HTTPS listener."""

    def __init__(self, arn: str, policy: str, lookup: Lookup) -> None:
        self._arn, self._policy, self._lookup = arn, policy, lookup
        self._loaded: tuple[Material, ssl.SSLContext] | None = None

    def context(self) -> ssl.SSLContext:
        """For the next handshake. Raises LookupError when ACM has no such certificate any more."""
        material = self._material()
        if self._loaded is None or self._loaded[0] != material:
            self._loaded = material, _context(material, self._policy)
        return self._loaded[1]

    def names(self) -> tuple[str, ...]:
        """The DNS names that it is for; none once it is gone."""
        try:
            certificate = x509.load_pem_x509_certificate(self._material().certificate)
            found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except (LookupError, ValueError, x509.ExtensionNotFound):
            return ()
        return tuple(name.lower() for name in found.value.get_values_for_type(x509.DNSName))

    def _material(self) -> Material:
        material = self._lookup(self._arn)
        if material is None:
            raise LookupError(f"ACM has no certificate {self._arn}")
        return material


def _context(material: Material, policy: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    newest_only = "TLS13-1-3" in policy
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if newest_only else ssl.TLSVersion.TLSv1_2
    with tempfile.NamedTemporaryFile(prefix="alb-") as file:  # Python reads them from files only
        file.write(b"\n".join((material.certificate, material.chain, material.key)))
        file.flush()
        context.load_cert_chain(file.name)
    context.sni_callback = _remember
    return context


def _remember(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
    connection.asked_name = name  # type: ignore[attr-defined]  # for the access log
