"""L1 resources without the Python bindings of their service, which load for longer than all the rest takes.

`Bindings("aws_ec2")` stands in for the module; modules import the real one under TYPE_CHECKING. Its
`CfnVPC(...)` makes the CDK's own CfnVPC in JavaScript, so templates, rule packs and aspects see no
difference. Here the object is a plain CfnResource that also knows its `attr_*`; asked for anything else, or
for its class, it becomes the binding's own, in place. Bindings that are loaded already are used at once.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import jsii
from aws_cdk import CfnResource


class _Class(type(CfnResource)):  # type: ignore[misc]
    """So that `CfnCluster.LoggingProperty(...)` is the struct as JavaScript takes it."""

    def __getattr__(self, name: str) -> Any:
        if name.endswith("Property"):
            return _Struct
        raise AttributeError(name)


class Bindings:
    """What stands in for a module of `aws_cdk`, such as aws_ec2, until somebody imports it."""

    def __init__(self, name: str) -> None:
        self._module = f"aws_cdk.{name}"
        self._classes: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if (loaded := sys.modules.get(self._module)) is not None:
            return getattr(loaded, name)
        if name not in self._classes:
            fqn = f"{self._module.replace('aws_cdk', 'aws-cdk-lib')}.{name}"
            body = {"__jsii_type__": fqn, "__module__": self._module}
            self._classes[name] = _Class(name, (_Later,), body)
        return self._classes[name]


class _Later(CfnResource):
    def __init__(self, *args: Any, **props: Any) -> None:
        jsii.create(type(self), self, [*args, _Struct(**props)] if props else list(args))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name.startswith("attr_"):
            return jsii.get(self, camel(name))
        return getattr(_become(self), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__"):  # jsii's own
            super().__setattr__(name, value)
        else:
            setattr(_become(self), name, value)

    if not TYPE_CHECKING:  # which takes it for writable

        @property
        def __class__(self) -> type:
            """The binding's class, where somebody has loaded it and can ask for it."""
            made = type(self)
            return type(_become(self)) if made.__module__ in sys.modules else made


def _become(resource: Any) -> Any:
    """Once it is the binding's own, none of this is reached again."""
    made = type(resource)
    real = getattr(import_module(made.__module__), made.__name__)
    vars(object)["__class__"].__set__(resource, real)
    return resource


class _Struct(dict[str, Any]):
    def __init__(self, **props: Any) -> None:
        super().__init__((camel(name), value) for name, value in props.items() if value is not None)


def camel(name: str) -> str:
    """A property's name in JavaScript."""
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)
