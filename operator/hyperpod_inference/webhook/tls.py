"""A TLS context whose certificate can be replaced while it serves.

New connections get the new certificate, open ones go on. The key never touches a disk: the operator's root
file system is read-only, and OpenSSL reads files only, so it gets a file in memory.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from hyperpod_inference.webhook.certificates import Material


class ServingContext:
    """`context` for a server; a handshake fails until the first `load`."""

    def __init__(self) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._loaded: bytes | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether there is a certificate to serve with."""
        return self._loaded is not None

    def load(self, material: Material) -> bool:
        """Serve with this certificate from now on; answers whether it is another than before.

        Raises:
            ssl.SSLError: the certificate and the key do not fit; the former ones stay in use.
        """
        chain = material.key + b"\n" + material.certificate
        if chain == self._loaded:
            return False
        with _file_in_memory(chain) as path:
            self.context.load_cert_chain(path)
        self._loaded = chain
        return True


@contextmanager
def _file_in_memory(content: bytes) -> Iterator[str]:
    descriptor = os.memfd_create("webhook-certificate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
