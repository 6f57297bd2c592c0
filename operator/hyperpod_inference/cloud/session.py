"""Clients for AWS's services: one way to make them, with bounded waits and retries.

The endpoint, credentials and region come from botocore's own chain (AWS_ENDPOINT_URL, IRSA, Pod Identity,
profiles). Calls block, so coroutines make them with `asyncio.to_thread`.
"""

from typing import Any

import boto3
from botocore.config import Config

from hyperpod_inference.cloud.errors import translated

CONNECT_SECONDS = 5
READ_SECONDS = 30
ATTEMPTS = 5
"""Tries of one call, the first included, with botocore's own backoff."""


class Session:
    """Makes each service's client once. `region` None is the environment's; `attempts` None is `ATTEMPTS`."""

    def __init__(self, region: str | None = None, *, attempts: int | None = None, **session: Any) -> None:
        self._attempts = attempts
        self._session = boto3.session.Session(region_name=region, **session)
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """The client of a service, as `eks`; safe to use from several threads. Raises CloudError."""
        if service not in self._clients:
            config = Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": self._attempts or ATTEMPTS},
            )
            make: Any = self._session.client  # its stubs know services by literal names only
            with translated(service):
                self._clients[service] = make(service, config=config)
        return self._clients[service]
