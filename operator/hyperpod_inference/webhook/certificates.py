"""The webhook's own certificate authority and serving certificate, and when each is renewed.

Pure but for the random keys: from what the Secret holds and the time to what it should hold. One step at a
time, so that at every moment the certificate in use is trusted: a new authority is first added to the ones
that are trusted, and signs only after everybody has had time to hear of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = timedelta(days=3650)
SERVING_LIFE = timedelta(days=90)
RENEWED_AT = 2 / 3
"""The share of its life after which a certificate is replaced."""
SETTLING = timedelta(minutes=10)
"""How long a new authority is only trusted before it signs."""
_BACKDATED = timedelta(minutes=5)  # clocks differ; a certificate from the future is refused

CA, CA_KEY, CERTIFICATE, KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"
Key = ec.EllipticCurvePrivateKey


class BadMaterial(ValueError):  # noqa: N818 - reads as what it is
    """The Secret does not hold certificates and keys that belong together."""


@dataclass(frozen=True, slots=True)
class Material:
    """PEM bytes, as in the Secret. `authorities` holds all that are trusted, the signing one first."""

    authorities: bytes
    authority_key: bytes
    certificate: bytes
    key: bytes

    @classmethod
    def of(cls, data: Mapping[str, bytes]) -> Self:
        """From a Secret's data. The authority's key is empty where somebody else keeps it.

        Raises:
            BadMaterial: something is missing, not PEM, or the key is not the certificate's.
        """
        try:
            material = cls(data[CA], data.get(CA_KEY, b""), data[CERTIFICATE], data[KEY])
            material.check()
        except KeyError as missing:
            raise BadMaterial(f"{missing} is missing") from None
        return material

    def data(self) -> dict[str, bytes]:
        """As a Secret's data."""
        return {
            CA: self.authorities,
            CA_KEY: self.authority_key,
            CERTIFICATE: self.certificate,
            KEY: self.key,
        }

    def check(self) -> None:
        """Raises BadMaterial unless every part can be read and the keys fit."""
        try:
            authorities = x509.load_pem_x509_certificates(self.authorities)
            leaf = x509.load_pem_x509_certificates(self.certificate)[0]
            key = _load_key(self.key)
            authority_key = _load_key(self.authority_key) if self.authority_key else None
        except (ValueError, TypeError) as error:
            raise BadMaterial(f"cannot be read: {error}") from None
        if key.public_key() != leaf.public_key():
            raise BadMaterial(f"{KEY} is not the key of {CERTIFICATE}")
        if authority_key is not None and authority_key.public_key() != authorities[0].public_key():
            raise BadMaterial(f"{CA_KEY} is not the key of the first certificate in {CA}")


def issued(hosts: Sequence[str], now: datetime) -> Material:
    """An authority and a serving certificate for these DNS names, all new."""
    key = _new_key()
    authority = _authority(key, now)
    pem = authority.public_bytes(serialization.Encoding.PEM)
    return reissued(Material(pem, _key_pem(key), b"", b""), hosts, now)


def renewed(material: Material, hosts: Sequence[str], now: datetime) -> Material:
    """The next step from `material`; equal to it when nothing is due. `material` has its authority's key."""
    authorities = x509.load_pem_x509_certificates(material.authorities)
    newest, leaf = authorities[0], x509.load_pem_x509_certificate(material.certificate)
    if _is_due(newest, now):
        key = _new_key()
        alive = [_authority(key, now), *(each for each in authorities if each.not_valid_after_utc > now)]
        pem = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in alive)
        return replace(material, authorities=pem, authority_key=_key_pem(key))
    may_sign = len(authorities) == 1 or now - newest.not_valid_before_utc >= SETTLING + _BACKDATED
    if may_sign and (not _signed_by(leaf, newest) or _is_due(leaf, now) or _hosts(leaf) != [*hosts]):
        return reissued(material, hosts, now)
    return material


def reissued(material: Material, hosts: Sequence[str], now: datetime) -> Material:
    """`material` with a new serving certificate, signed by its newest authority."""
    authority = x509.load_pem_x509_certificate(material.authorities)
    authority_key = _load_key(material.authority_key)
    key = _new_key()
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    certificate = (
        _builder(_name(hosts[0][:64]), authority.subject, key, now, SERVING_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(identifier, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    return replace(material, certificate=pem, key=_key_pem(key))


def expiry(pem: bytes) -> datetime:
    """When the first certificate in `pem` stops being valid, in UTC."""
    return x509.load_pem_x509_certificate(pem).not_valid_after_utc


def _is_due(certificate: x509.Certificate, now: datetime) -> bool:
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return now >= certificate.not_valid_before_utc + life * RENEWED_AT


def _signed_by(leaf: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(authority)
    except Exception:  # InvalidSignature, ValueError, TypeError: in any case, not by this one
        return False
    return True


def _hosts(leaf: x509.Certificate) -> list[str]:
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)


def _authority(key: Key, now: datetime) -> x509.Certificate:
    # The name holds the time, so that two authorities in one bundle are told apart.
    name = _name(f"hyperpod-inference-webhook-ca {now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    return (
        _builder(name, name, key, now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + life)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def _key_pem(key: Key) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _load_key(pem: bytes) -> Key:
    return serialization.load_pem_private_key(pem, None)  # type: ignore[return-value]
