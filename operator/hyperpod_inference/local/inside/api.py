"""The few calls the supervisor makes to its own cluster: readiness, first objects, the list of services."""

import ssl
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp

from hyperpod_inference.local.network import API_URL

_TIMEOUT = aiohttp.ClientTimeout(total=5)


class LocalApi:
    """An administrator's session with the cluster's servers, all signed by the cluster's own authority."""

    def __init__(self, pki: Path) -> None:
        context = ssl.create_default_context(cafile=pki / "ca.crt")
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context), timeout=_TIMEOUT, trust_env=False
        )

    async def __aenter__(self) -> "LocalApi":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def answers(self, url: str) -> bool:
        """True when `url` answers 200 now."""
        try:
            async with self._session.get(url) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def get(self, path: str) -> dict[str, Any]:
        """The object or list at `path`. Raises aiohttp.ClientError or TimeoutError."""
        async with self._session.get(API_URL + path) as response:
            response.raise_for_status()
            body: dict[str, Any] = await response.json()
            return body

    async def find(self, path: str) -> dict[str, Any] | None:
        """The same, or None while it cannot be had."""
        try:
            return await self.get(path)
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def create(self, path: str, body: dict[str, Any]) -> None:
        """Create an object; one that is already there is left as it is."""
        async with self._session.post(API_URL + path, json=body) as response:
            if response.status != 409:
                response.raise_for_status()
