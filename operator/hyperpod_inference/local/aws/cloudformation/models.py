"""moto's view of the table: one `CloudFormationModel` class for each type, made at run time."""

from typing import Any, Self

from moto.core.common_models import CloudFormationModel

from hyperpod_inference.local.aws.cloudformation.made import Made
from hyperpod_inference.local.aws.cloudformation.types import TYPES, ResourceType
from hyperpod_inference.local.aws.wire import Params
from hyperpod_inference.local.aws.world import WORLDS


class Model(CloudFormationModel):
    """One resource of a type of ours. `resource_type` and `type_name` are set by :func:`model_of`."""

    type_name: str
    resource_type: ResourceType

    def __init__(self, made: Made) -> None:
        self._made = made

    @property
    def physical_resource_id(self) -> str:
        """What `Ref` gives."""
        return self._made.physical_id

    def get_cfn_attribute(self, name: str) -> Any:
        """What `Fn::GetAtt` gives."""
        return self._made.attributes[name]

    def is_created(self) -> bool:
        """moto asks before it calls a stack complete; the service's own state says how far it is."""
        return True

    @classmethod
    def has_cfn_attr(cls, _attr: str) -> bool:
        """moto asks before it resolves an output; `get_cfn_attribute` answers for itself."""
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Params,
        account_id: str,
        region_name: str,
        **_kwargs: Any,
    ) -> Self:
        """Create."""
        world = WORLDS.of(account_id, region_name)
        return cls(cls.resource_type.create(world, resource_name, cloudformation_json["Properties"]))

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Self,
        new_resource_name: str,
        cloudformation_json: Params,
        account_id: str,
        region_name: str,
    ) -> Self:
        """Update in place. moto names the arguments."""
        world = WORLDS.of(account_id, region_name)
        made = original_resource._made
        return cls(cls.resource_type.update(world, made, cloudformation_json["Properties"]))

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Params, account_id: str, region_name: str
    ) -> None:
        """Delete, by physical id."""
        cls.resource_type.delete(WORLDS.of(account_id, region_name), resource_name)


def model_of(type_name: str) -> type[CloudFormationModel]:
    """The model class of a row of the table."""
    resource_type = TYPES[type_name]
    members = {
        # moto's metaclass files classes by the second part of their module's name.
        "__module__": "hyperpod_inference.local.aws",
        "type_name": type_name,
        "resource_type": resource_type,
        "cloudformation_type": staticmethod(lambda: type_name),
        "cloudformation_name_type": staticmethod(lambda: resource_type.name),
    }
    return type(type_name.replace("::", ""), (Model,), members)
