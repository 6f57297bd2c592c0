"""Certificates of endpoints in AWS. `render.tls` says what is wanted, `webhook.authority` what is due.

An endpoint's own certificate is signed by the operator's authority, imported into ACM under one ARN for the
endpoint's life, and its public part put into the bucket: `ca.pem`, which clients trust, and
`certificate.pem`. Every step can be repeated; an import whose answer was lost is found again by its tags.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.jumpstart import JumpStartModel
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cloud.errors import CloudError, Denied, Exists, Missing, is_passing, told
from hyperpod_inference.controllers.authority import AuthorityKeeper
from hyperpod_inference.controllers.aws import Aws, OpenAws
from hyperpod_inference.kube.errors import ApiError
from hyperpod_inference.render.tls import AUTHORITY_FILE, CERTIFICATE_FILE, TAG_OWNER, Wanted, wanted_of
from hyperpod_inference.status.refusal import RETRIES
from hyperpod_inference.status.tls import UNSUITABLE, Certificate, certificate_of
from hyperpod_inference.webhook.authority import (
    COMMON_NAME_LIMIT,
    Authority,
    Leaf,
    due_at,
    expiry,
    is_announced,
    leaf_is_due,
    sign,
    trusted_now,
)

logger = logging.getLogger(__name__)

LIFE = timedelta(days=365)
"""Of an endpoint's certificate; it is replaced long before its last 60 days, when it would be "expiring"."""
RECHECK = timedelta(days=1)
RETRY = timedelta(minutes=10)
"""Until another look where only a person can help."""
PEM = "application/x-pem-file"
OTHER_REGION = frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed", "301"})
"""S3's answers where a bucket is asked for in a region that is not its own."""
NO_REGION = "No certificate is made: the operator does not know its region. Set AWS_REGION for the operator."


@dataclass(frozen=True, kw_only=True)
class Kept:
    """certificate: as it is now, None where none is asked for. until: when there is to be another look.

    error: of AWS or the API server, after which it is to be tried again soon.
    """

    certificate: Certificate | None = None
    error: CloudError | ApiError | None = None
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Of all endpoints. known: by the endpoint's uid, what was asked for, and the answer."""

    settings: OperatorSettings
    authority: AuthorityKeeper
    now: Callable[[], datetime]
    aws: OpenAws
    known: dict[str, tuple[Wanted | None, Kept]] = field(default_factory=dict)

    def asks_aws(self, endpoint: InferenceEndpointConfig) -> bool:
        """Whether something may be made in AWS, so that the finalizer must be on first."""
        return bool(self.settings.region) and wanted_of(endpoint, self.settings) is not None

    async def keep(self, endpoint: InferenceEndpointConfig, previous: Mapping[str, Any]) -> Kept:
        """Make the certificate what the endpoint asks for. `previous` is its last status. Raises ApiError."""
        wanted, before = wanted_of(endpoint, self.settings), certificate_of(previous)
        uid = endpoint.metadata.uid or ""
        asked, kept = self.known.get(uid, (None, Kept()))
        if kept.until is not None and asked == wanted and self.now() < kept.until:
            return kept
        if wanted is None and not (before.imported or before.keys):
            return Kept()
        if not self.settings.region:
            return Kept(certificate=replace(before, reason=conditions.NOT_CREATED, problem=NO_REGION))
        kept = await self._kept(wanted, before)
        self.known[uid] = (wanted, kept)
        return kept

    async def _kept(self, wanted: Wanted | None, before: Certificate) -> Kept:
        custom = bool(wanted and wanted.custom)
        before = replace(before, custom=custom, arn=before.arn if wanted else "")
        try:
            # AWS is asked first: where it cannot be reached, no authority is made in vain.
            await asyncio.to_thread(self._reach, wanted)
            authority = await self.authority.current() if wanted and not custom else None
            made, until = await asyncio.to_thread(self._made, wanted, before, authority)
        except ApiError as error:
            problem = f"Secret {names.AUTHORITY_SECRET}, which signs, cannot be used: {error}. {RETRIES}"
            failed = replace(before, reason=conditions.NOT_CREATED, problem=problem)
            return Kept(certificate=failed, error=error)
        except CloudError as error:
            failed = replace(before, problem=self._words(error, wanted))
            if is_passing(error):
                return Kept(certificate=failed, error=error)
            return Kept(certificate=failed, until=self.now() + RETRY)
        return Kept(certificate=made, until=until)

    def _reach(self, wanted: Wanted | None) -> None:
        if wanted is not None and wanted.bucket:
            _read(self.aws(), wanted, AUTHORITY_FILE)

    def _made(
        self, wanted: Wanted | None, before: Certificate, authority: Authority | None
    ) -> tuple[Certificate | None, datetime]:
        aws, now = self.aws(), self.now()
        made: Certificate | None = None
        until = now + RECHECK
        if wanted is not None and authority is not None:
            made, due = issued(aws, wanted, authority, before, now)
            until = min(until, max(due, now + RETRY))
        elif wanted is not None:
            made = self._elsewhere(wanted) or adopted(aws, wanted)
            until = until if not made.problem else now + RETRY
        left = tidied(aws, made or Certificate(), before)
        if left:
            made = replace(made or Certificate(), imported=(*(made.imported if made else ()), *left))
            until = now + RETRY
        return made, until

    async def remove(
        self, resource: InferenceEndpointConfig | JumpStartModel | None, previous: Mapping[str, Any]
    ) -> None:
        """Delete all that was made for an endpoint; None for one that cannot be read. Raises CloudError."""
        wanted, before = wanted_of(resource, self.settings) if resource else None, certificate_of(previous)
        recorded = bool(before.imported or before.keys)
        if self.settings.region and (recorded or wanted):
            await asyncio.to_thread(self._remove, wanted, before)

    def _remove(self, wanted: Wanted | None, before: Certificate) -> None:
        aws = self.aws()
        found = () if before.imported or not wanted else tuple(_found(aws, wanted))
        in_use = tidied(aws, Certificate(), replace(before, imported=(*before.imported, *found)))
        if in_use:
            raise Exists("acm:DeleteCertificate", "ResourceInUseException", f"{in_use[0]} is still used")
        if wanted and wanted.bucket:
            for file in (AUTHORITY_FILE, CERTIFICATE_FILE):
                aws.s3.delete(wanted.bucket, wanted.key(file))

    def forget(self, uid: str) -> None:
        """The endpoint is gone."""
        self.known.pop(uid, None)

    def _elsewhere(self, wanted: Wanted) -> Certificate | None:
        """A certificate of another region, which no load balancer here can present; None for one of this."""
        region = wanted.custom.split(":")[3]
        if region == self.settings.region:
            return None
        problem = f"Certificate {wanted.custom} is in region {region}, and the load balancer is in"
        step = f"{self.settings.region}: request or import it there, and name that one in spec.tlsConfig."
        return Certificate(arn=wanted.custom, custom=True, reason=UNSUITABLE, problem=f"{problem} {step}")

    def _words(self, error: CloudError, wanted: Wanted | None) -> str:
        if error.call.startswith("s3:") and wanted:
            return _of_bucket(error, wanted.bucket, self.settings)
        if isinstance(error, Missing) and wanted and wanted.custom:
            where = f"in this account and region ({self.settings.region})"
            return f"ACM has no certificate {wanted.custom} {where}: name one that it has."
        return told(error, self.settings.execution_role_arn)


def issued(
    aws: Aws, wanted: Wanted, authority: Authority, before: Certificate, now: datetime
) -> tuple[Certificate, datetime]:
    """The endpoint's own certificate, and when it is to be replaced. Raises CloudError.

    The authority is published first: who trusts it trusts whatever is imported next.
    """
    published = _read(aws, wanted, AUTHORITY_FILE)
    trusted, announced = _trusted(authority, published, now)
    if published != trusted:
        _publish(aws, wanted, AUTHORITY_FILE, trusted)
    leaf = _read(aws, wanted, CERTIFICATE_FILE)
    arn = before.arn if before.arn in before.imported else ""
    arn = (arn if arn and _exists(aws, arn) else "") or next(_found(aws, wanted), "")
    # Clients hear of another authority before it signs.
    wait = bool(arn) and leaf is not None and not announced and _is_valid(leaf, now)
    if not arn or leaf is None or (not wait and _is_due(trusted, leaf, wanted, now)):
        made = sign(authority, wanted.hosts, now, LIFE)
        issuer = authority.certificates.partition(b"-----END CERTIFICATE-----\n")
        chain = issuer[0] + issuer[1]
        arn = _imported(aws, wanted, made, chain, arn)
        leaf = made.certificate
        _publish(aws, wanted, CERTIFICATE_FILE, leaf)
        logger.info("imported %s for %s, valid until %s", arn, wanted.hosts[0], expiry(leaf))
    return (
        Certificate(
            arn=arn,
            names=wanted.hosts,
            not_after=expiry(leaf),
            bucket=wanted.bucket,
            keys=(wanted.key(AUTHORITY_FILE), wanted.key(CERTIFICATE_FILE)),
            imported=(arn,),
            certificate_name=authority.certificate_name,
            issuer_name=authority.issuer_name,
        ),
        now if wait else due_at(leaf),
    )


def _imported(aws: Aws, wanted: Wanted, made: Leaf, chain: bytes, arn: str) -> str:
    """Import over the ARN, or anew; returns the ARN.

    AWS's managed policy lets nobody import over an ARN, since that takes no tags, and no other tag than its
    own: where that is denied, another certificate is imported, with that tag alone, and the old one removed.
    """
    try:
        if arn:
            aws.acm.import_over(arn, made.certificate, made.key, chain)
            return arn
        return aws.acm.import_new(made.certificate, made.key, chain, dict(wanted.tags))
    except Denied as error:
        logger.info("imported anew with one tag: %s", error)
        return aws.acm.import_new(made.certificate, made.key, chain, dict([names.TAG_CREATED_BY]))


def adopted(aws: Aws, wanted: Wanted) -> Certificate:
    """The user's own certificate, its public part published, or why it will not do. Raises CloudError."""
    found = aws.acm.describe(wanted.custom)
    made = Certificate(arn=wanted.custom, custom=True, names=found.names, not_after=found.not_after)
    (domain,) = wanted.hosts
    if found.status not in ("ISSUED", "EXPIRED"):
        problem = f"Certificate {wanted.custom} is {found.status}, not ISSUED: see it in ACM."
        return replace(made, reason=UNSUITABLE, problem=problem)
    if not covers(found.names, domain):
        problem = f"Certificate {wanted.custom} is for {', '.join(found.names)}, not for {domain}."
        step = "Name one that is, or another domain, in spec.tlsConfig.customCertificateConfig."
        return replace(made, reason=UNSUITABLE, problem=f"{problem} {step}")
    if not wanted.bucket:
        return made
    public = aws.acm.public(wanted.custom)
    if _read(aws, wanted, CERTIFICATE_FILE) != public:
        _publish(aws, wanted, CERTIFICATE_FILE, public)
    return replace(made, bucket=wanted.bucket, keys=(wanted.key(CERTIFICATE_FILE),))


def covers(names: tuple[str, ...], domain: str) -> bool:
    """Whether a certificate for these names is one for the domain; a wildcard stands for one label."""
    return any(
        name.lower() == domain or (name.startswith("*.") and name[2:].lower() == domain.partition(".")[2])
        for name in names
    )


def tidied(aws: Aws, now: Certificate, before: Certificate) -> tuple[str, ...]:
    """Delete what was made before and is not needed now; returns the ARNs that are still used."""
    in_use = []
    for arn in before.imported:
        if arn not in now.imported:
            try:
                aws.acm.delete(arn)
            except Exists:  # the load balancer has not let go of it yet
                in_use.append(arn)
    for key in before.keys:
        if (before.bucket, key) not in {(now.bucket, each) for each in now.keys}:
            aws.s3.delete(before.bucket, key)
    return tuple(in_use)


def _of_bucket(error: CloudError, bucket: str, settings: OperatorSettings) -> str:
    """Why the bucket cannot be used, and what to do."""
    where = "spec.tlsConfig.tlsCertificateOutputS3Uri or the operator's TLS_CERTIFICATE_OUTPUT_S3URI"
    if isinstance(error, Missing):
        return f"Bucket {bucket} does not exist: create it, or name another one in {where}."
    if error.code in OTHER_REGION:
        return f"Bucket {bucket} is not in region {settings.region}: name one that is, in {where}."
    words = told(error, settings.execution_role_arn)
    if isinstance(error, Denied):
        return f"{words} If bucket {bucket} is another account's, name one of this account in {where}."
    return words


def _trusted(authority: Authority, published: bytes | None, now: datetime) -> tuple[bytes, bool]:
    """What is to be published, and whether clients could hear of the one that signs by what was so far."""
    try:
        return trusted_now(authority, published, now), is_announced(authority, published)
    except ValueError:  # somebody wrote something else there
        return authority.certificates, True


def _is_valid(leaf: bytes, now: datetime) -> bool:
    try:
        return now < expiry(leaf)
    except ValueError:
        return False


def _is_due(trusted: bytes, leaf: bytes, wanted: Wanted, now: datetime) -> bool:
    try:
        return leaf_is_due(trusted, leaf, wanted.hosts, now)
    except ValueError:  # somebody wrote something else there
        return True


def _found(aws: Aws, wanted: Wanted) -> Iterator[str]:
    """Certificates that were imported for the endpoint before; none where they may not be listed."""
    owner = {name: value for name, value in wanted.tags if name == TAG_OWNER}
    try:
        yield from aws.acm.tagged(wanted.hosts[0][:COMMON_NAME_LIMIT], owner)
    except Denied as error:
        logger.info("earlier imports cannot be looked for: %s", error)


def _exists(aws: Aws, arn: str) -> bool:
    try:
        aws.acm.describe(arn)
    except Missing:
        return False
    except Denied:  # AWS's managed policy does not allow it; an import over the ARN will tell
        return True
    return True


def _read(aws: Aws, wanted: Wanted, file: str) -> bytes | None:
    """One of the published files; None as well where a policy that goes by tags denies what is not there."""
    try:
        return aws.s3.get(wanted.bucket, wanted.key(file))
    except Denied:
        return None


def _publish(aws: Aws, wanted: Wanted, file: str, body: bytes) -> None:
    aws.s3.put(wanted.bucket, wanted.key(file), body, content_type=PEM)
