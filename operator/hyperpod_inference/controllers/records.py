"""DNS records of endpoints, in Route 53: `render.dns` says what is to be changed, `status.dns` how it stands.

A record is written, then looked up as clients do; one that is replaced by another goes once the new one
resolves. Only what carries the endpoint's ownership text is ever changed or removed.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from hyperpod_inference.api import conditions
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.jumpstart import JumpStartModel
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cloud.errors import CloudError, Missing, is_passing, told
from hyperpod_inference.controllers.aws import Aws, OpenAws
from hyperpod_inference.render.dns import Place, foreign, in_zone, owner_text, place_of, removals, upserts
from hyperpod_inference.status.dns import (
    ACTIVE,
    DNS_CONFLICT,
    DNS_ZONE,
    ERROR,
    PENDING,
    Record,
    record_of,
    resolved,
    since,
)

POLL = timedelta(seconds=30)
RECHECK = timedelta(hours=1)
RETRY = timedelta(minutes=10)
"""Until another look where only a person can help."""
Resolve = Callable[[str], Awaitable[frozenset[str]]]
"""The addresses of a host name, none when it has none."""


async def addresses(host: str) -> frozenset[str]:
    """As the cluster's resolver tells them."""
    with contextlib.suppress(OSError, UnicodeError):
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return frozenset(str(each[4][0]) for each in found)
    return frozenset()


@dataclass(frozen=True, kw_only=True)
class KeptRecord:
    """record: as it is now, None where none is asked for. until: when there is to be another look.

    error: AWS's, after which it is to be tried again soon.
    """

    record: Record | None = None
    error: CloudError | None = None
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Records:
    """Of all endpoints. known: by the endpoint's uid, what was asked for, and the answer."""

    settings: OperatorSettings
    now: Callable[[], datetime]
    aws: OpenAws
    resolve: Resolve = addresses
    known: dict[str, tuple[tuple[Place | None, str], KeptRecord]] = field(default_factory=dict)

    async def keep(
        self, endpoint: InferenceEndpointConfig, hostname: str, previous: Mapping[str, Any]
    ) -> KeptRecord:
        """Make the record lead to the load balancer, by its host name, '' before it has one.

        previous: the endpoint's last status.
        """
        place, before = place_of(endpoint), record_of(previous)
        metadata = endpoint.metadata
        asked, kept = self.known.get(metadata.uid or "", (None, KeptRecord()))
        if kept.until is not None and asked == (place, hostname) and self.now() < kept.until:
            return kept
        if place is None and not before.ours:
            return KeptRecord()
        kept = await self._kept(place, owner_text(metadata.namespace, metadata.name), hostname, before)
        self.known[metadata.uid or ""] = ((place, hostname), kept)
        return kept

    async def _kept(self, place: Place | None, owner: str, hostname: str, before: Record) -> KeptRecord:
        now = self.now()
        try:
            if place is None:
                await asyncio.to_thread(self._remove, _recorded(before), owner)
                return KeptRecord()
            record = _succeeding(place, before)
            dropped = [each for each in _recorded(before) if each not in (place, _former(record))]
            if dropped:  # moved again before the last move was through
                await asyncio.to_thread(self._remove, dropped, owner)
            if not hostname:
                message = f"{place.domain} is written as soon as the load balancer has an address."
                waiting = replace(record, health=PENDING, reason=conditions.NOT_CREATED, message=message)
                return KeptRecord(record=since(waiting, before, now))
            record = await asyncio.to_thread(self._written, record, place, owner, hostname)
            if record.health:  # it cannot be written: a person has to do something
                return KeptRecord(record=since(record, before, now), until=now + RETRY)
            found = await asyncio.gather(self.resolve(place.domain), self.resolve(hostname))
            record = resolved(record, before, leads=bool(found[0] & found[1]), now=now)
            former = _former(record)
            if record.health == ACTIVE and former is not None:
                await asyncio.to_thread(self._remove, [former], owner)
                record = replace(record, previous_zone="", previous_domain="")
        except CloudError as error:
            failed = replace(before if place is None else _succeeding(place, before), health=ERROR)
            words = told(error, self.settings.execution_role_arn)
            failed = since(replace(failed, message=words), before, now)
            passing = is_passing(error)
            return KeptRecord(
                record=failed, error=error if passing else None, until=None if passing else now + RETRY
            )
        waits = {ACTIVE: RECHECK, PENDING: POLL}
        return KeptRecord(record=record, until=now + waits.get(record.health, RETRY))

    def _written(self, record: Record, place: Place, owner: str, hostname: str) -> Record:
        """The record, written; with a health where that cannot be done."""
        aws = self.aws()
        try:
            zone = aws.route53.zone(place.zone)
        except Missing:
            problem = f"There is no hosted zone {place.zone}: name one of this account in spec.dnsConfig."
            return replace(record, health=ERROR, reason=DNS_ZONE, message=problem)
        if not in_zone(place.domain, zone):
            problem = f"Hosted zone {place.zone} is for {zone}, not for {place.domain}: name one that is."
            return replace(record, health=ERROR, reason=DNS_ZONE, message=problem)
        found = aws.route53.records(place.zone, place.domain)
        if kind := foreign(found, owner):
            problem = (
                f"{place.domain} has a record of type {kind} in hosted zone {place.zone} that this endpoint"
                " did not make: remove it, or name another domain."
            )
            return replace(record, ours=False, health=ERROR, reason=DNS_CONFLICT, message=problem)
        balancer = aws.balancers.find(hostname)
        if balancer is None:
            problem = f"No load balancer of the account is named {hostname}, to which the Ingress points."
            return replace(record, health=PENDING, reason=conditions.NOT_CREATED, message=problem)
        changes = upserts(place, owner, hostname, balancer.zone, found)
        if changes:
            aws.route53.change(place.zone, changes)
        return replace(record, ours=True)

    async def remove(
        self,
        resource: InferenceEndpointConfig | JumpStartModel | None,
        key: tuple[str, str],
        status: Mapping[str, Any],
    ) -> None:
        """Remove what an endpoint, 'namespace, name', has in DNS; also what its status does not tell of.

        Raises CloudError.
        """
        wanted = place_of(resource) if resource else None
        places = [*_recorded(record_of(status)), *([wanted] if wanted else [])]
        if places:
            await asyncio.to_thread(self._remove, places, owner_text(*key))

    def _remove(self, places: list[Place], owner: str) -> None:
        aws: Aws = self.aws()
        for place in dict.fromkeys(places):
            with contextlib.suppress(Missing):  # with the zone went its records
                changes = removals(owner, aws.route53.records(place.zone, place.domain))
                if changes:
                    aws.route53.change(place.zone, changes)

    def forget(self, uid: str) -> None:
        """The endpoint is gone."""
        self.known.pop(uid, None)


def _recorded(record: Record) -> list[Place]:
    """Where a status says that the operator wrote."""
    places = (Place(record.zone, record.domain) if record.ours else None, _former(record))
    return [each for each in places if each is not None]


def _succeeding(place: Place, before: Record) -> Record:
    """A record at `place`, which remembers the one before it."""
    same = Place(before.zone, before.domain) == place
    former = Place(before.zone, before.domain) if before.ours and not same else _former(before)
    former = former if former != place else None
    return Record(
        zone=place.zone,
        domain=place.domain,
        ours=before.ours and same,
        previous_zone=former.zone if former else "",
        previous_domain=former.domain if former else "",
    )


def _former(record: Record) -> Place | None:
    return Place(record.previous_zone, record.previous_domain) if record.previous_domain else None
