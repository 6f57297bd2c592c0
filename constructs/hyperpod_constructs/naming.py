"""Names and tags of an installation's resources, as the constructs write them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from aws_cdk import Aws, Fn, Tags
from constructs import Construct, IConstruct

from hyperpod_inference.api.names import TAG_CREATED_BY

TLS_BUCKET_PREFIX: Final = "hyperpod-tls-"
_NO_TAGS: Final[Mapping[str, str]] = MappingProxyType({})


def tag_all(scope: IConstruct, tags: Mapping[str, str] = _NO_TAGS) -> None:
    """Tag every taggable resource below `scope` as made by this installation, and with the caller's tags."""
    for key, value in (TAG_CREATED_BY, *tags.items()):
        Tags.of(scope).add(key, value)


def unique_suffix(scope: Construct) -> str:
    """`<8 hex>-<8 hex>`: the construct's address, then the stack's id, for names that must be unique.

    The first half tells two installations in one stack apart, the second two stacks in one account (the
    stack id is a token: the template does not change between synths).
    """
    stack_uuid = Fn.select(2, Fn.split("/", Aws.STACK_ID))
    return f"{scope.node.addr[-8:]}-{Fn.select(0, Fn.split('-', stack_uuid))}"
