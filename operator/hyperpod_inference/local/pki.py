"""Keys and certificates of a local cluster, made anew at every start.

Three authorities, as on a real control plane: one for the API server and its clients, one for etcd, one for
the aggregation layer's front proxy. So a certificate that opens the API does not open etcd. `components` and
`kubeconfig` name the files; the node agent uses `ca.crt` and `kubelet-serving.*`.
"""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hyperpod_inference.local.network import API_ADDRESS, NODE_ADDRESSES

_LIFETIME = datetime.timedelta(days=365)
# Clocks of a host and its guests differ; a certificate from the future is refused.
_BACKDATED = datetime.timedelta(minutes=5)

_KUBERNETES_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate names: the user and groups for a client, the addresses and names for a server."""

    file: str
    common_name: str
    groups: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


SERVERS = (
    Subject("apiserver", "kube-apiserver", hosts=("127.0.0.1", API_ADDRESS, *_KUBERNETES_NAMES)),
    Subject("loopback", "hyperpod-local", hosts=("127.0.0.1", "localhost")),
    Subject("kubelet-serving", "hyperpod-local-nodes", hosts=NODE_ADDRESSES),
)
CLIENTS = (
    Subject("admin", "hyperpod-local-admin", groups=("system:masters",)),
    Subject("controller-manager", "system:kube-controller-manager"),
    Subject("scheduler", "system:kube-scheduler"),
    Subject("agent", "hyperpod-local:node-agent", groups=("system:nodes",)),
    Subject("apiserver-kubelet-client", "kube-apiserver-kubelet-client"),
)


class Authority:
    """A certificate authority that signs into one directory."""

    def __init__(self, directory: Path, name: str, now: datetime.datetime) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._now = now
        builder = _builder(x509.Name([_attribute(NameOID.COMMON_NAME, name)]), self._key.public_key(), now)
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        self._certificate = (
            builder.issuer_name(x509.Name([_attribute(NameOID.COMMON_NAME, name)]))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def save(self, file: str) -> None:
        """Write the authority's certificate. Its key is kept nowhere: nothing is signed after the start."""
        _write(self._directory / f"{file}.crt", self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, subject: Subject) -> None:
        """Sign a certificate; write it and its key as `FILE.crt` and `FILE.key`."""
        key = ec.generate_private_key(ec.SECP256R1())
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if subject.hosts:
            uses.insert(0, ExtendedKeyUsageOID.SERVER_AUTH)
        builder = (
            _builder(_name(subject), key.public_key(), self._now)
            .issuer_name(self._certificate.subject)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        )
        if subject.hosts:
            names = x509.SubjectAlternativeName([_general_name(host) for host in subject.hosts])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        _write(self._directory / f"{subject.file}.crt", pem)
        _write(self._directory / f"{subject.file}.key", _key_pem(key))


def issue_all(directory: Path, now: datetime.datetime) -> None:
    """Write everything a cluster needs into `directory`, which must exist."""
    cluster = Authority(directory, "hyperpod-local-ca", now)
    cluster.save("ca")
    for subject in (*SERVERS, *CLIENTS):
        cluster.issue(subject)
    etcd = Authority(directory, "hyperpod-local-etcd-ca", now)
    etcd.save("etcd-ca")
    etcd.issue(Subject("etcd", "etcd", hosts=("127.0.0.1", "localhost")))
    etcd.issue(Subject("apiserver-etcd-client", "kube-apiserver"))
    front_proxy = Authority(directory, "hyperpod-local-front-proxy-ca", now)
    front_proxy.save("front-proxy-ca")
    front_proxy.issue(Subject("front-proxy-client", "front-proxy-client"))
    _service_account_keys(directory)


def _service_account_keys(directory: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _write(directory / "service-account.key", _key_pem(key))
    _write(directory / "service-account.pub", public)


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _LIFETIME)
    )


def _name(subject: Subject) -> x509.Name:
    groups = [_attribute(NameOID.ORGANIZATION_NAME, group) for group in subject.groups]
    return x509.Name([*groups, _attribute(NameOID.COMMON_NAME, subject.common_name)])


def _attribute(oid: x509.ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    return x509.NameAttribute(oid, value)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    # Go's API server reads EC keys in the traditional form for service accounts, and everywhere else too.
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
