"""The schema of the inference add-on's configuration, as far as it is known.

AWS serves the real one by `aws eks describe-addon-configuration`, and `preflight` validates against that
when it can; this one holds the keys of the documents, charts and templates. Models, so that a wrong key or
type is an error with its path; not imported by the constructs, which check their own values.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from hyperpod_inference.api.errors import InputError
from hyperpod_inference.installation.roles import EXECUTION_ROLE_PREFIX

_ROLE = r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$"
RoleArn = Annotated[str, Field(pattern=_ROLE)]
OptionalRoleArn = Annotated[str, Field(pattern=rf"^$|{_ROLE}")]


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)


class AlbServiceAccount(_Block):
    """The service account of the load balancer controller."""

    create: bool = False
    name: str | None = None
    role_arn: OptionalRoleArn = ""


class Alb(_Block):
    """The load balancer controller."""

    enabled: bool = True
    service_account: AlbServiceAccount | None = None


class Irsa(_Block):
    """KEDA's role."""

    enabled: bool = True
    role_arn: OptionalRoleArn = ""


class KedaAws(_Block):
    """KEDA's access to AWS."""

    irsa: Irsa | None = None


class KedaAuth(_Block):
    """How KEDA proves who it is."""

    aws: KedaAws | None = None


class Keda(_Block):
    """The autoscaler."""

    enabled: bool = True
    auth: KedaAuth | None = None


class GatewayServiceAccount(_Block):
    """The service account of the gateway's controller."""

    role_arn: RoleArn


class Gateway(_Block):
    """The inference gateway, from v2.0.0."""

    enabled: bool = True
    service_account: GatewayServiceAccount | None = None


class Operator(_Block):
    """The inference operator, from v2.0.0."""

    enabled: bool = True


class AddonDocument(_Block):
    """The whole document."""

    execution_role_arn: Annotated[
        str, Field(pattern=rf"^arn:aws[a-z-]*:iam::\d{{12}}:role/(.*/)?{EXECUTION_ROLE_PREFIX}[^/]*$")
    ]
    tls_certificate_s3_bucket: Annotated[
        str, Field(alias="tlsCertificateS3Bucket", pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    ]
    hyperpod_cluster_arn: str | None = None
    jumpstart_gated_model_download_role_arn: OptionalRoleArn | None = None
    alb: Alb | None = None
    keda: Keda | None = None
    inference_operator: Operator | None = None
    inference_gateway: Gateway | None = None
    enable_custom_service_accounts: bool | None = None
    affinity: dict[str, Any] | None = None
    node_selector: dict[str, str] | None = None
    tolerations: list[dict[str, Any]] | None = None


def validate(document: Mapping[str, Any]) -> None:
    """Raises InputError with a line for each key that the schema does not take."""
    try:
        AddonDocument.model_validate(document, strict=True)
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise InputError(*(f"configuration-values: {line}" for line in lines)) from None


def json_schema() -> dict[str, Any]:
    """The schema as JSON Schema."""
    return AddonDocument.model_json_schema(by_alias=True)
