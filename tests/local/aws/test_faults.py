"""Calls that are made to fail, of this extension's operations and of moto's alike."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hyperpod_inference.local.aws.actions import action_of
from hyperpod_inference.local.aws.double import AwsDouble
from hyperpod_inference.local.aws.faults import Fault, denied, throttling
from hyperpod_inference.local.aws.wire import Request


def error_of(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as refused:
        call()
    return str(refused.value.response["Error"]["Code"])


def test_a_throttled_call_passes_when_its_number_is_used_up(eks: Any, double: AwsDouble) -> None:
    double.faults.add(throttling("eks:ListAddons", times=2))
    for _ in range(2):
        assert error_of(lambda: eks.list_addons(clusterName="example")) == "ThrottlingException"
    assert eks.list_addons(clusterName="example")["addons"] == []


def test_a_call_may_have_its_effect_and_lose_its_answer(eks: Any, double: AwsDouble) -> None:
    double.faults.add(Fault("eks:CreateAddon", after=True))
    error_of(lambda: eks.create_addon(clusterName="example", addonName="cert-manager"))
    assert eks.list_addons(clusterName="example")["addons"] == ["cert-manager"]


def test_aws_can_be_down_for_every_service(client: Callable[[str], Any], double: AwsDouble) -> None:
    calls = {
        "s3": lambda c: c.list_buckets(),
        "iam": lambda c: c.list_roles(),
        "sagemaker": lambda c: c.list_clusters(),
    }
    double.faults.add(Fault("*", times=None))
    for service, call in calls.items():
        made = client(service)
        assert error_of(lambda made=made, call=call: call(made)) == "ServiceUnavailable"
    double.faults.clear()
    assert client("s3").list_buckets()["Buckets"] == []


def test_a_role_may_lack_an_action(client: Callable[[str], Any], double: AwsDouble) -> None:
    double.faults.add(denied("s3:PutObject"))
    s3 = client("s3")
    s3.create_bucket(
        Bucket="amzn-s3-demo-bucket", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    assert (
        error_of(lambda: s3.put_object(Bucket="amzn-s3-demo-bucket", Key="a/b", Body=b""))
        == "AccessDeniedException"
    )


@pytest.mark.parametrize(
    ("service", "request_", "action"),
    [
        ("s3", Request("PUT", "/bucket/a/b", "", "", b""), "s3:PutObject"),
        ("s3", Request("PUT", "/bucket/a/b", "tagging", "", b""), "s3:PutObjectTagging"),
        ("s3", Request("GET", "/bucket", "list-type=2", "", b""), "s3:ListObjectsV2"),
        ("iam", Request("POST", "/", "", "", b"Action=ListRoles&Version=2010-05-08"), "iam:ListRoles"),
        (
            "acm",
            Request("POST", "/", "", "CertificateManager.ImportCertificate", b"{}"),
            "acm:ImportCertificate",
        ),
        ("eks", Request("GET", "/clusters/a/addons/b", "", "", b""), "eks:DescribeAddon"),
        (
            "route53",
            Request("POST", "/2013-04-01/hostedzone/Z1/rrset/", "", "", b""),
            "route53:ChangeResourceRecordSets",
        ),
        ("nosuchservice", Request("GET", "/", "", "", b""), "nosuchservice:?"),
    ],
)
def test_an_action_has_the_name_that_a_policy_gives_it(service: str, request_: Request, action: str) -> None:
    assert action_of(service, request_) == action
