"""The shapes of AWS's values: ARNs, ids, names, ranges. Each check raises `PropertyError` with an example.

A CDK token passes every check. Used by the value classes here and by the constructs.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from ipaddress import IPv4Network, ip_network
from itertools import combinations
from typing import Final

from hyperpod_inference.installation.errors import PropertyError, is_token, require

_ACCOUNT: Final = r"\d{12}"
_REGION: Final = r"[a-z]{2}(-[a-z]+)+-\d"


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of value: what it looks like, and how to say so."""

    pattern: re.Pattern[str]
    allowed: str


def _shape(pattern: str, allowed: str) -> Shape:
    return Shape(re.compile(pattern), allowed)


REGION: Final = _shape(_REGION, "a region such as us-west-2")
ACCOUNT: Final = _shape(_ACCOUNT, "the 12 digits of an account")
ROLE_ARN: Final = _shape(
    rf"arn:aws[a-z-]*:iam::{_ACCOUNT}:role/[\w+=,.@/-]+", "a role such as arn:aws:iam::111122223333:role/NAME"
)
PRINCIPAL_ARN: Final = _shape(
    rf"arn:aws[a-z-]*:iam::{_ACCOUNT}:(role|user)/[\w+=,.@/-]+",
    "the ARN of an IAM role or user, such as arn:aws:iam::111122223333:role/NAME",
)
CLUSTER_ARN: Final = _shape(
    rf"arn:aws[a-z-]*:sagemaker:{_REGION}:{_ACCOUNT}:cluster/[a-z0-9]+",
    "arn:aws:sagemaker:REGION:ACCOUNT:cluster/ID",
)
EKS_CLUSTER_ARN: Final = _shape(
    rf"arn:aws[a-z-]*:eks:{_REGION}:{_ACCOUNT}:cluster/[\w-]+", "arn:aws:eks:REGION:ACCOUNT:cluster/NAME"
)
OIDC_PROVIDER_ARN: Final = _shape(
    rf"arn:aws[a-z-]*:iam::{_ACCOUNT}:oidc-provider/.+",
    "arn:aws:iam::ACCOUNT:oidc-provider/oidc.eks.REGION.amazonaws.com/id/ID",
)
TRAINING_PLAN_ARN: Final = _shape(
    rf"arn:aws[a-z-]*:sagemaker:{_REGION}:{_ACCOUNT}:training-plan/.+",
    "arn:aws:sagemaker:REGION:ACCOUNT:training-plan/NAME",
)
KEY_ARN: Final = _shape(
    rf"arn:aws[a-z-]*:kms:{_REGION}:{_ACCOUNT}:key/.+", "arn:aws:kms:REGION:ACCOUNT:key/ID"
)
WORKSPACE_ARN: Final = _shape(
    rf"arn:aws[a-z-]*:(aps|grafana):{_REGION}:{_ACCOUNT}:/?workspaces?/.+",
    "the ARN of a workspace, such as arn:aws:aps:REGION:ACCOUNT:workspace/ws-ID",
)
ISSUER_URL: Final = _shape(
    r"https://\S+",
    "an address that begins with https://, such as https://oidc.eks.REGION.amazonaws.com/id/ID",
)
EKS_NAME: Final = _shape(
    r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}",
    "letters, digits, hyphens and underscores, at most 100, the first no sign",
)
CLUSTER_NAME: Final = _shape(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "letters, digits and hyphens, at most 63")
BUCKET_NAME: Final = _shape(
    r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    "a bare bucket name, without s3://: 3 to 63 lower-case letters, digits, dots and hyphens",
)
S3_URI: Final = _shape(r"s3://[^/]+(/.*)?", "an s3:// address, such as s3://sagemaker-EXAMPLE/scripts")
VPC_ID: Final = _shape(r"vpc-[0-9a-z]+", "an id such as vpc-0123456789abcdef0")
SUBNET_ID: Final = _shape(r"subnet-[0-9a-z]+", "an id such as subnet-0123456789abcdef0")
SECURITY_GROUP_ID: Final = _shape(r"sg-[0-9a-z]+", "an id such as sg-0123456789abcdef0")
ZONE: Final = _shape(rf"{_REGION}[a-z]", "an availability zone such as us-west-2a")
LABEL: Final = _shape(
    r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?",
    "a Kubernetes label key such as example.com/team",
)
NAMESPACE: Final = _shape(
    r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", "lower-case letters, digits and '-', at most 63"
)


def check(where: object, prop: str, value: str | None, shape: Shape, fix: str = "") -> None:
    """Raise :class:`PropertyError` unless `value` has the shape, is None, or is a token."""
    if value is not None:
        matches = isinstance(value, str) and shape.pattern.fullmatch(value)
        require(matches, where, prop, value, shape.allowed, fix)


def check_all(where: object, prop: str, values: Sequence[str], shape: Shape) -> None:
    """:func:`check` for each of a list; the error names its place, `prop[0]`."""
    if isinstance(values, str):
        raise PropertyError(where, prop, values, "a list of values, each " + shape.allowed)
    for index, value in enumerate(values):
        check(where, f"{prop}[{index}]", value, shape)


def check_cidr(
    where: object, prop: str, cidr: str, allowed: str, *, longest: int = 32, shortest: int = 0
) -> IPv4Network | None:
    """The IPv4 range, None for a token. Its prefix is from `shortest` to `longest` bits."""
    if is_token(cidr):
        return None
    try:
        block = ip_network(cidr)
    except ValueError as error:
        raise PropertyError(where, prop, cidr, allowed, f"Python says: {error}.") from error
    if not isinstance(block, IPv4Network) or not shortest <= block.prefixlen <= longest:
        raise PropertyError(where, prop, cidr, allowed)
    return block


def check_apart(where: object, prop: str, blocks: Mapping[str, IPv4Network]) -> None:
    """Raise :class:`PropertyError` if two of the named ranges overlap."""
    for (one, first), (other, second) in combinations(blocks.items(), 2):
        if first.overlaps(second):
            got = f"{one} {first} and {other} {second}"
            raise PropertyError(where, prop, got, "ranges that do not overlap", "Move or shrink one of them.")


_INSTANCE_TYPE: Final = re.compile(r"ml\.([a-z][a-z0-9-]*)\.([a-z0-9-]+)")


def check_instance_type(where: object, prop: str, value: str, *, unlisted: bool = False) -> None:
    """The type is one that HyperPod takes.

    `unlisted` accepts a well-formed type that is newer than the table; that table is the enumeration in
    SageMaker's API model.
    """
    if is_token(value):
        return
    match = _INSTANCE_TYPE.fullmatch(value)
    if match is None:
        candidate = f"ml.{value}"
        fix = f"Did you mean {candidate!r}?" if _INSTANCE_TYPE.fullmatch(candidate) else ""
        raise PropertyError(where, prop, value, "a SageMaker instance type such as ml.g5.8xlarge", fix)
    family, size = match.groups()
    sizes = instance_types().get(family, ())
    if unlisted or size in sizes:
        return
    known = [f"ml.{family}.{each}" for each in sizes]
    allowed = "one of " + ", ".join(known) if known else "a family that HyperPod takes: " + _families()
    raise PropertyError(where, prop, value, allowed, "For a newer type set unlisted_type=True.")


@cache
def instance_types() -> Mapping[str, tuple[str, ...]]:
    """Family to sizes, smallest first, of all types that HyperPod takes."""
    text = files(__package__).joinpath("data", "instance_types.txt").read_text(encoding="utf-8")
    rows = (line.split(": ") for line in text.splitlines())
    return {family: tuple(sizes.split()) for family, sizes in rows}


def _families() -> str:
    return ", ".join(instance_types())
