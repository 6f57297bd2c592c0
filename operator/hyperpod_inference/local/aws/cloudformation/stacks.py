"""Puts the engine into moto's stacks, and makes change sets of equal names those of their own stack."""

import json
from typing import Any

from moto.cloudformation import models as theirs
from moto.cloudformation.exceptions import CloudFormationError

from hyperpod_inference.local.aws.cloudformation import engine
from hyperpod_inference.local.aws.replace import replace


class ChangeSetNotFound(CloudFormationError):  # noqa: N818 - AWS's name
    """By this code the CDK knows that an old change set is gone."""

    code = "ChangeSetNotFound"


_moto_parse = theirs.Stack.parse_template


def install() -> None:
    """Replace moto's functions with those below."""
    replace(
        theirs.Stack,
        {
            "parse_template": staticmethod(_parse),
            "create_resources": engine.create,
            "update": _update,
            "delete": engine.delete,
        },
    )
    replace(theirs.ChangeSet, {"_parse_template": _parse_change_set})
    replace(
        theirs.CloudFormationBackend,
        {
            "execute_change_set": _execute_change_set,
            "describe_change_set": _describe_change_set,
            "delete_change_set": _delete_change_set,
            "delete_stack": _delete_stack,
        },
    )


def _parse(template: str) -> Any:
    """The template as a value. JSON first: the CDK writes JSON, and reading that as YAML takes seconds."""
    try:
        return json.loads(template)
    except ValueError:
        return _moto_parse(template)


def _parse_change_set(change_set: Any) -> None:
    change_set.template_dict = _parse(change_set.template)


def _update(
    stack: Any, template: str, role_arn: Any = None, parameters: Any = None, tags: Any = None
) -> None:
    engine.update(stack, template, role_arn, parameters, tags)


def _find(backend: Any, name: str) -> str | None:
    """The id of a change set by id or name; the latest of that name, for moto is not told which stack."""
    if name in backend.change_sets:
        return name
    named = [key for key, change_set in backend.change_sets.items() if change_set.change_set_name == name]
    return named[-1] if named else None


def _describe_change_set(backend: Any, change_set_name: str) -> Any:
    key = _find(backend, change_set_name)
    if key is None:
        raise ChangeSetNotFound(f"ChangeSet [{change_set_name}] does not exist")
    return backend.change_sets[key]


def _execute_change_set(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:
    change_set = _describe_change_set(backend, change_set_name)
    stack = backend.stacks[change_set.stack_id]
    change_set.execution_status = "EXECUTE_COMPLETE"
    engine.execute(stack, change_set)


def _delete_change_set(backend: Any, change_set_name: str) -> None:
    key = _find(backend, change_set_name)
    if key is not None:
        del backend.change_sets[key]


def _delete_stack(backend: Any, name_or_stack_id: str) -> None:
    stack = next(
        (s for s in backend.stacks.values() if name_or_stack_id in (s.name, s.stack_id)),
        None,
    )
    if stack is None:
        return
    stack.delete()
    if stack.status == "DELETE_FAILED":
        return
    for export in stack.exports:
        backend.exports.pop(export.name, None)
    backend.deleted_stacks[stack.stack_id] = backend.stacks.pop(stack.stack_id)
