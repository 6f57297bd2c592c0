"""With which clients talk to AWS on loopback."""

from collections.abc import Mapping

from hyperpod_inference.local.aws import REGION

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""Those of the account's owner."""


def environment(url: str, region: str = REGION) -> dict[str, str]:
    """With which boto3, the CDK, the operator and `aws` talk to AWS at `url`, and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def keyless(variables: Mapping[str, str]) -> dict[str, str]:
    """The same for a program that has a role."""
    return {name: value for name, value in variables.items() if name not in KEYS}
