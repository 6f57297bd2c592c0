"""Route 53 as it is where moto differs: the id of a hosted zone begins with a Z."""

from typing import Any, Final

from moto.route53.models import HostedZoneIdentifier

from hyperpod_inference.local.aws.replace import replace

_GENERATE: Final = HostedZoneIdentifier.generate


def zone_ids() -> None:
    """Let moto's be so: the CRD's pattern refuses others."""
    replace(HostedZoneIdentifier, {"generate": _generate})


def _generate(self: Any, existing_ids: Any = None, tags: Any = None) -> str:
    made = _GENERATE(self, existing_ids, tags)
    return made if made.startswith("Z") else f"Z{made}"
