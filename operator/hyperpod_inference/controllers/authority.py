"""The authority that signs the endpoints' certificates, in a Secret of the operator's namespace.

One for the cluster; only the leader writes it. A Secret that cannot be read is replaced: what it signed is
then signed anew. One that cert-manager keeps, or a person, is signed with and never written.
"""

import base64
import binascii
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509

from hyperpod_inference.api import names
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.errors import ApiError, NotFound
from hyperpod_inference.kube.resources import SECRETS, Body
from hyperpod_inference.webhook.authority import Authority, load_key, new_authority, renewed_authority

logger = logging.getLogger(__name__)

NAME = "hyperpod-inference-ca"
CERTIFICATES, KEY, ROOT = "tls.crt", "tls.key", "ca.crt"


@dataclass(frozen=True)
class AuthorityKeeper:
    """`current` is the authority as it is to be used now."""

    client: Client
    namespace: str
    now: Callable[[], datetime]

    async def current(self) -> Authority:
        """Read, issue or renew it.

        Raises:
            ApiError: the Secret could not be read or written; Conflict when another wrote it meanwhile.
        """
        try:
            secret = await self.client.get(SECRETS, names.AUTHORITY_SECRET, self.namespace)
        except NotFound:
            made = new_authority(NAME, self.now())
            await self.client.create(SECRETS, secret_of(made, self.namespace))
            return made
        known = _authority_of(secret)
        if not is_ours(secret):
            if known is None:
                raise ApiError(422, "Invalid", "it holds no authority, and is not the operator's to write")
            noted = secret["metadata"].get("annotations") or {}
            return replace(
                known,
                kept_elsewhere=True,
                certificate_name=noted.get(names.CERT_MANAGER_CERTIFICATE, ""),
                issuer_name=noted.get(names.CERT_MANAGER_ISSUER, ""),
            )
        if known is None:
            logger.warning("Secret %s holds no authority: made anew", names.AUTHORITY_SECRET)
        wanted = renewed_authority(known, NAME, self.now()) if known else new_authority(NAME, self.now())
        if wanted != known:
            body = secret_of(wanted, self.namespace)
            body["metadata"]["resourceVersion"] = secret["metadata"]["resourceVersion"]
            await self.client.replace(SECRETS, body)
        return wanted


def is_ours(secret: Body) -> bool:
    """Whether the operator issued what the Secret holds: cert-manager marks what it writes."""
    metadata = secret["metadata"]
    labelled = (metadata.get("labels") or {}).get(names.LABEL_MANAGED_BY) == names.MANAGED_BY
    return labelled and names.CERT_MANAGER_CERTIFICATE not in (metadata.get("annotations") or {})


def secret_of(authority: Authority, namespace: str) -> Body:
    """The Secret that holds an authority."""
    data = {CERTIFICATES: authority.certificates, KEY: authority.key}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": names.AUTHORITY_SECRET,
            "namespace": namespace,
            "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY},
        },
        "type": "kubernetes.io/tls",
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def _authority_of(secret: Body) -> Authority | None:
    """What a Secret holds; None when it cannot be read, or the key is not the certificate's."""
    try:
        data = {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}
        # cert-manager puts there what issued it; an authority that signed itself is in both.
        above = data.get(ROOT, b"")
        certificates = data[CERTIFICATES] + (above if above != data[CERTIFICATES] else b"")
        found = Authority(certificates, data[KEY])
        newest = x509.load_pem_x509_certificate(found.certificates)
        return found if load_key(found.key).public_key() == newest.public_key() else None
    except (KeyError, ValueError, TypeError, binascii.Error):
        return None
