"""A double in this process, on a free port, with a clock that the test moves."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.config import Config

from hyperpod_inference.local.aws.double import AwsDouble


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@pytest.fixture(scope="session")
def hand_clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session")
def server(hand_clock: HandClock) -> Iterator[AwsDouble]:
    """A double whose changes take a minute of the clock."""
    with AwsDouble(clock=hand_clock, transition=timedelta(minutes=1)) as running:
        yield running


@pytest.fixture(scope="session")
def clients(server: AwsDouble) -> Callable[[str], Any]:
    """boto3 clients, one for each service: making one takes longer than any test."""
    session = boto3.Session(
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        region_name="us-west-2",
    )
    # They do not retry: a failure is to be seen.
    config = Config(retries={"total_max_attempts": 1})
    return cache(lambda service: session.client(service, endpoint_url=server.url, config=config))


@pytest.fixture
def clock(hand_clock: HandClock) -> HandClock:
    return hand_clock


@pytest.fixture
def double(server: AwsDouble) -> AwsDouble:
    """An empty AWS."""
    server.reset()
    return server


@pytest.fixture
def client(double: AwsDouble, clients: Callable[[str], Any]) -> Callable[[str], Any]:
    """Clients of an empty AWS."""
    return clients


@pytest.fixture
def eks(client: Callable[[str], Any]) -> Any:
    """EKS with the cluster `example`."""
    eks = client("eks")
    eks.create_cluster(
        name="example",
        roleArn="arn:aws:iam::111122223333:role/eks",
        resourcesVpcConfig={"subnetIds": ["subnet-11111111"]},
    )
    return eks


@pytest.fixture
def sagemaker(client: Callable[[str], Any]) -> Any:
    return client("sagemaker")
