"""Every call that a migration or an upgrade makes to AWS fails once: it goes on later, or leads back.

The steps are those that act on AWS, run by the engine with a journal, against the double; what they do in
the cluster has tests of its own.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hyperpod_inference.cloud.addons import Eks
from hyperpod_inference.cloud.errors import CloudError
from hyperpod_inference.cloud.roles import Iam, Role
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.cloud.tagging import Tagging
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.eks.addon import Outcome
from hyperpod_inference.local.aws.faults import Fault, Faults, denied, throttling
from hyperpod_inference.migration.engine import back, forward
from hyperpod_inference.migration.journal import Journal
from hyperpod_inference.migration.plan import Plan
from hyperpod_inference.migration.steps import InstallAddon, MakeRole, Step, TagObject, UpdateAddon
from hyperpod_inference.migration.steps.waiting import AddonFailed
from hyperpod_inference.migration.world import World

INFERENCE = "amazon-sagemaker-hyperpod-inference"
DRIVER = "aws-mountpoint-s3-csi-driver"
FORWARD = (
    "s3:GetObjectTagging",
    "s3:PutObjectTagging",
    "acm:ListTagsForCertificate",
    "acm:AddTagsToCertificate",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:AddTags",
    "iam:GetRole",
    "iam:CreateRole",
    "iam:AttachRolePolicy",
    "iam:PutRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "iam:UpdateAssumeRolePolicy",
    "eks:CreateAddon",
    "eks:DescribeAddon",
    "eks:UpdateAddon",
)
BACK = (
    "acm:RemoveTagsFromCertificate",
    "elasticloadbalancing:RemoveTags",
    "iam:GetRolePolicy",
    "iam:DetachRolePolicy",
    "iam:DeleteRolePolicy",
    "iam:DeleteRole",
    "eks:DeleteAddon",
)
LOST = "lost after its effect"
FAULTS: dict[str, Callable[[str], Fault]] = {
    "refused": lambda action: denied(action, times=1),
    "throttled": lambda action: throttling(action, times=1),
    LOST: lambda action: Fault(action, after=True),
}
ALL = bool(os.environ.get("HYPERPOD_MIGRATION_ALL"))
"""Whether every call fails in every way; else each fails in the way that is the hardest for it."""


def cases(actions: Iterable[str]) -> list[tuple[str, str]]:
    """Calls, each with a way to fail: one that only asks is refused, one that writes is lost."""
    asks = ("Get", "List", "Describe")
    hardest = {each: "refused" if each.partition(":")[2].startswith(asks) else LOST for each in actions}
    return [(each, fault) for each in hardest for fault in (FAULTS if ALL else (hardest[each],))]


CONFIGURATION = {"executionRoleArn": "arn", "tlsCertificateS3Bucket": "hyperpod-tls-example"}


@pytest.fixture(scope="module")
def server() -> Iterator[AwsDouble]:
    with AwsDouble(clock=lambda: NOW[0], transition=timedelta(minutes=1)) as running:
        yield running


NOW = [datetime(2026, 1, 1, tzinfo=UTC)]


@pytest.fixture(scope="module")
def session(server: AwsDouble) -> Iterator[Session]:
    """An account with a cluster and its add-on; each test leaves it as it was."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("hyperpod_inference.cloud.session.ATTEMPTS", 1)  # a failure is to be seen
        for name, value in server.environment().items():
            patched.setenv(name, value)
        made = Session("us-west-2")
        role, network = "arn:aws:iam::111122223333:role/eks", {"subnetIds": ["subnet-11111111"]}
        made.client("eks").create_cluster(
            name="example", version="1.33", roleArn=role, resourcesVpcConfig=network
        )
        Eks(made, "example").create(INFERENCE, "v1.4.0-eksbuild.1", CONFIGURATION)
        NOW[0] += timedelta(minutes=2)
        s3, place = made.client("s3"), {"LocationConstraint": "us-west-2"}
        s3.create_bucket(Bucket="hyperpod-tls-example", CreateBucketConfiguration=place)
        s3.put_object(Bucket="hyperpod-tls-example", Key="chat.pem", Body=b"PEM", Tagging="team=a")
        Iam(made).create(Role(arn="", name="old", trust=trusting("ec2.amazonaws.com")))
        yield made


def trusting(service: str) -> dict[str, Any]:
    """A trust policy for one service."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.fixture
def world(session: Session) -> World:
    nothing: Any = None

    async def pause(_seconds: float) -> None:
        NOW[0] += timedelta(minutes=1)

    return World(
        client=nothing,
        eks=Eks(session, "example"),
        iam=Iam(session),
        tagging=Tagging(session),
        now=lambda: NOW[0].timestamp(),
        pause=pause,
    )


@pytest.fixture(scope="module")
def steps(session: Session) -> tuple[Step, ...]:
    """One of each kind that writes in AWS."""
    ec2, acm = session.client("ec2"), session.client("acm")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    balancer = session.client("elbv2").create_load_balancer(Name="chat", Subnets=[subnet])
    balanced = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    certificate = acm.request_certificate(DomainName="chat.example.com")["CertificateArn"]
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    return (
        *(
            TagObject(target=each, of="x")
            for each in ("s3://hyperpod-tls-example/chat.pem", certificate, balanced)
        ),
        MakeRole(
            name="made",
            of="x",
            trust=trusting("eks.amazonaws.com"),
            attached=("arn:aws:iam::aws:policy/AmazonFSxFullAccess",),
            inline={"all": allow},
        ),
        MakeRole(name="old", of="x", trust=trusting("eks.amazonaws.com"), inline={"all": allow}),
        InstallAddon(name=DRIVER, version="v1.14.1-eksbuild.1", preserve=False),
        UpdateAddon(
            name=INFERENCE,
            version="v1.5.0-eksbuild.1",
            configuration=CONFIGURATION | {"keda": {"enabled": False}},
        ),
    )


@pytest.fixture
async def begin(
    server: AwsDouble, world: World, steps: tuple[Step, ...], tmp_path: Path
) -> AsyncIterator[Callable[[], Path]]:
    """begin(): the directory of a run that has not begun; all are undone in the end."""
    made = Plan(cluster="example", region="us-west-2").model_copy(update={"steps": steps})
    begun: list[Path] = []

    def new() -> Path:
        begun.append(Journal.create(tmp_path, made, datetime(2026, 1, 1 + len(begun), tzinfo=UTC)).root)
        return begun[-1]

    yield new
    server.faults.clear()
    for each in reversed(begun):
        await back(Journal.load(each), world)


def state(world: World, steps: tuple[Step, ...]) -> dict[str, Any]:
    """All that the steps may change."""
    tagged = [step.target for step in steps if isinstance(step, TagObject)]
    return {
        "tags": [world.tagging.read(each) for each in tagged],
        "role": world.iam.role("made"),
        "old": world.iam.role("old"),
        "addons": {
            name: (found.version, found.status, found.configuration)
            for name, found in world.eks.addons().items()
        },
    }


async def test_these_are_all_the_calls_there_are(
    world: World, begin: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, seen = begin(), set[str]()
    with monkeypatch.context() as patched:
        patched.setattr(Faults, "take", lambda _self, action: seen.add(action))
        patched.setattr(Faults, "__bool__", lambda _self: True)
        await forward(Journal.load(run), world)
        assert seen == {*FORWARD}
        await back(Journal.load(run), world)
    assert seen == {*FORWARD, *BACK}


@pytest.mark.parametrize(("action", "fault"), cases(FORWARD))
async def test_a_call_that_fails_on_the_way_leads_on_or_back(
    server: AwsDouble,
    world: World,
    steps: tuple[Step, ...],
    begin: Callable[[], Path],
    action: str,
    fault: str,
) -> None:
    before, run = state(world, steps), begin()
    server.faults.add(FAULTS[fault](action))
    stopped = await failed(forward, run, world)
    # A wait that asks again may get over a moment's failure by itself.
    assert stopped or action == "eks:DescribeAddon"
    await back(Journal.load(run), world)
    assert state(world, steps) == before
    run = begin()
    server.faults.add(FAULTS[fault](action))
    await failed(forward, run, world)
    await forward(Journal.load(run), world)
    after = state(world, steps)
    assert after["tags"] == [tags | {"CreatedBy": "HyperPodInference"} for tags in before["tags"]]
    assert after["role"].inline.keys() == {"all"}
    assert {name: status for name, (_, status, _) in after["addons"].items()} == {
        DRIVER: "ACTIVE",
        INFERENCE: "ACTIVE",
    }
    assert after["addons"][INFERENCE][0] == "v1.5.0-eksbuild.1"


@pytest.mark.parametrize(("action", "fault"), cases(BACK))
async def test_a_call_that_fails_on_the_way_back_is_made_when_that_is_called_again(
    server: AwsDouble,
    world: World,
    steps: tuple[Step, ...],
    begin: Callable[[], Path],
    action: str,
    fault: str,
) -> None:
    before, run = state(world, steps), begin()
    await forward(Journal.load(run), world)
    server.faults.add(FAULTS[fault](action))
    stopped = await failed(back, run, world)
    assert stopped or action == "eks:DeleteAddon"  # the wait until it is gone asks again
    await back(Journal.load(run), world)
    assert state(world, steps) == before


async def test_an_update_that_eks_cannot_make_work_leads_back_to_the_version_before(
    server: AwsDouble, world: World, steps: tuple[Step, ...], begin: Callable[[], Path]
) -> None:
    before, run = state(world, steps), begin()
    outcome = Outcome("UPDATE_FAILED", "InsufficientNumberOfReplicas", "0 of 1 replicas are ready")
    server.world.addon_outcomes["example", INFERENCE] = outcome
    with pytest.raises(AddonFailed, match="UPDATE_FAILED: InsufficientNumberOfReplicas: 0 of 1 replicas"):
        await forward(Journal.load(run), world)
    await back(Journal.load(run), world)
    assert state(world, steps) == before


async def failed(run: Callable[..., Any], root: Path, world: World) -> bool:
    """Whether AWS's failure ended the run."""
    try:
        await run(Journal.load(root), world)
    except CloudError:
        return True
    return False
