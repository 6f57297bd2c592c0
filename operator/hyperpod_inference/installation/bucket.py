"""The bucket for certificates and that of its access logs, as values: the same however they are made."""

from dataclasses import asdict, dataclass
from typing import Any, Final


@dataclass(frozen=True, kw_only=True)
class BucketSettings:
    """What differs between the two buckets; both are private, versioned, encrypted by S3, and take TLS only.

    Attributes:
        prefix: beginning of the name; None where AWS may choose it.
        noncurrent_days: how long old versions stay.
        days: how long objects stay; None for ever.
        log_prefix: where its access logs go in the other bucket; None without.
        minimum_tls: lowest version of TLS that is served.
        abort_days: after how long an upload that was never finished is given up.
    """

    prefix: str | None = None
    noncurrent_days: int
    days: int | None = None
    log_prefix: str | None = None
    minimum_tls: float = 1.2
    abort_days: int = 7

    def to_dict(self) -> dict[str, Any]:
        """For a data file."""
        return asdict(self)


TLS_BUCKET: Final = BucketSettings(prefix="hyperpod-tls-", noncurrent_days=90, log_prefix="tls-cert-logs/")
LOG_BUCKET: Final = BucketSettings(noncurrent_days=30, days=365)
