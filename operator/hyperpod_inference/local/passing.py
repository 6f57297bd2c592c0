"""What of a message's headers a proxy hands on."""

from collections.abc import Mapping

from multidict import CIMultiDict

# RFC 9110, section 7.6.1: these belong to one connection, not to the message.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def passed_on(headers: Mapping[str, str], *without: str) -> CIMultiDict[str]:
    """The headers that belong to the message, without those named, in lower case, in `without`."""
    named = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    dropped = _HOP_BY_HOP | named | {*without}
    return CIMultiDict((key, value) for key, value in headers.items() if key.lower() not in dropped)
