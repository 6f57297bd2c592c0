"""Smithy's RPC v2 with CBOR, which AWS's Go SDK speaks to CloudWatch: a layer in front of the double.

moto answers the same operations in JSON 1.0. So a call is read with botocore's own parser and written again
with its JSON serializer, and the answer goes the other way; the service's model says of which type each is.
"""

import io
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from botocore.model import DenormalizedStructureBuilder, OperationModel, Shape
from botocore.parsers import create_parser
from botocore.serialize import RpcV2CBORSerializer, create_serializer

from hyperpod_inference.local.aws.actions import model_of

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
_PATH: Final = re.compile(r"/service/[^/]+/operation/(\w+)")
_SERVICE: Final = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request")
_PROTOCOL: Final = {"smithy-protocol": "rpc-v2-cbor"}
_ERROR: Final = (
    DenormalizedStructureBuilder()
    .with_members({"__type": {"type": "string"}, "message": {"type": "string"}})
    .build_model()
)


def speaking_cbor(app: Wsgi) -> Wsgi:
    """`app`, for callers of RPC v2 too; any other call passes as it is."""

    def answer(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        operation = _operation(environ)
        if operation is None:
            return app(environ, start_response)
        told: list[Any] = []
        asked = _in_json(operation, environ)
        body = b"".join(app(asked, lambda status, headers, *_: told.extend((status, headers))))
        status, headers = told
        packed = _in_cbor(operation, int(status.split()[0]), dict(headers), body)
        length = ("Content-Length", str(len(packed)))
        start_response(status, [("Content-Type", "application/cbor"), length, *_PROTOCOL.items()])
        return [packed]

    return answer


def _operation(environ: Mapping[str, Any]) -> OperationModel | None:
    """What is asked for by RPC v2; None for any other call."""
    if environ.get("HTTP_SMITHY_PROTOCOL") != _PROTOCOL["smithy-protocol"]:
        return None
    service = _SERVICE.search(environ.get("HTTP_AUTHORIZATION", ""))
    name = _PATH.fullmatch(environ["PATH_INFO"])
    if not service or not name:
        return None
    model = model_of(service[1])
    return model.operation_model(name[1]) if name[1] in model.operation_names else None


def _in_json(operation: OperationModel, environ: Environ) -> Environ:
    """The same call in JSON 1.0."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    params = _parsed("smithy-rpc-v2-cbor", 200, _PROTOCOL, body, operation.input_shape)
    written = create_serializer("json", include_validation=False).serialize_to_request(params, operation)
    kept = {key: value for key, value in environ.items() if key != "HTTP_SMITHY_PROTOCOL"}
    return kept | {
        "PATH_INFO": "/",
        "RAW_URI": "/",
        "REQUEST_URI": "/",
        "CONTENT_TYPE": written["headers"]["Content-Type"],
        "HTTP_X_AMZ_TARGET": written["headers"]["X-Amz-Target"],
        "CONTENT_LENGTH": str(len(written["body"])),
        "wsgi.input": io.BytesIO(written["body"]),
    }


def _in_cbor(operation: OperationModel, status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    """An answer in JSON, or an error, as RPC v2 writes it."""
    if status >= 300:
        error = _parsed("json", status, headers, body, operation.output_shape)["Error"]
        return _written({"__type": error["Code"], "message": error["Message"]}, _ERROR)
    if operation.output_shape is None:
        return b""
    return _written(_parsed("json", status, headers, body, operation.output_shape), operation.output_shape)


def _parsed(
    protocol: str, status: int, headers: Mapping[str, str], body: bytes, shape: Any
) -> dict[str, Any]:
    whole = {"status_code": status, "headers": dict(headers), "body": body}
    found: dict[str, Any] = create_parser(protocol).parse(whole, shape)
    return {key: value for key, value in found.items() if key != "ResponseMetadata"}


def _written(value: Mapping[str, Any], shape: Shape) -> bytes:
    # botocore writes requests only; the body of an answer is of the same kind.
    writer: Any = RpcV2CBORSerializer()
    return bytes(writer._serialize_body_params(value, shape))
