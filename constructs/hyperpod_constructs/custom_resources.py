"""Endpoints as constructs: a custom resource that is checked at synth, and kept for kubectl in the stack.

CloudFormation cannot apply Kubernetes objects without a Lambda, so none is hidden here. Each resource
becomes an SSM parameter, in which CloudFormation has filled in the references to other resources, and an
output with the command that applies it. :meth:`_CustomResource.manifest` is for GitOps. The verdict is that
of `hyperpod-inference validate`: errors end the synth, warnings are shown by it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import yaml
from aws_cdk import Annotations, Arn, ArnComponents, Aws, CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from hyperpod_constructs.monitoring import EndpointMetrics
from hyperpod_inference.api import names
from hyperpod_inference.installation.errors import PropertyError, is_token
from hyperpod_inference.installation.values import NAMESPACE, check

_MOST_CHARACTERS = 8192


class _CustomResource(Construct):
    """One custom resource.

    Args:
        name: of the resource; lower-case letters, digits and '-'.
        spec: as in YAML; strings may be CDK tokens, such as the name of a bucket of the stack.
        namespace: default `default`.
        labels: of the resource; default none.

    Attributes:
        manifest: the whole object.
        parameter: holds it as JSON.
        metrics: those of the endpoint.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        spec: Mapping[str, Any],
        namespace: str = "default",
        labels: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        check(self, "namespace", namespace, NAMESPACE)
        metadata: dict[str, Any] = {"name": name, "namespace": namespace}
        if labels:
            metadata["labels"] = dict(labels)
        self.manifest = {
            "apiVersion": names.API_VERSION,
            "kind": self.kind,
            "metadata": metadata,
            "spec": dict(spec),
        }
        self._check()
        self.metrics = EndpointMetrics(name, namespace)
        self.parameter = self._keep(name, namespace)

    @classmethod
    def from_file(cls, scope: Construct, construct_id: str, path: str | Path) -> Self:
        """The resource in a YAML file that holds one of this kind."""
        text = Path(path).read_text(encoding="utf-8")
        bodies = [each for each in yaml.safe_load_all(text) if each and each.get("kind") == cls.kind]
        if len(bodies) != 1:
            raise PropertyError(construct_id, "path", str(path), f"a file with one {cls.kind}")
        metadata = bodies[0].get("metadata", {})
        return cls(
            scope,
            construct_id,
            name=str(metadata.get("name")),
            namespace=metadata.get("namespace", "default"),
            labels=metadata.get("labels"),
            spec=bodies[0].get("spec", {}),
        )

    def grant_invoke(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` invoke the SageMaker endpoint that the resource registers, and no other."""
        name = self._endpoint_name()
        if not name:
            allowed = "the name of a SageMaker endpoint, for IAM to name"
            fix = "Without one the endpoint is reached through its load balancer, which asks no IAM."
            raise PropertyError(self, self.endpoint_field, None, allowed, fix)
        return grant_invoke(self, grantee, name)

    endpoint_field: ClassVar[str]

    def _endpoint_name(self) -> str | None:
        value: Any = self.manifest
        for part in self.endpoint_field.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return None if value is None else str(value)

    def _check(self) -> None:
        # Here, not above: the models take longer to load than a stack without endpoints takes to synthesize.
        from hyperpod_inference.api.check import check as verdict
        from hyperpod_inference.api.documents import Document

        unknown = set(_token_paths(self.manifest))
        document = Document("", 0, 1, self.manifest, {})
        found = [each for each in verdict(document) if each.field not in unknown]
        errors = [each for each in found if each.severity == "error"]
        if errors:
            first, more = errors[0], len(errors) - 1
            text = f"{self.node.path}: {first.field}: {first.message}"
            raise EndpointError(text + (f" (and {more} more)" if more else ""))
        for number, each in enumerate(found):
            Annotations.of(self).add_warning_v2(
                f"hyperpod-inference:{each.field}:{number}", f"{each.field}: {each.message}"
            )

    def _keep(self, name: str, namespace: str) -> ssm.CfnParameter:
        stack = Stack.of(self)
        text = stack.to_json_string(self.manifest)
        if len(text) > _MOST_CHARACTERS:
            allowed = f"at most {_MOST_CHARACTERS} characters as JSON, what an SSM parameter holds"
            raise PropertyError(self, "spec", len(text), allowed, "Apply it from a file instead.")
        path = f"/hyperpod-inference/{stack.stack_name}/{self.kind}/{namespace}/{name}"
        parameter = ssm.CfnParameter(
            self,
            "Manifest",
            type="String",
            tier="Intelligent-Tiering",
            name=path,
            value=text,
            description=f"{self.kind} {namespace}/{name}",
        )
        command = (
            f"aws ssm get-parameter --region {Aws.REGION} --name {path} --query Parameter.Value "
            "--output text | kubectl apply --server-side -f -"
        )
        CfnOutput(self, "ApplyCommand", value=command, description=f"Applies {self.kind} {namespace}/{name}")
        return parameter


class EndpointError(ValueError):
    """A custom resource that a cluster would refuse: where it stands, which field, and what is allowed."""


class InferenceEndpoint(_CustomResource):
    """A model of your own: an `InferenceEndpointConfig`."""

    kind = names.KIND_ENDPOINT
    endpoint_field = "spec.endpointName"


class JumpStartEndpoint(_CustomResource):
    """A model of SageMaker JumpStart: a `JumpStartModel`."""

    kind = names.KIND_JUMPSTART
    endpoint_field = "spec.sageMakerEndpoint.name"


def grant_invoke(scope: Construct, grantee: iam.IGrantable, endpoint_name: str) -> iam.Grant:
    """Let `grantee` invoke one SageMaker endpoint of the stack's account and region."""
    arn = Arn.format(
        ArnComponents(service="sagemaker", resource="endpoint", resource_name=endpoint_name), Stack.of(scope)
    )
    return iam.Grant.add_to_principal(
        grantee=grantee,
        actions=[
            "sagemaker:InvokeEndpoint",
            "sagemaker:InvokeEndpointWithResponseStream",
            "sagemaker:DescribeEndpoint",
        ],
        resource_arns=[arn],
    )


def _token_paths(value: Any, at: str = "") -> Iterator[str]:
    """The fields whose value is known only when the stack is deployed, as `spec.tags[0].value`."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _token_paths(each, f"{at}.{key}" if at else str(key))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _token_paths(each, f"{at}[{index}]")
    elif is_token(value):
        yield at
