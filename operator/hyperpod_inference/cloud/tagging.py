"""Tags of what the operator makes in AWS: load balancers, certificates, objects of the TLS bucket.

Tags are only ever added to or taken from what is there; S3 replaces an object's whole set, so it is read
first.
"""

from collections.abc import Mapping

from hyperpod_inference.cloud.balancers import LoadBalancers
from hyperpod_inference.cloud.errors import translated
from hyperpod_inference.cloud.session import Session

Tags = Mapping[str, str]


class Tagging:
    """The calls; each blocks, and raises CloudError. An id is an ARN, or s3://BUCKET/KEY."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def load_balancer(self, hostname: str) -> str | None:
        """The ARN of the load balancer with this DNS name; None when the account has none."""
        found = LoadBalancers(self._session).find(hostname)
        return found.arn if found else None

    def read(self, id: str) -> dict[str, str]:
        """The tags of one thing."""
        if id.startswith("s3://"):
            bucket, key = _object(id)
            with translated("s3:GetObjectTagging"):
                listed = self._session.client("s3").get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
        elif ":acm:" in id:
            with translated("acm:ListTagsForCertificate"):
                answer = self._session.client("acm").list_tags_for_certificate(CertificateArn=id)
            listed = answer["Tags"]
        else:
            with translated("elasticloadbalancing:DescribeTags"):
                answer = self._session.client("elbv2").describe_tags(ResourceArns=[id])
            listed = answer["TagDescriptions"][0]["Tags"]
        return {tag["Key"]: tag.get("Value", "") for tag in listed}

    def write(self, id: str, tags: Tags) -> None:
        """Make the tags exactly these."""
        before = self.read(id)
        gone = sorted(before.keys() - tags.keys())
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        if id.startswith("s3://"):
            bucket, key = _object(id)
            with translated("s3:PutObjectTagging"):
                self._session.client("s3").put_object_tagging(
                    Bucket=bucket, Key=key, Tagging={"TagSet": pairs}
                )
        elif ":acm:" in id:
            acm = self._session.client("acm")
            if pairs:
                with translated("acm:AddTagsToCertificate"):
                    acm.add_tags_to_certificate(CertificateArn=id, Tags=pairs)
            if gone:
                with translated("acm:RemoveTagsFromCertificate"):
                    acm.remove_tags_from_certificate(CertificateArn=id, Tags=[{"Key": key} for key in gone])
        else:
            elb = self._session.client("elbv2")
            if pairs:
                with translated("elasticloadbalancing:AddTags"):
                    elb.add_tags(ResourceArns=[id], Tags=pairs)
            if gone:
                with translated("elasticloadbalancing:RemoveTags"):
                    elb.remove_tags(ResourceArns=[id], TagKeys=gone)


def _object(id: str) -> tuple[str, str]:
    bucket, _, key = id.removeprefix("s3://").partition("/")
    return bucket, key
