"""Certificates: issued, published, imported, replaced in time, and removed, against AWS on loopback."""

import base64
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.parse import parse
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.api.statuses import EndpointStatus
from hyperpod_inference.cloud.errors import CloudError, NoCredentials
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.controllers.authority import AuthorityKeeper, secret_of
from hyperpod_inference.controllers.aws import Aws, services
from hyperpod_inference.controllers.certificates import RETRY, Certificates, covers
from hyperpod_inference.kube.errors import ApiError
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.faults import Fault, denied, throttling
from hyperpod_inference.render.tls import wanted_of
from hyperpod_inference.status.tls import Certificate, certificate_of, tls, tls_status
from hyperpod_inference.webhook.authority import Authority, expiry, new_authority, sign

Body = dict[str, Any]
BUCKET = "hyperpod-tls-111122223333"
FOLDER = "llm/hyperpod/default/inferenceendpointconfigs/llm-fallback"
CA, LEAF = f"{FOLDER}/ca.pem", f"{FOLDER}/certificate.pem"
SETTINGS = OperatorSettings(region="us-west-2", eks_cluster_name="hyperpod")
KEY = ("default", "llm-fallback")
MARK = {"Key": "CreatedBy", "Value": "HyperPodInference"}
ALB = "internal-k8s-default-albllmfa-0123456789-1111111111.us-west-2.elb.amazonaws.com"


class Account:
    """What the account holds; an empty one with the bucket."""

    def __init__(self, double: AwsDouble, session: Session) -> None:
        double.reset()
        self.faults = double.faults
        self.acm: Any = session.client("acm")
        self.s3: Any = session.client("s3")
        self.aws = services(session)
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})

    def arns(self) -> list[str]:
        return [each["CertificateArn"] for each in self.acm.list_certificates()["CertificateSummaryList"]]

    def keys(self) -> list[str]:
        return [each["Key"] for each in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())]

    def object(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def presented(self, arn: str) -> bytes:
        return str(self.acm.get_certificate(CertificateArn=arn)["Certificate"]).encode()


@pytest.fixture
def account(double: AwsDouble, session: Session) -> Account:
    return Account(double, session)


@pytest.fixture
def secured(world: Any, account: Account, example: Body) -> Any:
    """The world with certificates, and the example in it, which names the bucket."""
    example["spec"]["tlsConfig"] = {"tlsCertificateOutputS3Uri": f"s3://{BUCKET}/llm"}
    # ACM goes by its own clock, and refuses what is not valid yet or any more.
    world.moment = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    world.certificates = lambda client: Certificates(
        settings=SETTINGS,
        authority=AuthorityKeeper(client, names.OPERATOR_NAMESPACE, lambda: world.moment),
        now=lambda: world.moment,
        aws=lambda: account.aws,
    )
    world.restart()
    world.cluster.put(example)
    return world


def arn_of(secured: Any) -> str:
    return str(secured.status()["tlsCertificate"]["certificateARN"])


def annotation(secured: Any, name: str) -> str | None:
    ingress = secured.cluster.objects["Ingress"][("default", "alb-llm-fallback")]
    value: str | None = ingress["metadata"]["annotations"].get(f"alb.ingress.kubernetes.io/{name}")
    return value


def edit(secured: Any, **tls_config: Any) -> None:
    known = secured.cluster.objects[names.KIND_ENDPOINT][KEY]
    metadata = known["metadata"] | {"generation": known["metadata"]["generation"] + 1}
    secured.cluster.put(known | {"spec": known["spec"] | {"tlsConfig": tls_config}, "metadata": metadata})


async def delete(secured: Any) -> None:
    known = secured.cluster.objects[names.KIND_ENDPOINT][KEY]
    moment = conditions.timestamp(secured.moment)
    secured.cluster.put(known | {"metadata": known["metadata"] | {"deletionTimestamp": moment}})
    await secured.reconcile()


async def test_one_is_issued_imported_published_and_named_by_the_load_balancer(
    secured: Any, account: Account
) -> None:
    await secured.reconcile()
    (arn,) = account.arns()
    assert annotation(secured, "certificate-arn") == arn
    assert annotation(secured, "listen-ports") == '[{"HTTPS":443}]'
    assert account.keys() == [CA, LEAF]
    for key in (CA, LEAF):
        assert account.s3.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"] == [MARK]
    tags = account.acm.list_tags_for_certificate(CertificateArn=arn)["Tags"]
    assert MARK in tags
    assert {"Key": "team", "Value": "inference"} in tags
    status = secured.status()
    EndpointStatus.model_validate(status)
    assert status["tlsCertificate"] == {
        "certificateARN": arn,
        "certificateDomainNames": [
            "llm-fallback.default.svc",
            "llm-fallback.default.svc.cluster.local",
            "*.us-west-2.elb.amazonaws.com",
        ],
        "certificateHealth": "Valid",
        "importedCertificates": [arn],
        "lastCertExpiryTime": conditions.timestamp(expiry(account.object(LEAF))),
        "tlsCertificateOutputS3Bucket": BUCKET,
        "tlsCertificateS3Keys": [CA, LEAF],
    }
    told = secured.condition(conditions.TLS_READY)
    assert told["status"] == "True"
    assert f"s3://{BUCKET}/{CA}" in told["message"]


async def test_a_client_that_trusts_the_published_authority_trusts_the_load_balancer(
    secured: Any, account: Account, tmp_path: Path
) -> None:
    """A handshake in memory, with what ACM would present; the key is the one that was imported."""
    seen: list[Body] = []
    real = account.aws.acm.import_new

    def spied(certificate: bytes, key: bytes, chain: bytes, tags: Any) -> str:
        seen.append({"certificate": certificate, "key": key, "chain": chain})
        return real(certificate, key, chain, tags)

    account.aws.acm.import_new = spied  # type: ignore[method-assign]
    await secured.reconcile()
    (imported,) = seen
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(imported["certificate"] + imported["chain"])
    key.write_bytes(imported["key"])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, key)
    client = ssl.create_default_context(cadata=account.object(CA).decode())
    for host in (ALB, "llm-fallback.default.svc"):
        shake_hands(server, client, host)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(server, client, "internal-x-1.eu-west-1.elb.amazonaws.com")


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = client.wrap_bio(to_client, to_server, server_hostname=host)
    listener = server.wrap_bio(to_server, to_client, server_side=True)
    pending = [caller, listener]
    while pending:
        side = pending.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            pending.append(side)


async def test_nothing_is_asked_of_aws_again_within_a_day(secured: Any, account: Account) -> None:
    await secured.reconcile()
    await secured.reconcile()
    account.faults.add(Fault("*", times=None))
    assert await secured.reconcile() == []
    secured.moment += timedelta(hours=23)
    await secured.reconcile()
    assert secured.condition(conditions.TLS_READY)["status"] == "True"


async def test_a_successor_keeps_what_it_finds(secured: Any, account: Account) -> None:
    await secured.reconcile()
    leaf = account.object(LEAF)
    secured.restart()
    await secured.reconcile()
    assert account.object(LEAF) == leaf
    assert len(account.arns()) == 1


async def test_it_is_replaced_under_its_arn_at_two_thirds_of_its_life(secured: Any, account: Account) -> None:
    secured.moment -= timedelta(days=245)
    await secured.reconcile()
    arn, first, authority = arn_of(secured), account.object(LEAF), account.object(CA)
    secured.moment += timedelta(days=240)
    await secured.reconcile()
    assert account.object(LEAF) == first
    secured.moment += timedelta(days=5)
    await secured.reconcile()
    assert account.arns() == [arn] == [arn_of(secured)]
    second = account.object(LEAF)
    assert expiry(second) == expiry(first) + timedelta(days=245)
    assert account.presented(arn).strip() == second.strip()
    assert account.object(CA) == authority


@pytest.mark.parametrize("jump", [timedelta(minutes=10), timedelta(minutes=-10), timedelta(days=-30)])
async def test_a_clock_that_jumps_issues_nothing_anew_and_one_that_is_put_right_goes_on(
    secured: Any, account: Account, jump: timedelta
) -> None:
    await secured.reconcile()
    arn, first = arn_of(secured), account.object(LEAF)
    for moment in (secured.moment + jump, secured.moment):
        secured.moment = moment
        for _ in range(2):
            secured.restart()  # whoever remembers would not look at all
            await secured.reconcile()
            assert (arn_of(secured), account.object(LEAF), account.arns()) == (arn, first, [arn])


async def test_one_that_is_due_by_the_clock_is_replaced_within_a_day_of_the_monotonic_one(
    secured: Any, account: Account
) -> None:
    """A timer is set by the wall clock of that moment; it ends by the other one, whatever the first does."""
    await secured.reconcile()
    secured.settle()
    again = (await secured.reconciler(KEY)).requeue_after
    assert again is not None
    assert 0 < again <= timedelta(days=1).total_seconds()


@pytest.mark.parametrize("wrong", [timedelta(minutes=10), timedelta(minutes=-10)])
async def test_a_clock_that_is_ten_minutes_wrong_makes_what_acm_takes(
    secured: Any, account: Account, wrong: timedelta
) -> None:
    secured.moment = datetime.now(UTC).replace(microsecond=0) + wrong
    await secured.reconcile()
    assert secured.condition(conditions.TLS_READY)["status"] == "True"
    assert account.arns() == [arn_of(secured)]


def by_cert_manager(authority: Authority) -> Body:
    """The Secret of a Certificate, as cert-manager writes it: it forgets what was there before."""
    body = secret_of(authority, names.OPERATOR_NAMESPACE)
    body["data"]["ca.crt"] = body["data"]["tls.crt"]
    body["metadata"] |= {
        "labels": {"controller.cert-manager.io/fao": "true"},
        "annotations": {
            names.CERT_MANAGER_CERTIFICATE: names.AUTHORITY_SECRET,
            names.CERT_MANAGER_ISSUER: "house",
        },
    }
    return body


async def test_an_authority_that_cert_manager_keeps_signs_and_is_never_written(
    secured: Any, account: Account
) -> None:
    authority = new_authority("ours", secured.moment - timedelta(days=3000))  # due, if it were the operator's
    secured.cluster.put(by_cert_manager(authority))
    writes = await secured.reconcile()
    assert not [each for each in writes if each[1] == "Secret"]
    assert account.object(CA) == authority.certificates
    leaf, issuer = (
        x509.load_pem_x509_certificate(each) for each in (account.object(LEAF), account.object(CA))
    )
    leaf.verify_directly_issued_by(issuer)
    told = secured.status()["tlsCertificate"]
    assert (told["certificateName"], told["issuerName"]) == (names.AUTHORITY_SECRET, "house")


async def test_what_cert_manager_renews_is_published_beside_the_former_before_it_signs(
    secured: Any, account: Account
) -> None:
    secured.moment -= timedelta(days=3)  # ACM takes nothing of the future
    former = new_authority("former", secured.moment - timedelta(days=60))
    secured.cluster.put(by_cert_manager(former))
    await secured.reconcile()
    arn, first = arn_of(secured), account.object(LEAF)
    renewed = new_authority("renewed", secured.moment - timedelta(days=1))  # nobody looked for a day
    secured.cluster.put(by_cert_manager(renewed))
    secured.moment += timedelta(days=1)
    await secured.reconcile()
    both = renewed.certificates + former.certificates
    assert account.object(CA) == both
    assert account.object(LEAF) == first, "clients have not heard of the new one yet"
    secured.moment += timedelta(minutes=10)
    await secured.reconcile()
    assert account.object(CA) == both
    assert (arn_of(secured), account.arns()) == (arn, [arn])
    second = account.object(LEAF)
    x509.load_pem_x509_certificate(second).verify_directly_issued_by(
        x509.load_pem_x509_certificate(renewed.certificates)
    )
    assert account.presented(arn).strip() == second.strip()


async def test_an_authority_under_another_is_published_with_that_one(secured: Any, account: Account) -> None:
    authority, root = (new_authority(name, secured.moment) for name in ("below", "root"))
    body = by_cert_manager(authority)
    body["data"]["ca.crt"] = base64.b64encode(root.certificates).decode()
    secured.cluster.put(body)
    await secured.reconcile()
    assert account.object(CA) == authority.certificates + root.certificates


async def test_somebody_elses_secret_that_holds_no_authority_is_told_and_left(
    secured: Any, account: Account
) -> None:
    body = by_cert_manager(new_authority("ours", secured.moment))
    body["data"]["tls.key"] = ""
    secured.cluster.put(body)
    with pytest.raises(ApiError):
        await secured.reconcile()
    told = secured.condition(conditions.TLS_READY)
    assert "Secret hyperpod-inference-ca, which signs, cannot be used" in told["message"]
    assert "is not the operator's to write" in told["message"]
    assert ("replace", "Secret", names.AUTHORITY_SECRET) not in secured.cluster.writes


async def test_a_new_authority_is_published_before_it_signs(secured: Any, account: Account) -> None:
    aged = secret_of(new_authority("ca", secured.moment - timedelta(days=2440)), names.OPERATOR_NAMESPACE)
    secured.cluster.put(aged)
    secured.moment -= timedelta(days=42)
    await secured.reconcile()
    first, authority = account.object(LEAF), account.object(CA)
    secured.moment += timedelta(days=40)  # the authority lives for 3650 days: it is due after 2433
    await secured.reconcile()
    both = account.object(CA)
    assert both.endswith(authority)
    assert len(both) > len(authority)
    assert account.object(LEAF) == first, "it still signs nothing"
    secured.moment += timedelta(days=1)
    await secured.reconcile()
    assert account.object(LEAF) != first
    assert account.object(CA) == both


@pytest.mark.parametrize(
    "fault",
    [
        throttling("acm:ImportCertificate", times=2),
        Fault("acm:ImportCertificate", times=2),
        Fault("acm:ImportCertificate", after=True, times=2),
        Fault("s3:PutObject", times=2),
        Fault("s3:PutObject", after=True, times=3),
    ],
    ids=["busy", "down", "lost import", "s3 is down", "lost answer"],
)
async def test_after_a_failure_it_ends_with_one_certificate(
    secured: Any, account: Account, fault: Fault
) -> None:
    account.faults.add(replace(fault))  # which counts
    for _ in range(6):
        try:
            await secured.reconcile()
        except CloudError:
            assert secured.condition(conditions.TLS_READY)["status"] == "False"
            assert secured.names_of("Deployment") == {"llm-fallback"}, "the model is deployed all the same"
        else:
            break
    assert account.arns() == [arn_of(secured)]
    assert account.keys() == [CA, LEAF]
    assert secured.condition(conditions.TLS_READY)["status"] == "True"


async def test_an_import_whose_answer_was_lost_is_found_by_its_tags(secured: Any, account: Account) -> None:
    account.faults.add(Fault("acm:ImportCertificate", after=True))
    with pytest.raises(CloudError):
        await secured.reconcile()
    (arn,) = account.arns()
    assert "tlsCertificate" not in secured.status()
    await secured.reconcile()
    assert account.arns() == [arn] == [arn_of(secured)]


async def test_a_certificate_that_someone_deleted_is_imported_again(secured: Any, account: Account) -> None:
    secured.moment -= timedelta(days=2)
    await secured.reconcile()
    account.acm.delete_certificate(CertificateArn=arn_of(secured))
    secured.moment += timedelta(days=2)
    await secured.reconcile()
    assert account.arns() == [arn_of(secured)]


async def test_a_failure_keeps_the_certificate_that_clients_see(secured: Any, account: Account) -> None:
    secured.moment -= timedelta(days=245)
    await secured.reconcile()
    arn = arn_of(secured)
    account.faults.add(denied("s3:PutObject"))
    secured.moment += timedelta(days=245)
    await secured.reconcile()
    told = secured.condition(conditions.TLS_READY)
    assert told["status"] == "False"
    assert "Allow s3:PutObject to the role of the operator" in told["message"]
    assert annotation(secured, "certificate-arn") == arn == arn_of(secured)


async def test_a_bucket_that_is_missing_is_told_by_its_name(secured: Any, account: Account) -> None:
    edit(secured, tlsCertificateOutputS3Uri="s3://hyperpod-tls-nobodys/a")
    await secured.reconcile()
    told = secured.condition(conditions.TLS_READY)
    assert "Bucket hyperpod-tls-nobodys does not exist: create it" in told["message"]
    assert account.arns() == []


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (
            Fault("s3:PutObject", "AccessDenied", "Access Denied", 403, times=None),
            "Allow s3:PutObject to the role of the operator; it goes on by itself then. If bucket"
            f" {BUCKET} is another account's, name one of this account in spec.tlsConfig.",
        ),
        (
            Fault("s3:GetObject", "PermanentRedirect", "Send all requests elsewhere.", 301, times=None),
            f"Bucket {BUCKET} is not in region us-west-2: name one that is, in spec.tlsConfig.",
        ),
    ],
    ids=["another account's", "another region's"],
)
async def test_a_bucket_that_is_not_ours_is_told_by_its_name(
    secured: Any, account: Account, fault: Fault, says: str
) -> None:
    account.faults.add(fault)
    await secured.reconcile()
    told = secured.condition(conditions.TLS_READY)
    assert told["status"] == "False"
    assert says in told["message"]
    assert account.arns() == []
    account.faults.clear()
    secured.moment += RETRY
    await secured.reconcile()
    assert secured.condition(conditions.TLS_READY)["status"] == "True", "it goes on by itself"


async def test_deletion_leaves_nothing_in_aws(secured: Any, account: Account) -> None:
    await secured.reconcile()
    await delete(secured)
    assert (account.arns(), account.keys()) == ([], [])
    assert secured.cluster.objects[names.KIND_ENDPOINT] == {}


async def test_deletion_waits_for_an_aws_that_is_down(secured: Any, account: Account) -> None:
    await secured.reconcile()
    account.faults.add(Fault("acm:DeleteCertificate"))
    with pytest.raises(CloudError):
        await delete(secured)
    assert "Being deleted, but not done. AWS: acm:DeleteCertificate" in secured.condition("Ready")["message"]
    assert arn_of(secured) in account.arns()
    await secured.reconcile()
    assert (account.arns(), account.keys()) == ([], [])


async def test_deletion_finds_what_no_status_tells_of(secured: Any, account: Account) -> None:
    account.faults.add(Fault("acm:ImportCertificate", after=True))
    with pytest.raises(CloudError):
        await secured.reconcile()
    assert len(account.arns()) == 1
    await delete(secured)
    assert (account.arns(), account.keys()) == ([], [])


async def test_without_an_account_it_is_said_and_holds_up_nothing(secured: Any) -> None:
    def nobody() -> Aws:
        raise NoCredentials("s3:GetObject", "", "Unable to locate credentials")

    made = secured.certificates(secured.cluster)
    secured.certificates = lambda client: Certificates(
        settings=made.settings, authority=made.authority, now=made.now, aws=nobody
    )
    secured.restart()
    await secured.reconcile()
    assert "Give the operator's service account a role" in secured.condition(conditions.TLS_READY)["message"]
    assert annotation(secured, "listen-ports") == '[{"HTTP":80}]'
    assert secured.names_of("Secret") == set(), "no authority is made in vain"
    await delete(secured)
    assert secured.cluster.objects[names.KIND_ENDPOINT] == {}


def custom(account: Account, domain: str) -> str:
    """A certificate of the user's, imported by somebody else."""
    now = datetime.now(UTC)
    authority = new_authority("Example", now)
    leaf = sign(authority, [domain], now, timedelta(days=90))
    made = account.acm.import_certificate(
        Certificate=leaf.certificate, PrivateKey=leaf.key, CertificateChain=authority.certificates
    )
    return str(made["CertificateArn"])


async def test_a_certificate_of_the_users_replaces_the_operators_and_back(
    secured: Any, account: Account
) -> None:
    await secured.reconcile()
    own = arn_of(secured)
    arn = custom(account, "chat.example.com")
    uri = f"s3://{BUCKET}/llm"
    config = {"acmArn": arn, "domainName": "chat.example.com"}
    edit(secured, tlsCertificateOutputS3Uri=uri, customCertificateConfig=config)
    await secured.reconcile()
    assert annotation(secured, "certificate-arn") == arn
    assert account.keys() == [LEAF]
    assert own not in account.arns()
    told = secured.status()["tlsCertificate"]
    assert (told["certificateARN"], told["certificateDomainNames"]) == (arn, ["chat.example.com"])
    assert "importedCertificates" not in told

    edit(secured, tlsCertificateOutputS3Uri=uri)
    await secured.reconcile()
    assert annotation(secured, "certificate-arn") == arn_of(secured) not in (own, arn)
    await delete(secured)
    assert account.arns() == [arn], "the user's own stays"


@pytest.mark.parametrize(
    ("domain", "says"),
    [
        ("other.example.com", "is for chat.example.com, not for other.example.com"),
        (None, "ACM has no certificate"),
    ],
)
async def test_a_certificate_of_the_users_that_will_not_do_says_why(
    secured: Any, account: Account, domain: str | None, says: str
) -> None:
    arn = custom(account, "chat.example.com")
    if domain is None:
        account.acm.delete_certificate(CertificateArn=arn)
    config = {"acmArn": arn, "domainName": domain or "chat.example.com"}
    edit(secured, customCertificateConfig=config)
    await secured.reconcile()
    assert says in secured.condition(conditions.TLS_READY)["message"]


@pytest.mark.parametrize(
    ("arn", "says"),
    [
        (
            "arn:aws:acm:us-west-2:444455556666:certificate/1a",
            "ACM has no certificate {} in this account and region (us-west-2): name one that it has.",
        ),
        (
            "arn:aws:acm:eu-west-1:111122223333:certificate/1a",
            "Certificate {} is in region eu-west-1, and the load balancer is in us-west-2: request or import",
        ),
    ],
    ids=["another account's", "another region's"],
)
async def test_a_certificate_that_is_not_ours_says_why(secured: Any, arn: str, says: str) -> None:
    edit(secured, customCertificateConfig={"acmArn": arn, "domainName": "chat.example.com"})
    await secured.reconcile()
    told = secured.condition(conditions.TLS_READY)
    assert (told["status"], secured.condition(conditions.READY)["type"]) == ("False", conditions.READY)
    assert says.format(arn) in told["message"]


async def test_a_certificate_of_the_users_that_has_expired_says_what_to_do(
    secured: Any, account: Account
) -> None:
    arn = custom(account, "chat.example.com")
    edit(secured, customCertificateConfig={"acmArn": arn, "domainName": "chat.example.com"})
    await secured.reconcile()
    assert secured.condition(conditions.TLS_READY)["status"] == "True"
    secured.moment += timedelta(days=91)
    await secured.reconcile()
    told = secured.condition(conditions.TLS_READY)
    assert (told["status"], told["reason"]) == ("False", "CertificateExpired")
    assert "clients refuse it. Renew it in ACM under the same ARN" in told["message"]
    assert annotation(secured, "certificate-arn") == arn


@pytest.mark.parametrize(
    ("names", "domain", "fits"),
    [
        (("chat.example.com",), "chat.example.com", True),
        (("*.example.com",), "chat.example.com", True),
        (("*.example.com",), "a.chat.example.com", False),
        (("*.example.com",), "example.com", False),
        (("example.com",), "chat.example.com", False),
    ],
)
def test_a_wildcard_stands_for_one_label(names: tuple[str, ...], domain: str, fits: bool) -> None:
    assert covers(names, domain) is fits


NOW = datetime(2026, 1, 1, tzinfo=UTC)
ARN = "arn:aws:acm:us-west-2:111122223333:certificate/1a"


@pytest.mark.parametrize(
    ("left", "status", "reason", "health"),
    [
        (timedelta(days=61), "True", "CustomCertificate", "Valid"),
        (timedelta(days=60), "True", "CertificateExpiring", "Expiring"),
        (timedelta(0), "False", "CertificateExpired", "Expired"),
    ],
)
def test_the_end_of_a_certificate_is_told_in_time(
    left: timedelta, status: str, reason: str, health: str
) -> None:
    certificate = Certificate(arn=ARN, custom=True, not_after=NOW + left)
    verdict = tls(certificate, NOW)["TLSReady"]
    assert (verdict.status, verdict.reason) == (status, reason)
    assert tls_status(certificate, NOW)["tlsCertificate"]["certificateHealth"] == health


def test_what_a_status_tells_is_read_back() -> None:
    certificate = Certificate(
        arn=ARN, names=("a", "b"), not_after=NOW, bucket=BUCKET, keys=(CA, LEAF), imported=(ARN,)
    )
    assert certificate_of(tls_status(certificate, NOW)) == certificate
    assert certificate_of({}) == Certificate()


def test_both_kinds_have_a_folder_of_their_own() -> None:
    settings = OperatorSettings(region="us-west-2", tls_certificate_output_s3_uri=f"s3://{BUCKET}")
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND_JUMPSTART,
        "metadata": {"name": "chat", "namespace": "team-a", "uid": "u"},
        "spec": {"model": {"modelId": "m"}, "server": {"instanceType": "ml.g5.8xlarge"}},
    }
    wanted = wanted_of(cast(InferenceEndpointConfig, parse(body)), settings)
    assert wanted is not None
    assert wanted.key("ca.pem") == "team-a/jumpstartmodels/chat/ca.pem"
