"""The webhook's serving certificate and its authority, and when each is renewed.

Pure but for the random keys: from what the Secret holds and the time to what it should hold, step by step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509

from hyperpod_inference.webhook.authority import (
    Authority,
    expiry,
    leaf_is_due,
    load_key,
    new_authority,
    renewed_authority,
    sign,
)

__all__ = ["BadMaterial", "Material", "expiry", "issued", "reissued", "renewed"]

SERVING_LIFE = timedelta(days=90)
AUTHORITY = "hyperpod-inference-webhook-ca"
CA, CA_KEY, CERTIFICATE, KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"


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
            key = load_key(self.key)
            authority_key = load_key(self.authority_key) if self.authority_key else None
        except (ValueError, TypeError) as error:
            raise BadMaterial(f"cannot be read: {error}") from None
        if key.public_key() != leaf.public_key():
            raise BadMaterial(f"{KEY} is not the key of {CERTIFICATE}")
        if authority_key is not None and authority_key.public_key() != authorities[0].public_key():
            raise BadMaterial(f"{CA_KEY} is not the key of the first certificate in {CA}")


def issued(hosts: Sequence[str], now: datetime) -> Material:
    """An authority and a serving certificate for these DNS names, all new."""
    authority = new_authority(AUTHORITY, now)
    return reissued(Material(authority.certificates, authority.key, b"", b""), hosts, now)


def renewed(material: Material, hosts: Sequence[str], now: datetime) -> Material:
    """The next step from `material`; equal to it when nothing is due. `material` has its authority's key."""
    before = Authority(material.authorities, material.authority_key)
    authority = renewed_authority(before, AUTHORITY, now)
    if authority != before:
        return replace(material, authorities=authority.certificates, authority_key=authority.key)
    if leaf_is_due(material.authorities, material.certificate, hosts, now):
        return reissued(material, hosts, now)
    return material


def reissued(material: Material, hosts: Sequence[str], now: datetime) -> Material:
    """`material` with a new serving certificate, signed by its newest authority."""
    made = sign(Authority(material.authorities, material.authority_key), hosts, now, SERVING_LIFE)
    return replace(material, certificate=made.certificate, key=made.key)
