"""The verdict on the endpoint's DNS record. It never keeps an endpoint from Ready."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hyperpod_inference.api import conditions
from hyperpod_inference.status.parts import Part
from hyperpod_inference.status.verdict import Verdict, no, yes

ACTIVE, PENDING, ERROR = "Active", "Pending", "Error"
PATIENCE = timedelta(minutes=10)
"""How long a name may take to resolve before that counts as an error."""
DNS_CONFLICT = "RecordConflict"
DNS_ZONE = "HostedZoneUnsuitable"
DNS_NOT_RESOLVED = "NotResolved"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What there is of an endpoint's record.

    health: Active, Pending, Error, '' before anything was done. ours: whether the operator made it. since:
    when the health became so. message: sentences with the next step. previous_*: of one still to be removed.
    """

    zone: str = ""
    domain: str = ""
    health: str = ""
    ours: bool = False
    since: datetime | None = None
    reason: str = ""
    message: str = ""
    previous_zone: str = ""
    previous_domain: str = ""


def resolved(record: Record, before: Record, *, leads: bool, now: datetime) -> Record:
    """The record once it is written: Active when its name leads to the load balancer, Error after a while."""
    if leads:
        message = f"{record.domain} leads to the load balancer."
        active = replace(record, health=ACTIVE, reason=conditions.AVAILABLE, message=message)
        return since(active, before, now)
    waiting = before.ours and (before.zone, before.domain) == (record.zone, record.domain)
    begun = before.since if waiting and before.health == PENDING and before.since else now
    late = waiting and (before.health == ERROR or now - begun >= PATIENCE)
    if not late:
        message = f"{record.domain} is written to hosted zone {record.zone}, and does not resolve here yet."
        pending = replace(record, health=PENDING, reason=conditions.PROGRESSING, message=message)
        return replace(pending, since=begun)
    message = (
        f"{record.domain} does not resolve to the load balancer in this cluster. See whether its parent zone"
        f" delegates to hosted zone {record.zone}, and whether a private zone is associated with the VPC."
    )
    return since(replace(record, health=ERROR, reason=DNS_NOT_RESOLVED, message=message), before, now)


def since(record: Record, before: Record, now: datetime) -> Record:
    """With the time of the last change of health."""
    return replace(record, since=before.since if before.health == record.health and before.since else now)


def dns(record: Record | None) -> dict[str, Verdict]:
    """DNSReady, of an endpoint that asks for a record."""
    if record is None or not record.health:
        return {}
    say = yes if record.health == ACTIVE else no
    return {Part.DNS.value: say(record.reason or conditions.AWS_UNAVAILABLE, record.message)}


def dns_status(record: Record | None) -> dict[str, Any]:
    """`dnsStatus` of the status."""
    if record is None or not record.health:
        return {}
    told = {
        "dnsHealth": record.health,
        "hostedZoneId": record.zone,
        "recordName": record.domain,
        "lastTransitionTime": conditions.timestamp(record.since) if record.since else "",
        "message": record.message,
        "previousHostedZoneId": record.previous_zone,
        "previousRecordName": record.previous_domain,
    }
    kept = {field: value for field, value in told.items() if value}
    return {"dnsStatus": {**kept, "managedByOperator": record.ours}}


def record_of(status: Mapping[str, Any]) -> Record:
    """What an earlier status said of the record."""
    told = status.get("dnsStatus") or {}
    moment = told.get("lastTransitionTime")
    return Record(
        zone=told.get("hostedZoneId", ""),
        domain=told.get("recordName", ""),
        health=told.get("dnsHealth", ""),
        ours=told.get("managedByOperator", False),
        since=datetime.fromisoformat(moment) if moment else None,
        message=told.get("message", ""),
        previous_zone=told.get("previousHostedZoneId", ""),
        previous_domain=told.get("previousRecordName", ""),
    )
