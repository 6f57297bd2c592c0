"""With which clients talk to AWS on loopback."""

from hyperpod_inference.local.aws import REGION


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
