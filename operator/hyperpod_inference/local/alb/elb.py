"""Load balancers in AWS on loopback, by the calls that the real controller makes: `aws elbv2` shows them.

Calls block. What AWS refuses is a DeployError in its words.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import botocore.exceptions

from hyperpod_inference.cloud.errors import lacking
from hyperpod_inference.cloud.session import Session
from hyperpod_inference.local.alb.access_log import Place
from hyperpod_inference.local.alb.annotations import Settings
from hyperpod_inference.local.alb.names import CLUSTER
from hyperpod_inference.local.alb.wanted import Backend, Wanted, resource_name


class DeployError(Exception):
    """AWS refused; the text says which call and why."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """A load balancer as AWS knows it, with the ARN of each backend's target group."""

    arn: str
    dns_name: str
    groups: Mapping[Backend, str]

    @property
    def log_name(self) -> str:
        """`app/NAME/ID`."""
        return self.arn.rpartition("loadbalancer/")[2]


class Elb:
    """Makes, changes and deletes them.

    session: of the controller's role. service: of ELB itself, which writes the logs. subnets: where they are
    put.
    """

    def __init__(self, session: Session, service: Session, subnets: tuple[str, ...], vpc: str) -> None:
        self._elb: Any = session.client("elbv2")
        self._s3: Any = service.client("s3")
        self._subnets, self._vpc = subnets, vpc

    def deploy(self, wanted: Wanted) -> Deployed:
        """Have it as it is wanted; one of the same name is changed. Raises DeployError."""
        settings = wanted.settings
        with _told():
            found = self._find(wanted.name) or self._create(wanted)
            arn = found["LoadBalancerArn"]
            if settings.attributes:
                attributes = _pairs(settings.attributes)
                self._elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)
            self._check_bucket(settings, arn)
            groups = {backend: self._group(wanted, backend) for backend in wanted.backends}
            self._listen(wanted, arn, groups)
        return Deployed(arn, found["DNSName"], groups)

    def delete(self, wanted: Wanted) -> None:
        """Delete what there is of it, its target groups too. Raises DeployError."""
        with _told():
            found = self._find(wanted.name)
            if found is not None:
                self._elb.delete_load_balancer(LoadBalancerArn=found["LoadBalancerArn"])
            for backend in wanted.backends:
                group = self._find_group(_group_name(wanted, backend))
                if group is not None:
                    self._elb.delete_target_group(TargetGroupArn=group)

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Put an object as ELB's log delivery does. Raises OSError."""
        try:
            self._s3.put_object(Bucket=bucket, Key=key, Body=content)
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
            raise OSError(f"s3://{bucket}/{key}: {error}") from error

    def _find(self, name: str) -> dict[str, Any] | None:
        found = self._elb.describe_load_balancers()["LoadBalancers"]
        return next((each for each in found if each["LoadBalancerName"] == name), None)

    def _find_group(self, name: str) -> str | None:
        found = self._elb.describe_target_groups()["TargetGroups"]
        arns = (str(each["TargetGroupArn"]) for each in found if each["TargetGroupName"] == name)
        return next(arns, None)

    def _create(self, wanted: Wanted) -> dict[str, Any]:
        made: dict[str, Any] = self._elb.create_load_balancer(
            Name=wanted.name,
            Subnets=[*self._subnets],
            Scheme=wanted.settings.scheme,
            Tags=_pairs(_tags(wanted, "LoadBalancer")),
        )["LoadBalancers"][0]
        return made

    def _check_bucket(self, settings: Settings, arn: str) -> None:
        """ELB proves that it may write the logs by a test file."""
        if settings.access_logs is None:
            return
        bucket, prefix = settings.access_logs
        try:
            self.put(bucket, Place(bucket, prefix, arn).test_key(), b"Enable AccessLog for ELB: \n")
        except OSError as error:
            words = f"Access Denied for bucket: {bucket}. Please check S3bucket permission"
            call, code = "ModifyLoadBalancerAttributes", "InvalidConfigurationRequest"
            raise DeployError(_words(call, code, words)) from error

    def _group(self, wanted: Wanted, backend: Backend) -> str:
        settings, health = wanted.settings, wanted.settings.health
        name = _group_name(wanted, backend)
        check = {
            "HealthCheckProtocol": health.protocol,
            "HealthCheckPort": str(health.port) if health.port else "traffic-port",
            "HealthCheckPath": health.path,
            "HealthCheckIntervalSeconds": health.interval,
            "HealthCheckTimeoutSeconds": health.timeout,
            "HealthyThresholdCount": health.healthy,
            "UnhealthyThresholdCount": health.unhealthy,
            "Matcher": {"HttpCode": health.codes},
        }
        arn = self._find_group(name)
        if arn is None:
            port = backend.port if isinstance(backend.port, int) else 1
            place = {"Port": port, "VpcId": self._vpc, "TargetType": "ip", **check}
            tags = _pairs(
                _tags(wanted, f"{wanted.namespace}/{wanted.ingress}-{backend.service}:{backend.port}")
            )
            made = self._elb.create_target_group(
                Name=name, Protocol=settings.backend_protocol, Tags=tags, **place
            )
            arn = str(made["TargetGroups"][0]["TargetGroupArn"])
        else:
            self._elb.modify_target_group(TargetGroupArn=arn, **check)
        if settings.target_attributes:
            attributes = _pairs(settings.target_attributes)
            self._elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes)
        return arn

    def _listen(self, wanted: Wanted, arn: str, groups: Mapping[Backend, str]) -> None:
        """Listeners anew: there is no traffic in AWS that it would cut."""
        for each in self._elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]:
            self._elb.delete_listener(ListenerArn=each["ListenerArn"])
        for port, protocol in wanted.settings.listeners:
            default = _forward(groups[wanted.default]) if wanted.default else _NOT_FOUND
            secured = _secured(wanted.settings) if protocol == "HTTPS" else {}
            self._elb.create_listener(
                LoadBalancerArn=arn, Port=port, Protocol=protocol, DefaultActions=[default], **secured
            )


def _tags(wanted: Wanted, resource: str) -> dict[str, str]:
    """As the real controller tags what it makes: its role's policy goes by the first."""
    return {
        "elbv2.k8s.aws/cluster": CLUSTER,
        "ingress.k8s.aws/stack": f"{wanted.namespace}/{wanted.ingress}",
        "ingress.k8s.aws/resource": resource,
        **wanted.settings.tags,
    }


def _group_name(wanted: Wanted, backend: Backend) -> str:
    identity = (wanted.name, backend.service, backend.port, wanted.settings.backend_protocol)
    return resource_name(wanted.namespace, backend.service, *identity)


_NOT_FOUND = {
    "Type": "fixed-response",
    "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain"},
}


def _forward(group: str) -> dict[str, Any]:
    return {"Type": "forward", "TargetGroupArn": group}


def _secured(settings: Settings) -> dict[str, Any]:
    certificates = {"Certificates": [{"CertificateArn": settings.certificates[0]}]}
    return certificates | ({"SslPolicy": settings.ssl_policy} if settings.ssl_policy else {})


def _pairs(mapping: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in mapping.items()]


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except botocore.exceptions.ClientError as error:
        found = error.response.get("Error", {})
        said = _words(error.operation_name, found.get("Code", "?"), found.get("Message", str(error)))
        raise DeployError(said) from error
    except botocore.exceptions.BotoCoreError as error:
        raise DeployError(str(error)) from error


def _words(operation: str, code: str, message: str) -> str:
    said = f"operation error Elastic Load Balancing v2: {operation}, api error {code}: {message}"
    missing = lacking(message)
    return f"{said}. {missing}." if missing else said
