"""A certificate authority of our own: issued, renewed before its end, and what it signs.

Pure but for the random keys. A new authority is first added to those that are trusted, and signs only after
everybody has had time to hear of it; so at every moment the certificate in use is trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = timedelta(days=3650)
RENEWED_AT = 2 / 3
"""The share of its life after which a certificate is replaced."""
SETTLING = timedelta(minutes=10)
"""How long a new authority is only trusted before it signs."""
BACKDATED = timedelta(minutes=15)
"""Clocks differ; whoever's clock is behind, ACM or a client, refuses a certificate from the future."""
COMMON_NAME_LIMIT = 64
Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Authority:
    """PEM bytes. `certificates` holds all that are trusted, the signing one first; `key` is that one's.

    kept_elsewhere: somebody else, such as cert-manager, issues and renews it, and forgets the one before.
    certificate_name, issuer_name: of cert-manager's own objects, where it is that one.
    """

    certificates: bytes
    key: bytes
    kept_elsewhere: bool = False
    certificate_name: str = ""
    issuer_name: str = ""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A serving certificate and its key, PEM bytes."""

    certificate: bytes
    key: bytes


def new_authority(name: str, now: datetime) -> Authority:
    """An authority of this name, all new."""
    key = _new_key()
    return Authority(_self_signed(name, key, now).public_bytes(serialization.Encoding.PEM), _key_pem(key))


def renewed_authority(authority: Authority, name: str, now: datetime) -> Authority:
    """The authority with a new certificate in front when the newest is due; the same one otherwise."""
    known = x509.load_pem_x509_certificates(authority.certificates)
    if not is_due(known[0], now):
        return authority
    made = new_authority(name, now)
    alive = [each for each in known if each.not_valid_after_utc > now]
    older = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in alive)
    return Authority(made.certificates + older, made.key)


def trusted_now(authority: Authority, published: bytes | None, now: datetime) -> bytes:
    """What is to be published: the authority's certificates, and former ones where nobody else keeps those.

    published: what was before. Raises ValueError where that is not PEM.
    """
    if not (authority.kept_elsewhere and published):
        return authority.certificates
    known = x509.load_pem_x509_certificates(authority.certificates)
    former = [each for each in x509.load_pem_x509_certificates(published) if each not in known]
    alive = [each for each in former if each.not_valid_after_utc > now]
    return authority.certificates + b"".join(each.public_bytes(serialization.Encoding.PEM) for each in alive)


def is_announced(authority: Authority, published: bytes | None) -> bool:
    """Whether the signing certificate is among what was published, or nothing was. Raises ValueError."""
    if not published:
        return True
    signing = x509.load_pem_x509_certificate(authority.certificates)
    return signing in x509.load_pem_x509_certificates(published)


def leaf_is_due(authorities: bytes, leaf: bytes, hosts: Sequence[str], now: datetime) -> bool:
    """Whether a serving certificate must be replaced: old, of other names, or of an older authority."""
    known = x509.load_pem_x509_certificates(authorities)
    certificate = x509.load_pem_x509_certificate(leaf)
    may_sign = len(known) == 1 or now - known[0].not_valid_before_utc >= SETTLING + BACKDATED
    if not may_sign:
        return False
    return not _signed_by(certificate, known[0]) or is_due(certificate, now) or names_of(leaf) != [*hosts]


def sign(authority: Authority, hosts: Sequence[str], now: datetime, life: timedelta) -> Leaf:
    """A new serving certificate for these DNS names, of the newest certificate of the authority."""
    issuer = x509.load_pem_x509_certificate(authority.certificates)
    issuer_key = load_key(authority.key)
    key = _new_key()
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    certificate = (
        _builder(_name(hosts[0]), issuer.subject, key, now, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(identifier, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return Leaf(certificate.public_bytes(serialization.Encoding.PEM), _key_pem(key))


def expiry(pem: bytes) -> datetime:
    """When the first certificate in `pem` stops being valid, in UTC."""
    return x509.load_pem_x509_certificate(pem).not_valid_after_utc


def due_at(pem: bytes) -> datetime:
    """When the first certificate in `pem` is to be replaced, in UTC."""
    certificate = x509.load_pem_x509_certificate(pem)
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_before_utc + life * RENEWED_AT


def names_of(pem: bytes) -> list[str]:
    """The DNS names that the first certificate in `pem` is for."""
    leaf = x509.load_pem_x509_certificate(pem)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)


def is_due(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether a certificate has lived for so long that it is replaced."""
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return now >= certificate.not_valid_before_utc + life * RENEWED_AT


def load_key(pem: bytes) -> Key:
    """Raises ValueError, TypeError."""
    return serialization.load_pem_private_key(pem, None)  # type: ignore[return-value]


def _signed_by(leaf: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(authority)
    except Exception:  # InvalidSignature, ValueError, TypeError: in any case, not by this one
        return False
    return True


def _self_signed(title: str, key: Key, now: datetime) -> x509.Certificate:
    # The name holds the time, so that two authorities in one bundle are told apart.
    name = _name(f"{title} {now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
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
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:COMMON_NAME_LIMIT])])


def _new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def _key_pem(key: Key) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
