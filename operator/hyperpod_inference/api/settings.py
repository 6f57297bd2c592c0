"""What an installation tells its operator: one value, read from the environment and written by the charts.

The variables are AWS's own (a values file for AWS's chart carries over). `from_env` reads them in the
operator's process, `to_env` writes them into the Deployment, so the two cannot drift apart.
"""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hyperpod_inference.api import names

_REGION = r"^$|^[a-z]{2}(-[a-z]+)+-\d$"
_ROLE_ARN = r"^$|^arn:aws[a-z-]*:iam::\d{12}:role/.+$"
_CLUSTER_ARN = r"^$|^arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:\d{12}:cluster/.+$"
_S3_URI = r"^$|^s3://[^/]+(/.*)?$"
_INSTANCE_TYPE = r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$"
_HTTP_URL = r"^$|^https?://[^\s/]+(/\S*)?$"
_DNS_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"

# What to say about a value that its pattern refused; the patterns themselves are no help to a reader.
_EXPECTED = {
    _REGION: "a region such as us-west-2",
    _ROLE_ARN: "a role such as arn:aws:iam::111122223333:role/NAME",
    _CLUSTER_ARN: "a cluster such as arn:aws:sagemaker:us-west-2:111122223333:cluster/ID",
    _S3_URI: "a location such as s3://hyperpod-tls-example/certificates",
    _INSTANCE_TYPE: "an instance type such as ml.c5.large",
    _HTTP_URL: "an address such as http://otel-collector.monitoring:4318",
    _DNS_LABEL: "lower-case letters, digits and '-', at most 63 characters",
}


class SettingsError(ValueError):
    """An environment variable holds what its field does not allow: which, what came, what is allowed."""


class OperatorSettings(BaseModel):
    """The operator's configuration. An empty string means "not set": the parts that need it say so by name.

    The alias of each field is its environment variable.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", validate_by_name=True, validate_by_alias=True)

    region: Annotated[str, Field(alias="AWS_REGION", pattern=_REGION)] = ""
    execution_role_arn: Annotated[str, Field(alias="EXECUTION_ROLE_ARN", pattern=_ROLE_ARN)] = ""
    gated_model_download_role_arn: Annotated[
        str, Field(alias="JUMPSTART_GATED_MODEL_DOWNLOAD_ARN", pattern=_ROLE_ARN)
    ] = ""
    eks_cluster_name: Annotated[str, Field(alias="EKS_CLUSTER_NAME", max_length=100)] = ""
    hyperpod_cluster_arn: Annotated[str, Field(alias="HYPERPOD_CLUSTER_ARN", pattern=_CLUSTER_ARN)] = ""
    tls_certificate_output_s3_uri: Annotated[
        str, Field(alias="TLS_CERTIFICATE_OUTPUT_S3URI", pattern=_S3_URI)
    ] = ""
    enable_custom_service_accounts: Annotated[bool, Field(alias="ENABLE_CUSTOM_SERVICE_ACCOUNTS")] = False
    service_account_name: Annotated[str, Field(alias="OPERATOR_SERVICE_ACCOUNT_NAME", pattern=_DNS_LABEL)] = (
        names.OPERATOR_SERVICE_ACCOUNT
    )
    namespace: Annotated[str, Field(alias="OPERATOR_NAMESPACE", pattern=_DNS_LABEL)] = (
        names.OPERATOR_NAMESPACE
    )
    router_image: Annotated[str, Field(alias="ROUTER_IMAGE", min_length=1)] = names.ROUTER_IMAGE
    metrics_port: Annotated[int, Field(alias="METRICS_PORT", ge=1, le=65535)] = names.OPERATOR_METRICS_PORT
    health_port: Annotated[int, Field(alias="HEALTH_PORT", ge=1, le=65535)] = names.OPERATOR_HEALTH_PORT
    webhook_port: Annotated[int, Field(alias="WEBHOOK_PORT", ge=1, le=65535)] = names.OPERATOR_WEBHOOK_PORT
    # Off for a process that the cluster's webhook Service does not lead to, such as one on a laptop.
    enable_webhooks: Annotated[bool, Field(alias="ENABLE_WEBHOOKS")] = True
    # The operator's own metrics, once a minute; CloudWatch bills each series.
    enable_cloudwatch_metrics: Annotated[bool, Field(alias="ENABLE_CLOUDWATCH_METRICS")] = False
    # A collector of OpenTelemetry, OTLP over HTTP: routers and the proxies beside models send spans there.
    otlp_endpoint: Annotated[str, Field(alias="OTEL_EXPORTER_OTLP_ENDPOINT", pattern=_HTTP_URL)] = ""
    # Of the containers beside the model; another registry than the default one is named here.
    sidecar_image: Annotated[str, Field(alias="SIDECAR_IMAGE", min_length=1)] = names.SIDECAR_IMAGE
    collector_image: Annotated[str, Field(alias="METRICS_COLLECTOR_IMAGE", min_length=1)] = (
        names.COLLECTOR_IMAGE
    )
    # What SageMaker runs behind a registered endpoint: it pulls from ECR only. Not set: the router's image.
    endpoint_image: Annotated[str, Field(alias="SAGEMAKER_ENDPOINT_IMAGE")] = ""
    endpoint_instance_type: Annotated[
        str, Field(alias="SAGEMAKER_ENDPOINT_INSTANCE_TYPE", pattern=_INSTANCE_TYPE)
    ] = names.ENDPOINT_INSTANCE_TYPE
    # Of this one process, by the downward API; never written into the Deployment as a value.
    pod_name: Annotated[str, Field(alias="POD_NAME")] = ""
    pod_ip: Annotated[str, Field(alias="POD_IP")] = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings from `environ`; other variables are ignored, an empty one counts as not set.

        Raises SettingsError naming every variable that holds what it may not.
        """
        known = {field.alias for field in cls.model_fields.values()}
        given = {name: text.strip() for name, text in environ.items() if name in known and text.strip()}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError("; ".join(_explain(error, given))) from None

    def to_env(self) -> dict[str, str]:
        """The variables to set on the operator's container: all that are set, none of the pod's own."""
        per_pod = {"pod_name", "pod_ip"}
        values = self.model_dump(by_alias=True, exclude=per_pod)
        return {name: _text(value) for name, value in values.items() if value != ""}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _explain(error: ValidationError, given: Mapping[str, str]) -> list[str]:
    return [
        f"environment variable {problem['loc'][0]}: got {given[str(problem['loc'][0])]!r}, "
        f"expected {_EXPECTED.get(problem.get('ctx', {}).get('pattern', ''), problem['msg'])}"
        for problem in error.errors()
    ]
