"""Which action a request asks for, `service:Operation` as IAM names it."""

from functools import cache
from typing import Final
from urllib.parse import parse_qs

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel, ServiceModel

from hyperpod_inference.local.aws.wire import Request, path_of, service_model

# The name in a request's signature, where botocore's differs.
_MODELS: Final = {
    "aps": "amp",
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
}

_QUERIES: Final = {
    "labels": "GetLabels",
    "label": "GetLabels",
    "series": "GetSeries",
    "metadata": "GetMetricMetadata",
    "query": "QueryMetrics",
    "query_range": "QueryMetrics",
}
"""What IAM calls the parts of Prometheus' API, which no model of botocore's tells."""

_IN_IAM: Final = {"monitoring": "cloudwatch"}
"""The name in IAM's actions, where the signature's differs."""


def action_of(service: str, request: Request) -> str:
    """`service:Operation`; `service:?` for a request that fits no operation of the service's model."""
    return f"{_IN_IAM.get(service, service)}:{_operation(service, request) or '?'}"


def model_of(service: str) -> ServiceModel:
    """botocore's model of a service, by its name in a signature. Raises UnknownServiceError."""
    return service_model(_MODELS.get(service, service))


def protocol_of(service: str) -> str:
    """How a service's answers are written; `query` for one that botocore does not know."""
    try:
        return str(model_of(service).resolved_protocol)
    except UnknownServiceError:
        return "query"


def _operation(service: str, request: Request) -> str | None:
    if service == "sagemaker" and request.path.endswith("/invocations"):
        return "InvokeEndpoint"
    if service == "aps" and "/api/v1/" in request.path:
        return _QUERIES.get(request.path.partition("/api/v1/")[2].partition("/")[0])
    if request.target:
        return request.target.rpartition(".")[2]
    if request.path == "/" and b"Action=" in request.body:
        return parse_qs(request.body.decode()).get("Action", [None])[0]
    query = parse_qs(request.query, keep_blank_values=True)
    paths = {request.path, request.path.rstrip("/") or "/"}
    fitting = [
        (len(static), operation.name)
        for operation, static in _operations(service)
        if operation.http["method"] == request.method
        and any(path_of(operation).fullmatch(path) for path in paths)
        and static <= query.keys()
    ]
    return max(fitting)[1] if fitting else None


@cache
def _operations(service: str) -> tuple[tuple[OperationModel, frozenset[str]], ...]:
    """The operations of a REST service, with the query keys that each needs."""
    try:
        model = model_of(service)
    except UnknownServiceError:
        return ()
    operations = (model.operation_model(name) for name in model.operation_names)
    return tuple((o, _needed_query(o)) for o in operations if o.http["requestUri"] != "/" or service == "s3")


def _needed_query(operation: OperationModel) -> frozenset[str]:
    written = parse_qs(operation.http["requestUri"].partition("?")[2], keep_blank_values=True)
    shape = operation.input_shape
    members = shape.members if shape else {}
    required = {
        members[name].serialization["name"]
        for name in (shape.required_members if shape else ())
        if members[name].serialization.get("location") == "querystring"
    }
    return frozenset(written) | required
