"""The DNS record of an endpoint: an alias to its load balancer, and a TXT record that says whose it is.

Pure: from what a hosted zone holds to the changes that make it right. A record that somebody else made is
never touched; other texts of the name stay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hyperpod_inference.api import names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.jumpstart import JumpStartModel

TTL_SECONDS = 300
RecordSet = Mapping[str, Any]
_IN_THE_WAY = ("A", "AAAA", "CNAME")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record is: hosted zone, and domain without a dot at its end."""

    zone: str
    domain: str


@dataclass(frozen=True, slots=True)
class Found:
    """The record sets of one name, as Route 53 shows them."""

    sets: tuple[RecordSet, ...]

    def of(self, kind: str) -> RecordSet | None:
        """The record set of this type."""
        return next((each for each in self.sets if each["Type"] == kind), None)

    def texts(self) -> list[str]:
        """The values of the TXT record, quoted."""
        return [each["Value"] for each in (self.of("TXT") or {}).get("ResourceRecords", ())]


def place_of(resource: InferenceEndpointConfig | JumpStartModel) -> Place | None:
    """The record that is asked for; None without dnsConfig."""
    config, tls = resource.spec.dns_config, resource.spec.tls_config
    custom = tls.custom_certificate_config if tls else None
    return Place(config.hosted_zone_id, custom.domain_name) if config and custom else None


def owner_text(namespace: str, name: str) -> str:
    """The TXT value of an endpoint's record, as documented."""
    return f'"{names.DNS_OWNER_RECORD_PREFIX}{namespace}/{name}"'


def in_zone(domain: str, zone: str) -> bool:
    """Whether a hosted zone of this name can hold the domain."""
    return domain == zone.lower() or domain.endswith(f".{zone.lower()}")


def foreign(found: Found, owner: str) -> str:
    """The type of a record of somebody else's in the way, '' when there is none."""
    if owner in found.texts():
        return ""
    return next((kind for kind in _IN_THE_WAY if found.of(kind) is not None), "")


def upserts(place: Place, owner: str, target: str, target_zone: str, found: Found) -> list[dict[str, Any]]:
    """The changes that make the name lead to the load balancer, whose host name is `target`; or none."""
    name, changes = f"{place.domain}.", []
    alias = (found.of("A") or {}).get("AliasTarget", {})
    if str(alias.get("DNSName", "")).rstrip(".").lower() != target.lower():
        wanted = {"HostedZoneId": target_zone, "DNSName": target, "EvaluateTargetHealth": False}
        record = {"Name": name, "Type": "A", "AliasTarget": wanted}
        # A new record is created, not put over one that came into being this moment.
        action = "UPSERT" if found.of("A") is not None else "CREATE"
        changes.append({"Action": action, "ResourceRecordSet": record})
    if owner not in found.texts():
        changes.append(_texts(name, [*found.texts(), owner], found))
    return changes


def removals(owner: str, found: Found) -> list[dict[str, Any]]:
    """The changes that take our record away; none when it is not ours."""
    text, alias = found.of("TXT"), found.of("A")
    if text is None or owner not in found.texts():
        return []
    left = [each for each in found.texts() if each != owner]
    changes = [{"Action": "DELETE", "ResourceRecordSet": alias}] if alias is not None else []
    gone = {"Action": "DELETE", "ResourceRecordSet": text}
    return [*changes, _texts(text["Name"], left, found) if left else gone]


def _texts(name: str, values: list[str], found: Found) -> dict[str, Any]:
    record = {
        "Name": name,
        "Type": "TXT",
        "TTL": (found.of("TXT") or {}).get("TTL", TTL_SECONDS),
        "ResourceRecords": [{"Value": value} for value in values],
    }
    return {"Action": "UPSERT", "ResourceRecordSet": record}
