"""The bucket of certificates."""

from collections.abc import Callable

import pytest
from aws_cdk import Stack
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Match, Template

from hyperpod_constructs import PropertyError, TlsBucket, TlsBucketProps

DESTROY = "hyperpod-inference:destroyData"


@pytest.fixture(scope="module")
def plain(synthesize: Callable[..., Template]) -> Template:
    return synthesize(lambda stack: TlsBucket(stack, "Tls"))


def test_it_is_private_encrypted_versioned_and_logged(plain: Template) -> None:
    plain.has_resource_properties(
        "AWS::S3::Bucket",
        {
            "BucketName": {"Fn::Join": ["", Match.array_with(["hyperpod-tls-"])]},
            "BucketEncryption": Match.any_value(),
            "LoggingConfiguration": {"LogFilePrefix": "tls-cert-logs/"},
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "VersioningConfiguration": {"Status": "Enabled"},
        },
    )


def test_both_buckets_refuse_plain_http(plain: Template) -> None:
    plain.all_resources_properties(
        "AWS::S3::BucketPolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        Match.object_like(
                            {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
                        )
                    ]
                )
            }
        },
    )


@pytest.mark.parametrize("flag", [True, False])
def test_the_log_bucket_lets_s3_write_whatever_the_apps_flags_say(
    synthesize: Callable[..., Template], flag: bool
) -> None:
    context = {"@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": flag}
    template = synthesize(lambda stack: TlsBucket(stack, "Tls"), context)
    template.has_resource_properties(
        "AWS::S3::BucketPolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [Match.object_like({"Principal": {"Service": "logging.s3.amazonaws.com"}})]
                )
            }
        },
    )
    assert "AccessControl" not in str(template.to_json())


def test_it_outlives_the_stack(plain: Template) -> None:
    plain.all_resources("AWS::S3::Bucket", {"DeletionPolicy": "Retain"})


def test_one_key_alone_destroys_nothing(synthesize: Callable[..., Template], plain: Template) -> None:
    with pytest.raises(PropertyError, match=f"destroy_data: got True, .*{DESTROY}=true as well"):
        synthesize(lambda stack: TlsBucket(stack, "Tls", TlsBucketProps(destroy_data=True)))
    only_context = synthesize(lambda stack: TlsBucket(stack, "Tls"), {DESTROY: True})
    assert only_context.to_json() == plain.to_json()


def test_both_keys_together_let_the_stack_delete_it(synthesize: Callable[..., Template]) -> None:
    template = synthesize(
        lambda stack: TlsBucket(stack, "Tls", TlsBucketProps(destroy_data=True)), {DESTROY: "true"}
    )
    template.all_resources("AWS::S3::Bucket", {"DeletionPolicy": "Delete"})


def test_a_log_bucket_that_is_given_is_not_made(synthesize: Callable[..., Template]) -> None:
    def build(stack: Stack) -> None:
        logs = s3.Bucket.from_bucket_name(stack, "Logs", "our-logs")
        TlsBucket(stack, "Tls", TlsBucketProps(access_logs=logs))

    template = synthesize(build)
    template.resource_count_is("AWS::S3::Bucket", 1)
    template.has_resource_properties(
        "AWS::S3::Bucket", {"LoggingConfiguration": {"DestinationBucketName": "our-logs"}}
    )


def test_a_name_outside_the_managed_policy_is_refused(synthesize: Callable[..., Template]) -> None:
    with pytest.raises(PropertyError, match="bucket_name: got 'mine', expected a name that begins"):
        synthesize(lambda stack: TlsBucket(stack, "Tls", TlsBucketProps(bucket_name="mine")))
