"""What can go wrong between this process and the API server, as one family of exceptions.

The client translates every answer and every transport failure into one of these, so that nothing above
it ever sees an HTTP library's exception. The library's own exception stays the `__cause__`.
"""

# ruff: noqa: N818 - these are Kubernetes' own reasons, and read as such in `except NotFound`

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """A request failed.

    Attributes:
        status: the HTTP status, 0 when no answer came.
        reason: Kubernetes' reason in CamelCase ('AlreadyExists'), possibly empty.
        message: the server's message, or the transport's.
        body: the whole Status object as it came, {} when there was none.
        retry_after: seconds that the server asked to wait, None when it did not.
        request: 'VERB /path' of the failed request, '' when it is not known.
        progress: whether other parts of the work were done before it: then its back-off starts anew.
    """

    def __init__(
        self,
        status: int,
        reason: str = "",
        message: str = "",
        body: Mapping[str, Any] | None = None,
        *,
        retry_after: float | None = None,
        request: str = "",
    ) -> None:
        super().__init__(status, reason, message)
        self.status = status
        self.reason = reason
        self.message = message
        self.body: Mapping[str, Any] = body or {}
        self.retry_after = retry_after
        self.request = request
        self.progress = False

    def __str__(self) -> str:
        head = " ".join(part for part in (str(self.status or ""), self.reason) if part)
        return ": ".join(part for part in (self.request, head, self.message) if part)


class BadRequest(ApiError):
    """400: the request itself is wrong."""


class Unauthorized(ApiError):
    """401: the credentials are missing, expired or unknown."""


class Forbidden(ApiError):
    """403: RBAC, quota or admission says no."""


class NotFound(ApiError):
    """404: no such object, namespace, or kind."""


class Conflict(ApiError):
    """409: the object changed since it was read, a precondition failed, or another manager owns fields."""


class AlreadyExists(ApiError):
    """409: an object of that name exists."""


class Gone(ApiError):
    """410: the resourceVersion or continue token is too old; list again."""


class Invalid(ApiError):
    """422: the object breaks its schema or a validation rule."""


class TooManyRequests(ApiError):
    """429: the server sheds load; `retry_after` says how long to wait."""


class ServerError(ApiError):
    """5xx: the server failed."""


class TransportError(ApiError):
    """No usable answer came: refused, reset, timed out, TLS failure, or bytes that are not JSON."""

    def __init__(self, message: str, *, request: str = "") -> None:
        super().__init__(0, "", message, request=request)


class WatchSilent(TransportError):
    """A watch brought no byte for so long that its connection may be dead; some kinds have no bookmarks."""


class NotLeading(TransportError):
    """The request was not sent: this process may not write."""


_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


def from_status(
    status: int, body: Mapping[str, Any], *, retry_after: float | None = None, request: str = ""
) -> ApiError:
    """The exception for an HTTP status and its Status object (also for a watch's ERROR event)."""
    reason, message = str(body.get("reason") or ""), str(body.get("message") or "")
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else ApiError)
    if status == 409 and reason == "AlreadyExists":
        kind = AlreadyExists
    if retry_after is None:
        retry_after = _seconds((body.get("details") or {}).get("retryAfterSeconds"))
    return kind(status, reason, message, body, retry_after=retry_after, request=request)


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and value > 0 else None
