"""IAM statements kept as data files under `policies/`, in IAM's own JSON, for `roles.py`.

The files say `arn:aws:` as AWS's published policies do; reading them puts the stack's partition there.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam


def statements(name: str) -> list[iam.PolicyStatement]:
    """The statements of `policies/<name>.json`, in file order."""
    return [iam.PolicyStatement.from_json(_in_partition(entry)) for entry in _load(name)["Statement"]]


@cache
def _load(name: str) -> dict[str, Any]:
    text = files(__package__).joinpath("policies", f"{name}.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def _in_partition(statement: dict[str, Any]) -> dict[str, Any]:
    resources = [
        resource.replace("arn:aws:", f"arn:{Aws.PARTITION}:", 1) for resource in statement["Resource"]
    ]
    return statement | {"Resource": resources}
