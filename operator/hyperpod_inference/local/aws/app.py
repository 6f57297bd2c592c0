"""The WSGI application: an operation of this extension is answered here, every other by moto."""

import io
import json
import re
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from hyperpod_inference.local.aws import REGION, aps, eks, gates, sagemaker
from hyperpod_inference.local.aws.actions import action_of, protocol_of
from hyperpod_inference.local.aws.eks import auth
from hyperpod_inference.local.aws.errors import AwsError
from hyperpod_inference.local.aws.faults import Fault, Faults
from hyperpod_inference.local.aws.iam.enforcing import enforce
from hyperpod_inference.local.aws.sagemaker import runtime
from hyperpod_inference.local.aws.wire import Params, Request, Response, answer, operation_of, parse, refusal
from hyperpod_inference.local.aws.world import World, Worlds

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
_Handler = Callable[[World, Params], Params]
_SCOPE: Final = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request")
_STATUS: Final = {200: "OK", 400: "Bad Request", 404: "Not Found", 409: "Conflict"}

OPERATIONS: Final[Mapping[str, Mapping[str, _Handler]]] = {
    "eks": eks.OPERATIONS,
    "eks-auth": auth.OPERATIONS,
    "sagemaker": sagemaker.OPERATIONS,
}
"""Service -> operation -> what answers it. The names are those of a request's signature."""


class App:
    """The double as a WSGI application.

    Args:
        moto: moto's own application.
        account: of every caller.
        worlds: what the extension remembers.
        faults: what is made to fail.
    """

    def __init__(
        self, moto: Callable[..., Iterable[bytes]], account: str, worlds: Worlds, faults: Faults
    ) -> None:
        self._moto = moto
        self._account = account
        self._worlds = worlds
        self._faults = faults
        # moto's models are not made for calls at the same time; the double is for one user.
        self._lock = threading.RLock()
        self.enforcing = False
        """Whether callers that took a role may do only what its policies say."""

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        region, service = _scope(environ)
        gated = environ["PATH_INFO"].startswith(gates.PREFIX)
        ours = service in OPERATIONS or gated or aps.PATH.fullmatch(environ["PATH_INFO"])
        if not ours and not self._faults and not self.enforcing:
            return self._moto(environ, start_response)
        request = _read(environ)
        if self.enforcing and (refused := self._refused(service, region, request, environ)) is not None:
            return _send(refused, start_response)
        if gated and gates.closed(request, self._worlds.settings.clock()):
            denied = Fault("s3:GetObject", "AccessDenied", "Access Denied", 403)
            return _send(_struck(denied, "s3"), start_response)
        fault = self._faults.take(action_of(service, request)) if self._faults else None
        if fault is not None and not fault.after:
            return _send(_struck(fault, service), start_response)
        if fault is not None:
            self._forward(service, region, request, environ, lambda *_args: None)
            return _send(_struck(fault, service), start_response)
        return self._forward(service, region, request, environ, start_response)

    def _refused(self, service: str, region: str, request: Request, environ: Environ) -> Response | None:
        """IAM's answer to a caller who may not; None where the call may pass."""
        action = action_of(service, request) if service else "sts:?"
        try:
            with self._lock:
                enforce(self._worlds.of(self._account, region or REGION), action, request, environ)
        except AwsError as error:
            return _struck(Fault(action, error.code, error.message, error.status), service)
        except Exception as error:  # a defect of the double: the caller sees it as AWS's own
            traceback.print_exc()
            return _struck(Fault(action, "InternalFailure", str(error), 500), service)
        return None

    def _forward(
        self, service: str, region: str, request: Request, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        invoked = runtime.PATH.fullmatch(request.path) if service == "sagemaker" else None
        if invoked:
            world = self._worlds.of(self._account, region)
            return _send(runtime.invoke(world, invoked[1], request.body, _headers(environ)), start_response)
        if aps.PATH.fullmatch(request.path):
            return _send(
                aps.query(self._worlds.of(self._account, region or REGION), request, environ), start_response
            )
        table = OPERATIONS.get(service, {})
        operation = operation_of(service, request, frozenset(table)) if table else None
        if operation is None:
            return self._moto(environ, start_response)
        world = self._worlds.of(self._account, region)
        try:
            with self._lock:
                result = table[operation.name](world, parse(operation, request))
            response = answer(operation, result)
        except AwsError as error:
            response = refusal(operation, error)
        except Exception as error:  # a defect of the double: the caller sees it as AWS's own
            traceback.print_exc()
            response = refusal(operation, AwsError("InternalFailure", str(error), status=500))
        return _send(response, start_response)


def _headers(environ: Environ) -> dict[str, str]:
    """What a caller of InvokeEndpoint says to the model."""
    told = {"Content-Type": environ.get("CONTENT_TYPE", ""), "Accept": environ.get("HTTP_ACCEPT", "")}
    return {name: value for name, value in told.items() if value}


def _scope(environ: Environ) -> tuple[str, str]:
    found = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    return (found[1], found[2]) if found else ("", "")


def _read(environ: Environ) -> Request:
    """The request; its body is put back, for moto reads it again."""
    stream = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    body = (
        stream.read(int(length)) if length else stream.read() if environ.get("wsgi.input_terminated") else b""
    )
    environ["wsgi.input"] = io.BytesIO(body)
    raw = environ.get("RAW_URI") or environ["PATH_INFO"]
    path, _, query = raw.partition("?")
    return Request(environ["REQUEST_METHOD"], path, query, environ.get("HTTP_X_AMZ_TARGET", ""), body)


def _struck(fault: Fault, service: str) -> Response:
    """A failure as the service's protocol writes it."""
    if protocol_of(service) in ("json", "rest-json"):
        body = json.dumps({"__type": fault.code, "message": fault.message})
        return Response(fault.status, {"x-amzn-ErrorType": fault.code}, body.encode())
    body = (
        f"<ErrorResponse><Error><Code>{fault.code}</Code><Message>{fault.message}</Message></Error>"
        "<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
    )
    if service == "s3":  # the one service without an envelope
        body = body.removeprefix("<ErrorResponse>").partition("<RequestId>")[0]
    return Response(fault.status, {"Content-Type": "text/xml"}, body.encode())


def _send(response: Response, start_response: StartResponse) -> Iterable[bytes]:
    headers = [*response.headers.items(), ("Content-Length", str(len(response.body)))]
    start_response(f"{response.status} {_STATUS.get(response.status, 'Error')}", headers)
    return [response.body]
