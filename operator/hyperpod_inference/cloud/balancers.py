"""Load balancers, by the names under which clients know them."""

from dataclasses import dataclass
from typing import Any

from hyperpod_inference.cloud.errors import translated
from hyperpod_inference.cloud.session import Session


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """zone: the hosted zone of its own name, which an alias record names."""

    arn: str
    zone: str


class LoadBalancers:
    """Those of one account and region. Calls block, and raise CloudError."""

    def __init__(self, session: Session) -> None:
        self._client: Any = session.client("elbv2")

    def find(self, hostname: str) -> LoadBalancer | None:
        """The load balancer with this DNS name; None when the account has none."""
        with translated("elasticloadbalancing:DescribeLoadBalancers"):
            for page in self._client.get_paginator("describe_load_balancers").paginate():
                for each in page["LoadBalancers"]:
                    if each["DNSName"].lower() == hostname.lower():
                        return LoadBalancer(each["LoadBalancerArn"], each.get("CanonicalHostedZoneId", ""))
        return None
