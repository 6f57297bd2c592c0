"""HTTP to an operation of botocore's service model, and its result back to HTTP.

The model says where each parameter is (path, query, body), what is required and of which type, and what the
answer looks like: input that breaks it is refused as AWS does, and an answer that breaks it is a defect of
the double and shows as an InternalFailure. Spoken are the protocols of the services extended here: rest-
json (EKS) and json (SageMaker).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import botocore.loaders
import botocore.validate
from botocore.model import OperationModel, ServiceModel, Shape

from hyperpod_inference.local.aws.errors import AwsError

Params = dict[str, Any]
_PLACE: Final = re.compile(r"\{([\w-]+)(\+?)\}")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request: `path` and `query` still percent-encoded, `target` the X-Amz-Target header."""

    method: str
    path: str
    query: str
    target: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of a service, by its name in boto3 (`eks`, `sagemaker`)."""
    loader = botocore.loaders.Loader()
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


def operation_of(service: str, request: Request, names: frozenset[str]) -> OperationModel | None:
    """The operation among `names` that a request asks for; None when it is none of them."""
    model = service_model(service)
    if model.protocol == "json":
        name = request.target.rpartition(".")[2]
        return model.operation_model(name) if name in names else None
    for name in names:
        operation = model.operation_model(name)
        if operation.http["method"] == request.method and path_of(operation).fullmatch(request.path):
            return operation
    return None


def parse(operation: OperationModel, request: Request) -> Params:
    """The parameters of a request, under the model's names. Raises AwsError for what the model refuses."""
    shape = operation.input_shape
    if shape is None:
        return {}
    body = _document(request.body)
    found = path_of(operation).fullmatch(request.path)
    in_path = {name: unquote(value) for name, value in found.groupdict().items()} if found else {}
    query = parse_qs(request.query)
    params: Params = {}
    for name, member in shape.members.items():
        wire_name = member.serialization.get("name", name)
        match member.serialization.get("location"):
            case "uri":
                params[name] = in_path[wire_name]
            case "querystring":
                if wire_name in query:
                    params[name] = _from_query(member, query[wire_name])
            case None if wire_name in body:
                params[name] = body[wire_name]
    check(operation, params)
    return params


def answer(operation: OperationModel, result: Params) -> Response:
    """The result of an operation as HTTP. Raises ValueError when it is not what the model promises."""
    shape = operation.output_shape
    if shape is None:
        return Response(200, {}, b"")
    if problems := botocore.validate.ParamValidator().validate(result, shape).generate_report():
        raise ValueError(f"the double's answer to {operation.name} breaks the model: {problems}")
    return Response(200, _content_type(operation), json.dumps(_plain(shape, result)).encode())


def refusal(operation: OperationModel, error: AwsError) -> Response:
    """An error as HTTP, with the status that the model gives it."""
    service = operation.service_model
    status = error.status
    for shape in service.error_shapes:
        if shape.name == error.code:
            status = shape.metadata.get("error", {}).get("httpStatusCode", status)
    body = {"__type": error.code, "message": error.message, **error.members}
    headers = {**_content_type(operation), "x-amzn-ErrorType": error.code}
    return Response(status, headers, json.dumps(body).encode())


def _content_type(operation: OperationModel) -> dict[str, str]:
    version = operation.service_model.metadata.get("jsonVersion")
    return {"Content-Type": f"application/x-amz-json-{version}" if version else "application/json"}


@cache
def _template(uri: str) -> re.Pattern[str]:
    # Two of three parts are a name in braces and the `+` of one that may hold slashes.
    texts = _PLACE.split(uri.partition("?")[0])
    pattern = re.escape(texts[0])
    for name, greedy, text in zip(texts[1::3], texts[2::3], texts[3::3], strict=True):
        pattern += f"(?P<{name}>{'.+' if greedy else '[^/]+'}){re.escape(text)}"
    return re.compile(pattern)


def path_of(operation: OperationModel) -> re.Pattern[str]:
    """The pattern of an operation's path; its groups are the parameters there."""
    return _template(operation.http["requestUri"])


def _document(body: bytes) -> Mapping[str, Any]:
    if not body:
        return {}
    try:
        document = json.loads(body)
    except ValueError as error:
        raise AwsError("SerializationException", f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise AwsError("SerializationException", "the body is not a JSON object")
    return document


def _from_query(shape: Shape, values: list[str]) -> Any:
    match shape.type_name:
        case "integer" | "long":
            return int(values[0])
        case "boolean":
            return values[0] == "true"
        case "list":
            return values
    return values[0]


def check(operation: OperationModel, params: Params) -> None:
    """Hold parameters to the model: types, what is required, enumerations. Raises AwsError."""
    shape: Any = operation.input_shape  # whose kinds of shapes differ in their attributes
    report = botocore.validate.ParamValidator().validate(params, shape)
    problems = [report.generate_report()] if report.has_errors() else []
    for name, member in shape.members.items():
        allowed = getattr(member, "enum", None)
        if allowed and name in params and params[name] not in allowed:
            problems.append(f"{name}: {params[name]!r} is not one of {', '.join(allowed)}")
    if problems:
        code = "InvalidParameterException" if operation.service_model.service_name == "eks" else None
        raise AwsError(code or "ValidationException", "\n".join(problems))


def _plain(shape: Any, value: Any) -> Any:
    """`value` as JSON carries it: wire names, times as seconds since the epoch."""
    match shape.type_name:
        case "structure":
            members = {name: member for name, member in shape.members.items() if name in value}
            return {m.serialization.get("name", n): _plain(m, value[n]) for n, m in members.items()}
        case "list":
            return [_plain(shape.member, item) for item in value]
        case "map":
            return {key: _plain(shape.value, item) for key, item in value.items()}
        case "timestamp":
            return value.timestamp() if isinstance(value, datetime) else value
    return value
