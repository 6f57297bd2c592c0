"""The string literals below the fields of the models: the descriptions in the CRDs.

They are read from the source, and only when a schema is made, so that they cost nothing at import.
"""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from types import ModuleType

from hyperpod_inference.api.base import Value


@cache
def descriptions(model: type[Value]) -> dict[str, str]:
    """The string literals below the fields of `model`, and of the models it extends."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        module = inspect.getmodule(base)
        if module is not None and issubclass(base, Value):
            found |= _module_descriptions(module).get(base.__name__, {})
    return found


@cache
def _module_descriptions(module: ModuleType) -> dict[str, dict[str, str]]:
    tree = ast.parse(inspect.getsource(module))
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef))
    return {each.name: dict(_field_texts(each)) for each in classes}


def _field_texts(definition: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, inspect.cleandoc(text)
