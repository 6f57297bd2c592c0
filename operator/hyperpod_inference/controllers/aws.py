"""The AWS services that reconcilers call, as one value: tests hand in others."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperpod_inference.cloud.acm import Acm
    from hyperpod_inference.cloud.balancers import LoadBalancers
    from hyperpod_inference.cloud.cloudwatch import CloudWatch
    from hyperpod_inference.cloud.dns import Route53
    from hyperpod_inference.cloud.network import Networks
    from hyperpod_inference.cloud.s3 import S3
    from hyperpod_inference.cloud.sagemaker import Endpoints
    from hyperpod_inference.cloud.session import Session


@dataclass(frozen=True)
class Aws:
    """One region's. Calls block, and raise CloudError."""

    acm: "Acm"
    s3: "S3"
    route53: "Route53"
    balancers: "LoadBalancers"
    networks: "Networks"
    sagemaker: "Endpoints"


OpenAws = Callable[[], Aws]
"""Blocks; raises CloudError."""


def aws_of(region: str) -> OpenAws:
    """The real ones, made when they are first asked for: boto3 is large, and many clusters never need it."""

    @cache
    def opened() -> Aws:
        from hyperpod_inference.cloud.session import Session

        return services(Session(region))

    return opened


def cloudwatch_of(region: str) -> "Callable[[], CloudWatch]":
    """CloudWatch, made when it is first asked for. Blocks; raises CloudError."""

    @cache
    def opened() -> "CloudWatch":
        from hyperpod_inference.cloud.cloudwatch import CloudWatch
        from hyperpod_inference.cloud.session import Session

        # Once a minute it is tried again anyway, and a process that ends waits for its threads.
        return CloudWatch(Session(region, attempts=1))

    return opened


def services(session: "Session") -> Aws:
    """Those of a session."""
    from hyperpod_inference.cloud.acm import Acm
    from hyperpod_inference.cloud.balancers import LoadBalancers
    from hyperpod_inference.cloud.dns import Route53
    from hyperpod_inference.cloud.network import Networks
    from hyperpod_inference.cloud.s3 import S3
    from hyperpod_inference.cloud.sagemaker import Endpoints

    return Aws(
        acm=Acm(session),
        s3=S3(session),
        route53=Route53(session),
        balancers=LoadBalancers(session),
        networks=Networks(session),
        sagemaker=Endpoints(session),
    )
