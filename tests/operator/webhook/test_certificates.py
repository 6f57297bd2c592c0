"""The authority and the serving certificate over their lives, by a clock that stands where it is put."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from hyperpod_inference.webhook.certificates import BadMaterial, Material, issued, renewed

Clock = Any
SERVICE = "hyperpod-inference-conversion-webhook.hyperpod-inference-system.svc"


def trusted(material: Material, by: Material, at: datetime) -> bool:
    """Whether a client that trusts the authorities of `by` takes the certificate of `material`."""
    store = Store(x509.load_pem_x509_certificates(by.authorities))
    verifier = PolicyBuilder().store(store).time(at).build_server_verifier(x509.DNSName(SERVICE))
    try:
        verifier.verify(x509.load_pem_x509_certificate(material.certificate), [])
    except x509.verification.VerificationError:
        return False
    return True


def count(material: Material) -> int:
    return len(x509.load_pem_x509_certificates(material.authorities))


def test_a_new_certificate_is_trusted_under_the_services_names(
    clock: Clock, webhook_hosts: list[str]
) -> None:
    material = issued(webhook_hosts, clock())
    assert webhook_hosts == [SERVICE, f"{SERVICE}.cluster.local"]
    assert trusted(material, material, clock())
    assert Material.of(material.data()) == material


@pytest.mark.parametrize(
    ("days", "is_replaced"), [(0, False), (59, False), (61, True), (89, True), (91, True)]
)
def test_the_serving_certificate_is_replaced_after_two_thirds_of_its_90_days(
    days: int, is_replaced: bool, clock: Clock, webhook_hosts: list[str]
) -> None:
    before = issued(webhook_hosts, clock())
    clock.forward(days=days)
    after = renewed(before, webhook_hosts, clock())
    assert (after.certificate != before.certificate) is is_replaced
    assert (after.key != before.key) is is_replaced
    assert after.authorities == before.authorities, "nobody has to hear of a new authority"
    assert trusted(after, before, clock())


@pytest.mark.parametrize("minutes", [10, -10])
def test_replicas_whose_clocks_differ_leave_each_others_certificate_and_all_trust_it(
    minutes: int, clock: Clock, webhook_hosts: list[str]
) -> None:
    right = clock()
    clock.forward(minutes=minutes)
    made = issued(webhook_hosts, clock())
    assert renewed(made, webhook_hosts, right) == made
    assert trusted(made, made, right)


def test_a_new_authority_is_trusted_before_it_signs(clock: Clock, webhook_hosts: list[str]) -> None:
    first = issued(webhook_hosts, clock())
    clock.forward(days=3650 * 2 / 3)
    second = renewed(first, webhook_hosts, clock())
    assert count(second) == 2
    assert second.certificate == first.certificate
    clock.forward(minutes=9)
    assert renewed(second, webhook_hosts, clock()) == second
    clock.forward(minutes=2)
    third = renewed(second, webhook_hosts, clock())
    assert third.authorities == second.authorities
    assert trusted(third, second, clock())
    assert not trusted(third, first, clock())
    assert renewed(third, webhook_hosts, clock()) == third


def test_over_sixteen_years_every_step_is_trusted_before_and_after(
    clock: Clock, webhook_hosts: list[str]
) -> None:
    material, end, steps = issued(webhook_hosts, clock()), clock() + timedelta(days=16 * 365), 0
    while clock() < end:
        clock.forward(days=30)
        for _ in range(2):  # a new authority, and what it signs
            following = renewed(material, webhook_hosts, clock())
            assert trusted(following, material, clock())
            assert count(following) <= 2
            steps += following != material
            material = following
            clock.forward(minutes=20)
    assert steps > 80


def test_other_names_need_another_certificate(clock: Clock, webhook_hosts: list[str]) -> None:
    before = issued(["other.example"], clock())
    assert not trusted(before, before, clock())
    assert trusted(renewed(before, webhook_hosts, clock()), before, clock())


def test_what_does_not_belong_together_is_refused(clock: Clock, webhook_hosts: list[str]) -> None:
    one, two = (issued(webhook_hosts, clock()).data() for _ in range(2))
    for wrong, said in (
        ({"tls.key": two["tls.key"]}, "tls.key is not the key of tls.crt"),
        ({"ca.key": two["ca.key"]}, "ca.key is not the key of the first certificate in ca.crt"),
        ({"tls.crt": b"nothing"}, "cannot be read"),
    ):
        with pytest.raises(BadMaterial, match=said):
            Material.of(one | wrong)
    with pytest.raises(BadMaterial, match=r"'tls\.key' is missing"):
        Material.of({key: each for key, each in one.items() if key != "tls.key"})
    assert Material.of(one | {"ca.key": b""}).authority_key == b"", "cert-manager keeps it elsewhere"
