"""DNS records: written, looked up, moved and removed, against Route 53 on loopback; others' stay."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.api.statuses import EndpointStatus
from hyperpod_inference.cloud.errors import CloudError
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.controllers.aws import services
from hyperpod_inference.controllers.records import Records
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.faults import Fault, denied
from hyperpod_inference.render.dns import Found, Place, in_zone, owner_text, removals, upserts
from hyperpod_inference.status.dns import Record, dns_status, record_of, resolved

Body = dict[str, Any]
KEY = ("default", "llm-fallback")
DOMAIN, OTHER = "chat.example.com", "talk.example.com"
OWNER = '"hyperpod-inference/owner=default/llm-fallback"'
CERTIFICATE = "arn:aws:acm:us-west-2:111122223333:certificate/1a2b"
HERE = frozenset({"10.0.0.1", "10.0.0.2"})
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Account:
    """A hosted zone, and load balancers."""

    def __init__(self, double: AwsDouble, session: Session) -> None:
        double.reset()
        self.faults = double.faults
        self.aws = services(session)
        self._session = session
        self.route53: Any = session.client("route53")
        made = self.route53.create_hosted_zone(Name="example.com", CallerReference="test")
        self.zone = made["HostedZone"]["Id"].rpartition("/")[2]
        ec2: Any = session.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self._subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-west-2{zone}")[
                "Subnet"
            ]["SubnetId"]
            for n, zone in enumerate("ab")
        ]

    def balancer(self, name: str) -> str:
        """The host name of a new load balancer."""
        elb: Any = self._session.client("elbv2")
        made = elb.create_load_balancer(Name=name, Subnets=self._subnets, Scheme="internal")
        return str(made["LoadBalancers"][0]["DNSName"])

    def records(self, domain: str = DOMAIN) -> dict[str, Body]:
        listed = self.route53.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        return {each["Type"]: each for each in listed if each["Name"] == f"{domain}."}

    def put(self, kind: str, value: str) -> None:
        """A record of somebody else's."""
        record = {"Name": f"{DOMAIN}.", "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
        batch: Any = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
        self.route53.change_resource_record_sets(HostedZoneId=self.zone, ChangeBatch=batch)


@pytest.fixture
def account(double: AwsDouble, session: Session) -> Account:
    return Account(double, session)


@pytest.fixture
def named(world: Any, account: Account, example: Body) -> Any:
    """The world with DNS, and the example in it; names resolve to the load balancer, but `world.dark`."""
    world.dark = set()

    async def resolve(host: str) -> frozenset[str]:
        return frozenset() if host in world.dark else HERE

    world.records = Records(
        settings=OperatorSettings(region="us-west-2"),
        now=lambda: world.moment,
        aws=lambda: account.aws,
        resolve=resolve,
    )
    example["spec"] |= spec_of(account.zone, DOMAIN)
    world.restart()
    world.cluster.put(example)
    return world


def spec_of(zone: str, domain: str) -> Body:
    config = {"acmArn": CERTIFICATE, "domainName": domain}
    return {"dnsConfig": {"hostedZoneId": zone}, "tlsConfig": {"customCertificateConfig": config}}


def edit(named: Any, **spec: Any) -> None:
    known = named.cluster.objects[names.KIND_ENDPOINT][KEY]
    metadata = known["metadata"] | {"generation": known["metadata"]["generation"] + 1}
    kept = {key: value for key, value in (known["spec"] | spec).items() if value is not None}
    named.cluster.put(known | {"spec": kept, "metadata": metadata})


async def balanced(named: Any, hostname: str) -> None:
    """The load balancer has an address."""
    await named.reconcile()
    ingress = named.cluster.objects["Ingress"][("default", "alb-llm-fallback")]
    named.cluster.put(ingress | {"status": {"loadBalancer": {"ingress": [{"hostname": hostname}]}}})
    await named.reconcile()


async def delete(named: Any) -> None:
    known = named.cluster.objects[names.KIND_ENDPOINT][KEY]
    moment = conditions.timestamp(named.moment)
    named.cluster.put(known | {"metadata": known["metadata"] | {"deletionTimestamp": moment}})
    await named.reconcile()


def health(named: Any) -> str:
    return str(named.status()["dnsStatus"]["dnsHealth"])


def told(named: Any) -> str:
    return str(named.condition(conditions.DNS_READY)["message"])


async def test_the_domain_leads_to_the_load_balancer_and_says_whose_it_is(
    named: Any, account: Account
) -> None:
    host = account.balancer("chat")
    await balanced(named, host)
    found = account.records()
    assert found["A"]["AliasTarget"]["DNSName"].rstrip(".") == host
    assert found["TXT"]["ResourceRecords"] == [{"Value": OWNER}]
    assert found["TXT"]["TTL"] == 300
    status = named.status()
    EndpointStatus.model_validate(status)
    assert status["dnsStatus"] == {
        "dnsHealth": "Active",
        "hostedZoneId": account.zone,
        "recordName": DOMAIN,
        "lastTransitionTime": conditions.timestamp(named.moment),
        "message": f"{DOMAIN} leads to the load balancer.",
        "managedByOperator": True,
    }
    assert named.condition(conditions.DNS_READY)["status"] == "True"
    account.faults.add(Fault("*", times=None))
    assert await named.reconcile() == [], "nothing is asked again soon"


async def test_before_the_load_balancer_has_an_address_nothing_is_written(
    named: Any, account: Account
) -> None:
    await named.reconcile()
    assert account.records() == {}
    assert health(named) == "Pending"
    assert "as soon as the load balancer has an address" in told(named)


@pytest.mark.parametrize(("kind", "value"), [("A", "192.0.2.1"), ("CNAME", "elsewhere.example.net.")])
async def test_a_record_of_somebody_elses_is_left_alone(
    named: Any, account: Account, kind: str, value: str
) -> None:
    account.put(kind, value)
    before = account.records()
    await balanced(named, account.balancer("chat"))
    assert account.records() == before
    assert f"{DOMAIN} has a record of type {kind}" in told(named)
    assert named.status()["dnsStatus"]["managedByOperator"] is False
    assert named.names_of("Deployment") == {"llm-fallback"}
    await delete(named)
    assert account.records() == before


async def test_other_texts_of_the_name_stay(named: Any, account: Account) -> None:
    other = '"v=spf1 -all"'
    account.put("TXT", other)
    await balanced(named, account.balancer("chat"))
    assert [each["Value"] for each in account.records()["TXT"]["ResourceRecords"]] == [other, OWNER]
    await delete(named)
    assert {kind: each["ResourceRecords"] for kind, each in account.records().items()} == {
        "TXT": [{"Value": other}]
    }


async def test_another_load_balancer_is_followed(named: Any, account: Account) -> None:
    await balanced(named, account.balancer("chat"))
    other = account.balancer("other")
    await balanced(named, other)
    assert account.records()["A"]["AliasTarget"]["DNSName"].rstrip(".") == other


async def test_a_name_that_does_not_resolve_is_an_error_after_ten_minutes(
    named: Any, account: Account
) -> None:
    named.dark.add(DOMAIN)
    await balanced(named, account.balancer("chat"))
    assert health(named) == "Pending"
    named.moment += timedelta(minutes=11)
    await named.reconcile()
    assert health(named) == "Error"
    assert f"delegates to hosted zone {account.zone}" in told(named)
    named.dark.clear()
    named.moment += timedelta(minutes=11)
    await named.reconcile()
    assert health(named) == "Active"


async def test_the_old_record_goes_once_the_new_one_resolves(named: Any, account: Account) -> None:
    await balanced(named, account.balancer("chat"))
    named.dark.add(OTHER)
    edit(named, **spec_of(account.zone, OTHER))
    await named.reconcile()
    assert {*account.records()} == {*account.records(OTHER)} == {"A", "TXT"}
    assert named.status()["dnsStatus"]["previousRecordName"] == DOMAIN
    named.dark.clear()
    named.moment += timedelta(minutes=1)
    await named.reconcile()
    assert (account.records(), {*account.records(OTHER)}) == ({}, {"A", "TXT"})
    assert "previousRecordName" not in named.status()["dnsStatus"]


async def test_a_record_that_is_not_asked_for_any_more_goes(named: Any, account: Account) -> None:
    await balanced(named, account.balancer("chat"))
    edit(named, dnsConfig=None)
    await named.reconcile()
    assert account.records() == {}
    assert "dnsStatus" not in named.status()


@pytest.mark.parametrize(
    ("zone", "domain", "says"),
    [
        ("Z0000000000000", DOMAIN, "There is no hosted zone Z0000000000000"),
        (None, "chat.example.org", "is for example.com, not for chat.example.org"),
    ],
)
async def test_a_zone_that_will_not_do_says_why(
    named: Any, account: Account, zone: str | None, domain: str, says: str
) -> None:
    edit(named, **spec_of(zone or account.zone, domain))
    await balanced(named, account.balancer("chat"))
    assert says in told(named)
    assert health(named) == "Error"


async def test_a_missing_permission_is_named(named: Any, account: Account) -> None:
    account.faults.add(denied("route53:ChangeResourceRecordSets"))
    await balanced(named, account.balancer("chat"))
    assert "Allow route53:ChangeResourceRecordSets to the role of the operator" in told(named)


@pytest.mark.parametrize("after", [False, True], ids=["down", "lost answer"])
async def test_after_a_failure_it_ends_as_without_one(named: Any, account: Account, after: bool) -> None:
    account.faults.add(Fault("route53:ChangeResourceRecordSets", after=after))
    with pytest.raises(CloudError):
        await balanced(named, account.balancer("chat"))
    assert health(named) == "Error"
    await named.reconcile()
    assert health(named) == "Active"
    assert {*account.records()} == {"A", "TXT"}


async def test_deletion_waits_for_an_aws_that_is_down_and_leaves_nothing(
    named: Any, account: Account
) -> None:
    await balanced(named, account.balancer("chat"))
    account.faults.add(Fault("route53:ChangeResourceRecordSets"))
    with pytest.raises(CloudError):
        await delete(named)
    assert "route53:ChangeResourceRecordSets" in named.condition("Ready")["message"]
    assert {*account.records()} == {"A", "TXT"}
    await named.reconcile()
    assert account.records() == {}
    assert named.cluster.objects[names.KIND_ENDPOINT] == {}


async def test_deletion_finds_what_no_status_tells_of(named: Any, account: Account) -> None:
    account.faults.add(Fault("route53:ChangeResourceRecordSets", after=True))
    with pytest.raises(CloudError):
        await balanced(named, account.balancer("chat"))
    await delete(named)
    assert account.records() == {}


TEXT = {"Name": f"{DOMAIN}.", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": OWNER}]}
ALIAS = {"Name": f"{DOMAIN}.", "Type": "A", "AliasTarget": {"DNSName": "lb.example.net."}}


def test_what_is_right_is_not_changed() -> None:
    assert upserts(Place("Z1", DOMAIN), OWNER, "LB.example.net", "Z2", Found((ALIAS, TEXT))) == []


def test_a_new_record_is_created_not_put_over_one_that_came_meanwhile() -> None:
    changes = upserts(Place("Z1", DOMAIN), OWNER, "lb.example.net", "Z2", Found(()))
    assert [each["Action"] for each in changes] == ["CREATE", "UPSERT"]


def test_what_is_not_ours_is_not_removed() -> None:
    assert removals(owner_text("default", "other"), Found((ALIAS, TEXT))) == []


@pytest.mark.parametrize(
    ("domain", "zone", "fits"),
    [
        ("chat.example.com", "example.com", True),
        ("example.com", "example.com", True),
        ("chat.example.com", "Example.com", True),
        ("chatexample.com", "example.com", False),
        ("example.com", "chat.example.com", False),
    ],
)
def test_a_zone_holds_its_own_domains(domain: str, zone: str, fits: bool) -> None:
    assert in_zone(domain, zone) is fits


def test_the_time_of_a_health_is_that_of_its_change() -> None:
    place = {"zone": "Z1", "domain": DOMAIN, "ours": True}
    pending = resolved(Record(**place), Record(), leads=False, now=NOW)
    assert (pending.health, pending.since) == ("Pending", NOW)
    later = NOW + timedelta(minutes=5)
    assert resolved(Record(**place), pending, leads=False, now=later).since == NOW
    active = resolved(Record(**place), pending, leads=True, now=later)
    assert (active.health, active.since) == ("Active", later)
    assert record_of(dns_status(active)) == Record(
        **place, health="Active", since=later, message=active.message
    )
