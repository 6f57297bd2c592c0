"""Statements kept as data in `hyperpod_inference.installation`, as the CDK's, in the stack's partition."""

from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from hyperpod_inference.installation.roles import statements as raw_statements


def statements(document: str) -> list[iam.PolicyStatement]:
    """The statements of a policy document, in file order. The files say `arn:aws:` as AWS's own do."""
    here = f"arn:{Aws.PARTITION}:"
    return [iam.PolicyStatement.from_json(_in_partition(entry, here)) for entry in raw_statements(document)]


def _in_partition(statement: dict[str, Any], here: str) -> dict[str, Any]:
    resources = [resource.replace("arn:aws:", here, 1) for resource in statement["Resource"]]
    return statement | {"Resource": resources}
