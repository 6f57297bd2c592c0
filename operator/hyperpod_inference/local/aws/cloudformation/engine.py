"""Creates, updates and deletes stacks in moto, one resource after the other, with an event for each.

moto's own way loses outputs and order, skips types that it has no model for, and leaves resources behind.
Here a type without a model fails the stack, a failed creation is rolled back, and `describe_stack_events`
shows what the `cdk` command shows of real AWS.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from moto.cloudformation.models import Event
from moto.cloudformation.parsing import (
    NULL_MODELS,
    parse_and_update_resource,
    resource_class_from_type,
)
from moto.ec2.models import ec2_backends
from moto.ec2.models.core import TaggedEC2Resource

from hyperpod_inference.local.aws.cloudformation.order import creation_order
from hyperpod_inference.local.aws.cloudformation.removal import remove

_STACK: Final = "AWS::CloudFormation::Stack"
_INITIATED: Final = "User Initiated"


class _ResourceError(Exception):
    """A resource failed; its event is recorded."""


def create(stack: Any) -> None:
    """Make every resource of a stack whose template is parsed; roll back when one fails."""
    stack.status = "CREATE_IN_PROGRESS"
    resources = stack.template_dict["Resources"]
    stack.resource_map._template = stack.template_dict
    stack.resource_map._resource_json_map = resources
    made: list[str] = []
    try:
        for name in creation_order(resources):
            _step(stack, name, resources[name], "CREATE", partial(_make, stack, name))
            made.append(name)
    except _ResourceError as error:
        _stack_event(stack, "ROLLBACK_IN_PROGRESS", f"The following resource(s) failed to create: {error}")
        _delete(stack, reversed(made), resources)
        _finish(stack, "ROLLBACK_COMPLETE")
        return
    stack.description = stack.template_dict.get("Description")
    stack.output_map = stack._create_output_map()
    _finish(stack, "CREATE_COMPLETE")


def update(stack: Any, template: str, role_arn: str | None, parameters: Any, tags: Any) -> None:
    """Bring a stack to another template: new resources, changed ones, then those that are gone."""
    _stack_event(stack, "UPDATE_IN_PROGRESS", _INITIATED)
    stack.status = "UPDATE_IN_PROGRESS"
    before, previous = stack.template_dict["Resources"], stack.template
    inputs = dict(stack.parameters or {})
    _take(stack, template, parameters)
    after = stack.template_dict["Resources"]
    new_inputs = stack.parameters != inputs
    try:
        for name in creation_order(after):
            _bring(stack, name, before, after, new_inputs)
    except _ResourceError as error:
        _stack_event(stack, "UPDATE_ROLLBACK_IN_PROGRESS", f"The following resource(s) failed: {error}")
        _delete(stack, [name for name in after if name not in before], after)
        _take(stack, previous, inputs)
        _finish(stack, "UPDATE_ROLLBACK_COMPLETE")
        return
    gone = [name for name in reversed(creation_order(before)) if name not in after]
    _delete(stack, gone, before)
    stack.description = stack.template_dict.get("Description")
    stack.output_map = stack._create_output_map()
    stack.role_arn = role_arn
    stack.tags = tags if tags is not None else stack.tags
    _finish(stack, "UPDATE_COMPLETE")


def delete(stack: Any) -> None:
    """Remove a stack's resources, the last made first. Those with DeletionPolicy Retain stay."""
    _stack_event(stack, "DELETE_IN_PROGRESS", _INITIATED)
    stack.status = "DELETE_IN_PROGRESS"
    resources = stack.template_dict.get("Resources", {})
    failed = _delete(stack, reversed(creation_order(resources)), resources)
    _finish(stack, "DELETE_FAILED" if failed else "DELETE_COMPLETE")


def execute(stack: Any, change_set: Any) -> None:
    """Carry out a change set."""
    if change_set.change_set_type == "CREATE":
        _stack_event(stack, "CREATE_IN_PROGRESS", _INITIATED)
        stack.template = change_set.template
        stack._parse_template()
        stack.parameters = change_set.parameters
        stack.tags = change_set.tags or {}
        stack.resource_map = stack._create_resource_map()
        create(stack)
    else:
        update(stack, change_set.template, change_set.role_arn, change_set.parameters, change_set.tags)


def _take(stack: Any, template: str, parameters: Any) -> None:
    stack.template = template
    stack._parse_template()
    stack.resource_map._template = stack.template_dict
    stack.resource_map._resource_json_map = stack.template_dict["Resources"]
    if parameters is not None:
        parameters = _without_resolved(stack, parameters)
        stack.parameters = parameters
        stack.resource_map.input_parameters = parameters
    stack.resource_map.load_mapping()
    stack.resource_map.load_parameters()
    stack.resource_map.load_conditions()


def _without_resolved(stack: Any, parameters: Mapping[str, str]) -> dict[str, str]:
    """moto takes `UsePreviousValue` of a parameter from SSM for its value, which is no name."""
    declared = stack.template_dict.get("Parameters", {})
    resolved = stack.resource_map.resolved_parameters
    return {
        name: value
        for name, value in parameters.items()
        if not (declared.get(name, {}).get("Type", "").startswith("AWS::SSM") and value == resolved.get(name))
    }


def _bring(
    stack: Any, name: str, before: Mapping[str, Any], after: Mapping[str, Any], new_inputs: bool
) -> None:
    resource = after[name]
    if name not in before or name not in stack.resource_map._parsed_resources:
        _step(stack, name, resource, "CREATE", lambda: _make(stack, name))
    elif resource != before[name] or (new_inputs and "'Ref'" in str(resource)):
        _step(stack, name, resource, "UPDATE", lambda: _change(stack, name, resource))


def _make(stack: Any, name: str) -> None:
    kind = stack.resource_map._resource_json_map[name]["Type"]
    if kind not in NULL_MODELS and resource_class_from_type(kind) is None:
        raise ValueError(f"Resource type {kind} is not one that this AWS on loopback knows")
    made: Any = stack.resource_map[name]
    identifier: Any = getattr(made, "physical_resource_id", None)
    if isinstance(made, TaggedEC2Resource):
        tags = {
            **(stack.tags or {}),
            "aws:cloudformation:stack-name": stack.name,
            "aws:cloudformation:stack-id": stack.stack_id,
            "aws:cloudformation:logical-id": name,
        }
        ec2_backends[stack.account_id][stack.region_name].create_tags([identifier], tags)


def _change(stack: Any, name: str, resource: Mapping[str, Any]) -> None:
    """Update in place. A type of moto that cannot keeps what it has: tags and descriptions, in our stacks."""
    changed = parse_and_update_resource(
        name, dict(resource), stack.resource_map, stack.account_id, stack.region_name
    )
    if changed is not None:
        stack.resource_map._parsed_resources[name] = changed


def _delete(stack: Any, names: Iterable[str], resources: Mapping[str, Any]) -> bool:
    """Delete resources in the order given; True when one of them could not be."""
    failed = False
    for name in names:
        made = stack.resource_map._parsed_resources.get(name)
        if made is None or isinstance(made, str):
            continue
        resource = resources[name]
        if str(resource.get("DeletionPolicy", "")).startswith("Retain"):
            _event(stack, name, resource["Type"], "DELETE_SKIPPED")
            continue
        try:
            _step(stack, name, resource, "DELETE", partial(remove, stack, resource["Type"], made, resource))
        except _ResourceError:
            failed = True
        else:
            del stack.resource_map._parsed_resources[name]
    return failed


def _step(stack: Any, name: str, resource: Mapping[str, Any], verb: str, act: Callable[[], None]) -> None:
    """One resource's change with its events; _ResourceError when it fails."""
    condition = resource.get("Condition")
    if condition and verb == "CREATE" and not stack.resource_map.lazy_condition_map[condition]:
        return
    kind = resource["Type"]
    _event(stack, name, kind, f"{verb}_IN_PROGRESS")
    try:
        act()
    except Exception as error:  # whatever a model raises is that resource's failure, as on AWS
        reason = getattr(error, "message", None) or str(error) or type(error).__name__
        _event(stack, name, kind, f"{verb}_FAILED", f"{reason} (Service: {kind.split('::')[1]})")
        raise _ResourceError(f"[{name}]") from error
    _event(stack, name, kind, f"{verb}_COMPLETE")


def _finish(stack: Any, status: str) -> None:
    # moto's map makes what it is asked for: a resource that is not there must not be in it.
    kept = stack.resource_map
    kept._resource_json_map = {
        n: r for n, r in kept._resource_json_map.items() if n in kept._parsed_resources
    }
    stack.status = status
    _stack_event(stack, status)


def _stack_event(stack: Any, status: str, reason: str | None = None) -> None:
    stack._add_stack_event(status, resource_status_reason=reason)


def _event(stack: Any, name: str, kind: str, status: str, reason: str | None = None) -> None:
    made = stack.resource_map._parsed_resources.get(name)
    stack.events.append(
        Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=name,
            physical_resource_id=getattr(made, "physical_resource_id", "") or "",
            resource_type=kind,
            resource_status=status,
            resource_status_reason=reason,
            resource_properties=None,
        )
    )
