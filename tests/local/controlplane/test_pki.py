import datetime
import ssl
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import NameOID

from hyperpod_inference.local import kubeconfig, pki
from hyperpod_inference.local.network import NODE_ADDRESSES

NOW = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("pki")
    pki.issue_all(path, NOW)
    return path


def certificate(directory: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((directory / f"{name}.crt").read_bytes())


@pytest.mark.parametrize(
    ("file", "user", "groups"),
    [
        ("admin", "hyperpod-local-admin", ["system:masters"]),
        ("controller-manager", "system:kube-controller-manager", []),
        ("scheduler", "system:kube-scheduler", []),
        ("agent", "hyperpod-local:node-agent", ["system:nodes"]),
    ],
)
def test_clients_are_the_users_that_rbac_knows(directory, file: str, user: str, groups: list[str]) -> None:
    subject = certificate(directory, file).subject
    assert [one.value for one in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [user]
    assert [one.value for one in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == groups


@pytest.mark.parametrize(
    ("file", "hosts"),
    [
        ("apiserver", {"127.0.0.1", "10.96.0.1", "localhost", "kubernetes.default.svc"}),
        ("kubelet-serving", set(NODE_ADDRESSES)),
        ("etcd", {"127.0.0.1", "localhost"}),
    ],
)
def test_servers_answer_to_their_addresses_and_names(directory, file: str, hosts: set[str]) -> None:
    extension = certificate(directory, file).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    names = {str(name) for name in extension.value.get_values_for_type(x509.IPAddress)}
    names |= set(extension.value.get_values_for_type(x509.DNSName))
    assert hosts <= names


@pytest.mark.parametrize(
    ("file", "authority"),
    [
        ("admin", "ca"),
        ("apiserver", "ca"),
        ("etcd", "etcd-ca"),
        ("apiserver-etcd-client", "etcd-ca"),
        ("front-proxy-client", "front-proxy-ca"),
    ],
)
def test_every_certificate_is_signed_by_its_own_authority(directory, file: str, authority: str) -> None:
    certificate(directory, file).verify_directly_issued_by(certificate(directory, authority))
    others = {"ca", "etcd-ca", "front-proxy-ca"} - {authority}
    for other in others:
        with pytest.raises(ValueError, match=r"[Ii]ssuer"):
            certificate(directory, file).verify_directly_issued_by(certificate(directory, other))


def test_keys_are_for_their_owner_only_and_no_authority_leaves_one(directory) -> None:
    keys = list(directory.glob("*.key"))
    assert keys
    assert all(key.stat().st_mode & 0o077 == 0 for key in keys)
    assert not {"ca.key", "etcd-ca.key", "front-proxy-ca.key"} & {key.name for key in keys}


def test_certificates_are_valid_a_little_before_now_and_for_a_year(directory) -> None:
    admin = certificate(directory, "admin")
    assert admin.not_valid_before_utc < NOW
    assert admin.not_valid_after_utc == NOW + datetime.timedelta(days=365)


def test_a_kubeconfig_can_be_copied_and_has_one_context(directory, tmp_path) -> None:
    path = tmp_path / "kubeconfig"
    kubeconfig.write(path, server="https://127.0.0.1:1", pki=directory, client="admin", embed=True)
    body = yaml.safe_load(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert body["current-context"] == "hyperpod-local"
    assert [context["name"] for context in body["contexts"]] == ["hyperpod-local"]
    assert str(directory) not in path.read_text()


def test_openssl_accepts_key_and_certificate_together(directory) -> None:
    context = ssl.create_default_context(cafile=directory / "ca.crt")
    context.load_cert_chain(directory / "admin.crt", directory / "admin.key")
