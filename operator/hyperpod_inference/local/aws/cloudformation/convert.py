"""CloudFormation properties to an operation's parameters: other letters, tags as a map, numbers."""

from typing import Any

from hyperpod_inference.local.aws.errors import AwsError
from hyperpod_inference.local.aws.wire import Params, check, service_model


def parameters(service: str, operation: str, properties: Params) -> Params:
    """The parameters of an operation that a resource's properties mean; what it does not know is left out.

    Raises AwsError when the operation's model refuses them.
    """
    model = service_model(service).operation_model(operation)
    shapes: Any = model.input_shape
    params: Params = {}
    for name, shape in shapes.members.items():
        given = properties.get(name, properties.get(name[0].upper() + name[1:]))
        if given is not None:
            params[name] = _value(shape, given)
    check(model, params)
    return params


def _value(shape: Any, value: Any) -> Any:
    match shape.type_name:
        case "structure" if isinstance(value, dict):
            return {
                name: _value(member, value[key])
                for name, member in shape.members.items()
                for key in (name, name[0].upper() + name[1:])
                if key in value
            }
        case "list" if isinstance(value, list):
            return [_value(shape.member, item) for item in value]
        case "map" if isinstance(value, list):
            return tags(value)
        case "integer" | "long" if isinstance(value, str):
            return _number(value)
        case "boolean" if isinstance(value, str):
            return value == "true"
    return value


def tags(given: list[dict[str, str]]) -> dict[str, str]:
    """CloudFormation's list of tags as a map."""
    return {tag["Key"]: tag["Value"] for tag in given}


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise AwsError("ValidationError", f"Value {text!r} is not a number") from error
