"""Puts the types of ours among moto's, and the engine in the place of moto's. Once for each process."""

from collections.abc import Callable
from functools import cache
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.core.common_models import CloudFormationModel

from hyperpod_inference.local.aws.cloudformation import stacks
from hyperpod_inference.local.aws.cloudformation.models import Model, model_of
from hyperpod_inference.local.aws.cloudformation.types import TYPES
from hyperpod_inference.local.aws.replace import replace


def _give_id_attribute(model: Any) -> None:
    """Let `Fn::GetAtt` give the id of a resource, as `VpcId` of AWS::EC2::VPC: moto lacks many of them."""
    wanted = model.cloudformation_type().rpartition("::")[2].lower() + "id"
    knows = model.has_cfn_attr
    known: Callable[[Any, str], Any] | None = getattr(model, "get_cfn_attribute", None)

    def get_cfn_attribute(self: Any, name: str) -> Any:
        if name.lower() == wanted:
            return self.physical_resource_id
        if known is None:
            raise UnformattedGetAttTemplateException
        return known(self, name)

    model.has_cfn_attr = classmethod(lambda _cls, name: name.lower() == wanted or bool(knows(name)))
    model.get_cfn_attribute = get_cfn_attribute


@cache
def install() -> None:
    """Teach moto's CloudFormation."""
    ours = [model_of(name) for name in TYPES]

    def models() -> list[type[CloudFormationModel]]:
        theirs = CloudFormationModel.__subclasses__()
        return [m for m in theirs if m is not Model and m.cloudformation_type() not in TYPES] + ours

    for model in CloudFormationModel.__subclasses__():
        if model is not Model:
            _give_id_attribute(model)
    parsing.get_model_list.cache_clear()
    replace(parsing, {"get_model_list": models})
    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()
    stacks.install()
