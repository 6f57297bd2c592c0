"""What can go wrong between this process and AWS, as one family of exceptions.

Nothing above `cloud` sees a botocore exception; it stays the `__cause__`. The text says which call failed,
AWS's code and AWS's words, and for a missing permission which action is missing.
"""

# ruff: noqa: N818 - these are the outcomes of a call, and read as such in `except Missing`

import contextlib
import re
from collections.abc import Iterator

from botocore import exceptions

MISSING = frozenset(
    {"ResourceNotFoundException", "ResourceNotFound", "NoSuchEntity", "NoSuchKey", "NoSuchBucket",
     "NotFoundException", "LoadBalancerNotFound", "NoSuchTagSet", "NoSuchHostedZone", "404"}
)  # fmt: skip
DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AccessDeniedFault", "403",
     "UnauthorizedException"}
)  # fmt: skip
EXISTS = frozenset(
    {"ResourceInUseException", "EntityAlreadyExists", "ResourceAlreadyExistsException", "ConflictException"}
)
THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "TooManyRequestsException", "SlowDown", "RequestLimitExceeded"}
)


class CloudError(Exception):
    """A call failed.

    Attributes:
        call: what was called, as `eks:CreateAddon`.
        code: AWS's error code, '' when no answer came.
        message: AWS's words, or the transport's.
    """

    def __init__(self, call: str, code: str, message: str) -> None:
        super().__init__(call, code, message)
        self.call, self.code, self.message = call, code, message

    def __str__(self) -> str:
        return ": ".join(part for part in (self.call, self.code, self.message) if part)


class Missing(CloudError):
    """It does not exist."""


class Denied(CloudError):
    """The caller may not do that: `call` is the action to allow."""


class Exists(CloudError):
    """Something of that name exists, or is in use."""


class Throttled(CloudError):
    """AWS asked to slow down, also after the client's own retries."""


class Unreachable(CloudError):
    """No answer came: no route, a time-out, a TLS failure."""


class NoCredentials(CloudError):
    """There are no credentials, or they have expired."""


@contextlib.contextmanager
def translated(call: str) -> Iterator[None]:
    """Run one AWS call; `call` is its IAM action. Raises CloudError or one of its kinds."""
    try:
        yield
    except exceptions.ClientError as error:
        answer = error.response.get("Error", {})
        code, message = str(answer.get("Code", "")), str(answer.get("Message", ""))
        raise _kind(code)(call, code, message) from error
    except (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.TokenRetrievalError,
    ) as error:
        raise NoCredentials(call, "", str(error)) from error
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        raise Unreachable(call, "", str(error)) from error
    except exceptions.BotoCoreError as error:
        raise CloudError(call, type(error).__name__, str(error)) from error


def _kind(code: str) -> type[CloudError]:
    if code.startswith("ExpiredToken"):
        return NoCredentials
    kinds = ((MISSING, Missing), (DENIED, Denied), (EXISTS, Exists), (THROTTLED, Throttled))
    return next((kind for codes, kind in kinds if code in codes), CloudError)


def is_passing(error: CloudError) -> bool:
    """Whether AWS itself may be well again in a moment; anything else needs a person, or another change."""
    down = ("ServiceUnavailable", "Internal", "RequestTimeout", "50")  # S3 without a body: the HTTP status
    return isinstance(error, Throttled | Unreachable) or error.code.startswith(down)


def told(error: CloudError, role: str = "") -> str:
    """An error as sentences for a status: what failed, in AWS's words, and the next step.

    role: the ARN of the role that calls, where it is known.
    """
    words = " ".join(str(error).split()).rstrip(".")
    return f"AWS: {words}. {_step(error, role)}"


_UNAUTHORIZED = re.compile(
    r"User: (?P<who>\S+) is not authorized to perform: (?P<action>[\w-]+:\w+)"
    r" on resource: \"?(?P<what>[^\s\"]+)"
)


def _lacking(error: CloudError, role: str) -> str:
    """What AWS's words say is missing; '' where they do not say it."""
    found = _UNAUTHORIZED.search(error.message)
    if found is None:
        return ""
    who = role or found["who"].partition(":assumed-role/")[2].partition("/")[0] or found["who"]
    return (
        f"Role {who} lacks action {found['action']} on {found['what']}: allow it; it goes on by itself then."
    )


def _step(error: CloudError, role: str) -> str:
    again = "It is tried again by itself."
    if isinstance(error, Denied):
        if lacking := _lacking(error, role):
            return lacking
        return f"Allow {error.call} to {role or 'the role of the operator'}; it goes on by itself then."
    if isinstance(error, NoCredentials):
        return "Give the operator's service account a role (IRSA or EKS Pod Identity), and restart it."
    if isinstance(error, Unreachable):
        return f"See whether the operator's pod reaches AWS (routes, VPC endpoints, DNS, region). {again}"
    return again
