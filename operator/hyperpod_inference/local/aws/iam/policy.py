"""Identity-based policies: whether statements allow an action on a resource. Pure.

Spoken is what the policies of this project and AWS's managed ones use: Action, Resource, and conditions on
strings, with `*`, `?` and the variable `${aws:PrincipalAccount}`. Another kind of condition is never met.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

Statement = Mapping[str, Any]
Context = Mapping[str, Sequence[str]]
"""Condition key to the values that the request has for it; a key without values is absent."""

_VARIABLE: Final = re.compile(r"\$\{([^}]+)\}")


def permits(statements: Iterable[Statement], action: str, resource: str, context: Context) -> bool:
    """Whether some statement allows it and none denies it."""
    matching = [each["Effect"] for each in statements if _matches(each, action, resource, context)]
    return "Allow" in matching and "Deny" not in matching


def _matches(statement: Statement, action: str, resource: str, context: Context) -> bool:
    return (
        any(like(each.lower(), action.lower()) for each in listed(statement.get("Action", ())))
        and any(like(_filled(each, context), resource) for each in listed(statement.get("Resource", "*")))
        and conditions_hold(statement.get("Condition") or {}, context)
    )


def conditions_hold(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Whether all of a statement's conditions hold."""
    return all(
        _holds(operator, [_filled(each, context) for each in listed(wanted)], context.get(key, ()))
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _holds(operator: str, wanted: Sequence[str], given: Sequence[str]) -> bool:
    quantifier, _, kind = operator.rpartition(":")
    if kind == "Null":
        return wanted == ["false" if given else "true"]
    if kind not in ("StringEquals", "StringLike", "ArnEquals", "ArnLike"):
        return False
    compare = like if kind != "StringEquals" else str.__eq__
    met = [any(compare(each, value) for each in wanted) for value in given]
    if quantifier == "ForAllValues":
        return all(met)
    return any(met)


def said(document: Any) -> list[Statement]:
    """The statements of a policy document, which may be JSON text, and may hold a single one."""
    parsed = json.loads(document) if isinstance(document, str) else document
    statements = parsed["Statement"]
    return [statements] if isinstance(statements, Mapping) else [*statements]


def listed(value: Any) -> list[str]:
    """One string or several."""
    return [value] if isinstance(value, str) else [*value]


def like(pattern: str, value: str) -> bool:
    """IAM's wildcards."""
    return _compiled(pattern).fullmatch(value) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _filled(text: str, context: Context) -> str:
    return _VARIABLE.sub(lambda found: next(iter(context.get(found[1], ())), ""), text)
