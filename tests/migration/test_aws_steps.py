"""Steps that change AWS alone, against its double: done, done again, undone."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from hyperpod_inference.cloud.addons import Eks
from hyperpod_inference.cloud.roles import Iam, Role
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.cloud.tagging import Tagging
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.migration.steps import MakeRole, TagObject
from hyperpod_inference.migration.world import World

OBJECT = "s3://hyperpod-tls-example/chat.pem"


def trusting(service: str) -> dict[str, Any]:
    """A trust policy for one service."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


TRUST = trusting("sagemaker.amazonaws.com")


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with AwsDouble() as double, pytest.MonkeyPatch.context() as patched:
        for name, value in double.environment().items():
            patched.setenv(name, value)
        yield Session("us-west-2")


@pytest.fixture
def world(session: Session) -> World:
    nothing: Any = None
    return World(
        client=nothing,
        eks=Eks(session, "example"),
        iam=Iam(session),
        tagging=Tagging(session),
        now=time.monotonic,
    )


@pytest.fixture
def tagged(session: Session) -> str:
    """An object with a tag of somebody else."""
    s3, place = session.client("s3"), {"LocationConstraint": "us-west-2"}
    if not any(each["Name"] == "hyperpod-tls-example" for each in s3.list_buckets()["Buckets"]):
        s3.create_bucket(Bucket="hyperpod-tls-example", CreateBucketConfiguration=place)
    s3.put_object(Bucket="hyperpod-tls-example", Key="chat.pem", Body=b"PEM", Tagging="team=a")
    return OBJECT


async def test_a_tag_is_added_to_those_that_are_there_and_only_it_goes_again(
    world: World, tagged: str
) -> None:
    step = TagObject(target=tagged, of="InferenceEndpointConfig team/chat")
    before = await step.before(world)
    for _ in range(2):
        await step.run(world, before)
        assert world.tagging.read(tagged) == {"team": "a", "CreatedBy": "HyperPodInference"}
    world.tagging.write(tagged, world.tagging.read(tagged) | {"added": "later"})
    for _ in range(2):
        await step.undo(world, before)
        assert world.tagging.read(tagged) == {"team": "a", "added": "later"}


async def test_a_role_is_made_and_deleted_again(world: World) -> None:
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    step = MakeRole(
        name="made", of="x", trust=TRUST, inline={"all": allow}, tags={"CreatedBy": "HyperPodInference"}
    )
    before = await step.before(world)
    for _ in range(2):
        await step.run(world, before)
    role = world.iam.role("made")
    assert role is not None
    assert (role.inline, role.tags) == ({"all": allow}, {"CreatedBy": "HyperPodInference"})
    for _ in range(2):
        await step.undo(world, before)
    assert world.iam.role("made") is None


async def test_a_role_that_was_there_gets_its_old_trust_back(world: World) -> None:
    old = trusting("eks.amazonaws.com")
    world.iam.create(Role(arn="", name="old", trust=old))
    step = MakeRole(name="old", of="x", trust=TRUST)
    before = await step.before(world)
    await step.run(world, before)
    await step.undo(world, before)
    role = world.iam.role("arn:aws:iam::111122223333:role/service-role/old")
    assert role is not None
    assert role.trust == old
