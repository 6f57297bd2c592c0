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


_REFUSED_BY_AGENT = re.compile(r"Received non 200 response 4\d\d from container metadata")


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
    except exceptions.CredentialRetrievalError as error:  # Pod Identity's agent: it said no, or nothing
        refused = _REFUSED_BY_AGENT.search(str(error))
        raise (NoCredentials if refused else Unreachable)(call, "", str(error)) from error
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


_SKEWED = re.compile(r"Signature (expired|not yet current)")


def lacking(message: str, role: str = "") -> str:
    """'Role X lacks action Y on Z' where AWS's words say so, else ''. role: the caller's ARN, where known."""
    found = _UNAUTHORIZED.search(message)
    if found is None:
        return ""
    who = role or found["who"].partition(":assumed-role/")[2].partition("/")[0] or found["who"]
    return f"Role {who} lacks action {found['action']} on {found['what']}"


def _is_skewed(error: CloudError) -> bool:
    """Whether AWS refuses the time at which a call was signed: minutes off, by its clock."""
    return error.code in ("RequestTimeTooSkewed", "RequestExpired") or bool(_SKEWED.search(error.message))


def _step(error: CloudError, role: str) -> str:
    again = "It is tried again by itself."
    if _is_skewed(error):
        return f"The clock of the operator's node is wrong: have it set (chronyd, NTP). {again}"
    if isinstance(error, Denied):
        if missing := lacking(error.message, role):
            return f"{missing}: allow it; it goes on by itself then."
        return f"Allow {error.call} to {role or 'the role of the operator'}; it goes on by itself then."
    if isinstance(error, NoCredentials):
        return "Give the operator's service account a role (IRSA or EKS Pod Identity), and restart it."
    if isinstance(error, Unreachable):
        return f"See whether the operator's pod reaches AWS (routes, VPC endpoints, DNS, region). {again}"
    return again
