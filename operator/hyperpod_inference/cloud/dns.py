"""Route 53: one name's records in a hosted zone. Each call blocks, and raises CloudError."""

from collections.abc import Mapping, Sequence
from typing import Any

from hyperpod_inference.cloud.errors import translated
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.render.dns import Found


class Route53:
    """Hosted zones of one account."""

    def __init__(self, session: Session) -> None:
        self._client: Any = session.client("route53")

    def zone(self, zone_id: str) -> str:
        """The domain of a hosted zone, without a dot at its end. Raises Missing."""
        with translated("route53:GetHostedZone"):
            return str(self._client.get_hosted_zone(Id=zone_id)["HostedZone"]["Name"]).rstrip(".")

    def records(self, zone_id: str, domain: str) -> Found:
        """The records of exactly this name. Raises Missing without the zone."""
        with translated("route53:ListResourceRecordSets"):
            answer = self._client.list_resource_record_sets(HostedZoneId=zone_id, StartRecordName=domain)
        return Found(
            tuple(each for each in answer["ResourceRecordSets"] if each["Name"].rstrip(".").lower() == domain)
        )

    def change(self, zone_id: str, changes: Sequence[Mapping[str, Any]]) -> None:
        """All of the changes, or none."""
        with translated("route53:ChangeResourceRecordSets"):
            self._client.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch={"Changes": changes})
