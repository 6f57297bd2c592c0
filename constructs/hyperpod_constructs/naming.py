"""Names and tags that AWS's own policies and tools look for.

The managed policy of the operator limits `iam:PassRole` to roles and S3 access to buckets with fixed
prefixes, and most create calls to resources that carry the tag below.
"""

from typing import Final

from aws_cdk import Aws, Fn, Tags
from constructs import Construct, IConstruct

CREATED_BY: Final = ("CreatedBy", "HyperPodInference")
EXECUTION_ROLE_PREFIX: Final = "SageMakerHyperPodInference"
TLS_BUCKET_PREFIX: Final = "hyperpod-tls-"
OPERATOR_NAMESPACE: Final = "hyperpod-inference-system"
INFERENCE_ADDON: Final = "amazon-sagemaker-hyperpod-inference"


def tag_created_by(scope: IConstruct) -> None:
    """Tag every taggable resource below `scope` as made by this installation."""
    Tags.of(scope).add(*CREATED_BY)


def unique_suffix(scope: Construct) -> str:
    """`<8 hex>-<8 hex>`: the construct's address, then the stack's id, for names that must be unique.

    The first half tells two installations in one stack apart, the second two stacks in one account (the
    stack id is a token: the template does not change between synths).
    """
    stack_uuid = Fn.select(2, Fn.split("/", Aws.STACK_ID))
    return f"{scope.node.addr[-8:]}-{Fn.select(0, Fn.split('-', stack_uuid))}"
