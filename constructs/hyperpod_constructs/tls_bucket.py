"""The bucket into which the operator writes the certificates of its endpoints.

SageMaker containers download the CA certificate from it (through the S3 gateway endpoint in `endpoints.py`).
Its name begins with `hyperpod-tls-`, because the operator's managed policy reaches such buckets only.
"""

from dataclasses import dataclass
from typing import Final, cast

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from hyperpod_constructs.acknowledge import HIPAA, NIST_R4, NIST_R5, PCI, acknowledge, skip_checkov
from hyperpod_constructs.naming import TLS_BUCKET_PREFIX, unique_suffix
from hyperpod_inference.installation.bucket import LOG_BUCKET, TLS_BUCKET
from hyperpod_inference.installation.errors import require
from hyperpod_inference.installation.settings import DESTROY_KEY
from hyperpod_inference.installation.values import BUCKET_NAME, check

_LOG_PREFIX: Final = TLS_BUCKET.log_prefix or ""


@dataclass(frozen=True, kw_only=True)
class TlsBucketProps:
    """How a new :class:`TlsBucket` is made.

    Args:
        bucket_name: default `hyperpod-tls-<account>-<unique>`; must begin with `hyperpod-tls-`.
        access_logs: where access logs go; default a new bucket. A bucket from elsewhere must let
            `logging.s3.amazonaws.com` put objects under `tls-cert-logs/`.
        destroy_data: the first of the two keys; default False.
    """

    bucket_name: str | None = None
    access_logs: s3.IBucket | None = None
    destroy_data: bool = False


_DEFAULTS: Final = TlsBucketProps()


class TlsBucket(Construct):
    """A private, versioned, access-logged bucket for TLS certificates, and the bucket of its access logs.

    Both outlive the stack, unless `destroy_data` is set and the context holds
    `hyperpod-inference:destroyData=true` as well; even then S3 deletes only empty buckets.

    Args:
        props: default a new name and a new bucket for the logs.

    Attributes:
        bucket: the certificates.
        access_logs: the logs.
    """

    def __init__(self, scope: Construct, construct_id: str, props: TlsBucketProps = _DEFAULTS) -> None:
        super().__init__(scope, construct_id)
        name = props.bucket_name or f"{TLS_BUCKET_PREFIX}{Aws.ACCOUNT_ID}-{unique_suffix(self)}"
        require(
            name.startswith(TLS_BUCKET_PREFIX),
            self,
            "bucket_name",
            name,
            f"a name that begins {TLS_BUCKET_PREFIX}",
        )
        check(self, "bucket_name", props.bucket_name, BUCKET_NAME)
        removal = self._removal(props.destroy_data)
        self.access_logs: s3.IBucket = props.access_logs or self._log_bucket(removal)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=TLS_BUCKET.minimum_tls,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    abort_incomplete_multipart_upload_after=Duration.days(TLS_BUCKET.abort_days),
                    noncurrent_version_expiration=Duration.days(TLS_BUCKET.noncurrent_days),
                )
            ],
            removal_policy=removal,
        )
        self._log_access()
        _accept_plain_encryption(self.bucket)

    def _removal(self, destroy_data: bool) -> RemovalPolicy:
        unlocked = str(self.node.try_get_context(DESTROY_KEY)).lower() == "true"
        require(
            unlocked or not destroy_data,
            self,
            "destroy_data",
            destroy_data,
            f"False, or the context key {DESTROY_KEY}=true as well",
            "Certificates that are deleted break every endpoint that still uses them.",
        )
        return RemovalPolicy.DESTROY if destroy_data else RemovalPolicy.RETAIN

    def _log_access(self) -> None:
        """By hand, since the L2 property grants by ACL or by policy as the app's feature flags say."""
        resource = cast(s3.CfnBucket, self.bucket.node.default_child)
        resource.logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
            destination_bucket_name=self.access_logs.bucket_name, log_file_prefix=_LOG_PREFIX
        )
        self.access_logs.add_to_resource_policy(
            iam.PolicyStatement(
                sid="ServerAccessLogs",
                principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[self.access_logs.arn_for_objects(f"{_LOG_PREFIX}*")],
                conditions={
                    "ArnLike": {"aws:SourceArn": self.bucket.bucket_arn},
                    "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                },
            )
        )

    def _log_bucket(self, removal: RemovalPolicy) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=TLS_BUCKET.minimum_tls,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    abort_incomplete_multipart_upload_after=Duration.days(LOG_BUCKET.abort_days),
                    expiration=Duration.days(LOG_BUCKET.days or 0),
                    noncurrent_version_expiration=Duration.days(LOG_BUCKET.noncurrent_days),
                )
            ],
            removal_policy=removal,
        )
        _accept_plain_encryption(bucket)
        skip_checkov(bucket.node.default_child, "CKV_AWS_18", "It holds the access logs of the other bucket.")
        return bucket


def _accept_plain_encryption(bucket: s3.Bucket) -> None:
    acknowledge(
        bucket,
        "S3DefaultEncryptionKMS",
        "Load balancers and SageMaker containers read it without a grant on a key; S3 encrypts with its own.",
        HIPAA,
        NIST_R5,
        PCI,
    )
    acknowledge(
        bucket,
        "S3BucketDefaultLockEnabled",
        "Certificates are replaced and deleted by the operator; old versions stay for 90 days.",
        NIST_R4,
        NIST_R5,
    )
    acknowledge(
        bucket,
        "S3BucketReplicationEnabled",
        "Certificates belong to the endpoints of one region and are issued anew elsewhere.",
        HIPAA,
        NIST_R4,
        NIST_R5,
        PCI,
    )
