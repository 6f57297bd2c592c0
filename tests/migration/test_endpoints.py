"""What a resource has in AWS is read by the paths that the CRDs have."""

from typing import Any

from hyperpod_inference.migration.endpoints import buckets, certificates, objects

ARN = "arn:aws:acm:us-west-2:111122223333:certificate/"
RESOURCE: dict[str, Any] = {
    "kind": "JumpStartModel",
    "metadata": {"name": "llama", "namespace": "team"},
    "spec": {"tlsConfig": {"tlsCertificateOutputS3Uri": "s3://hyperpod-tls-a/certificates"}},
    "status": {
        "tlsCertificate": {
            "certificateARN": f"{ARN}1",
            "importedCertificates": [f"{ARN}1", f"{ARN}2"],
            "tlsCertificateOutputS3Bucket": "s3://hyperpod-tls-b",
            "tlsCertificateS3Keys": ["llama/ca.pem", "llama/leaf.pem"],
        }
    },
}


def test_certificates_are_named_once_each() -> None:
    assert list(certificates(RESOURCE)) == [f"{ARN}1", f"{ARN}2"]


def test_objects_of_the_bucket_are_named_by_bucket_and_key() -> None:
    assert list(objects(RESOURCE)) == [
        "s3://hyperpod-tls-b/llama/ca.pem",
        "s3://hyperpod-tls-b/llama/leaf.pem",
    ]


def test_buckets_come_from_the_spec_and_the_status() -> None:
    assert list(buckets(RESOURCE)) == ["hyperpod-tls-a", "hyperpod-tls-b"]


def test_a_resource_without_a_status_has_nothing() -> None:
    bare = {"kind": "JumpStartModel", "metadata": {"name": "a", "namespace": "b"}, "spec": {}}
    assert (list(certificates(bare)), list(objects(bare)), list(buckets(bare))) == ([], [], [])
