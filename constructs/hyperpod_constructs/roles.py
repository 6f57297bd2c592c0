"""The IAM roles of an installation: four that the inference add-on names, two of its storage drivers.

:class:`ServiceAccountRole` makes one from its row of data in `role_specs.py`, and :class:`InferenceRoles`
makes those that the caller does not bring. Trust is in `trust.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import Aws, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct, DependencyGroup

from hyperpod_constructs.acknowledge import acknowledge
from hyperpod_constructs.errors import require
from hyperpod_constructs.naming import EXECUTION_ROLE_PREFIX, TLS_BUCKET_PREFIX, unique_suffix
from hyperpod_constructs.policy_documents import statements
from hyperpod_constructs.role_specs import (
    ALB_CONTROLLER,
    EXECUTION,
    FSX_CSI_DRIVER,
    JUMPSTART_GATED_MODEL,
    KEDA_OPERATOR,
    S3_CSI_DRIVER,
    RoleSpec,
)
from hyperpod_constructs.trust import OidcIssuer, irsa_role


class ServiceAccountRole(Construct):
    """One role from a :class:`RoleSpec`.

    Attributes:
        role: the role.
        permissions: depend on it to start when the role may do all that was granted.
    """

    def __init__(self, scope: Construct, construct_id: str, *, spec: RoleSpec, issuer: OidcIssuer) -> None:
        super().__init__(scope, construct_id)
        self.permissions = DependencyGroup()
        name = f"{spec.name_prefix}-{unique_suffix(self)}" if spec.name_prefix else None
        managed = [iam.ManagedPolicy.from_aws_managed_policy_name(policy) for policy in spec.aws_policies]
        self.role = irsa_role(
            self,
            "Role",
            issuer=issuer,
            account=spec.account,
            services=spec.services,
            role_name=name,
            description=spec.description,
            managed_policies=managed,
        )
        if spec.document:
            self.allow("Policy", statements(spec.document))
        for finding, reason in spec.reasons.items():
            acknowledge(self, finding, reason)

    def allow(self, construct_id: str, granted: Sequence[iam.PolicyStatement]) -> iam.ManagedPolicy:
        """Grant statements by a managed policy: an inline one would fail the regulatory rule packs."""
        policy = iam.ManagedPolicy(self, construct_id, statements=list(granted), roles=[self.role])
        self.permissions.add(policy)
        return policy


@dataclass(frozen=True, kw_only=True)
class ExistingRoles:
    """Roles that exist already and are used as they are; each left out is made.

    Args:
        execution: the operator's; its name must begin with `SageMakerHyperPodInference`.
        jumpstart_gated_model, alb_controller, keda_operator: as the add-on's configuration names them.
        s3_csi_driver, fsx_csi_driver: of the storage drivers.
    """

    execution: iam.IRole | None = None
    jumpstart_gated_model: iam.IRole | None = None
    alb_controller: iam.IRole | None = None
    keda_operator: iam.IRole | None = None
    s3_csi_driver: iam.IRole | None = None
    fsx_csi_driver: iam.IRole | None = None


_NONE: Final = ExistingRoles()


class InferenceRoles(Construct):
    """The roles of one installation: each given is used as it is, each left out is made.

    Args:
        issuer: OIDC issuer of the cluster.
        existing: the roles that exist; default none.
        tls_bucket: the operator gets access to it where its name does not begin with `hyperpod-tls-`.
        model_buckets: names of the buckets that models are mounted from; default all of the account, to read.
        alb_controller, keda_operator: False for a controller of your own, which needs no role; default True.

    Attributes:
        execution, jumpstart_gated_model, s3_csi_driver, fsx_csi_driver: the roles.
        alb_controller, keda_operator: the roles, or None where not wanted.
        permissions: depend on it to start when the roles may do all that was granted.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        issuer: OidcIssuer,
        tls_bucket: s3.IBucket,
        existing: ExistingRoles = _NONE,
        model_buckets: Sequence[str] = (),
        alb_controller: bool = True,
        keda_operator: bool = True,
    ) -> None:
        super().__init__(scope, construct_id)
        self._issuer = issuer
        self.permissions = DependencyGroup()
        self.execution = self._execution(existing.execution, tls_bucket)
        self.jumpstart_gated_model = existing.jumpstart_gated_model or self._make(
            "JumpStartGatedModel", JUMPSTART_GATED_MODEL
        )
        self.alb_controller = self._optional(
            alb_controller, existing.alb_controller, "AlbController", ALB_CONTROLLER
        )
        self.keda_operator = self._optional(
            keda_operator, existing.keda_operator, "KedaOperator", KEDA_OPERATOR
        )
        self.fsx_csi_driver = existing.fsx_csi_driver or self._make("FsxCsiDriver", FSX_CSI_DRIVER)
        self.s3_csi_driver = existing.s3_csi_driver or self._s3_csi_driver(model_buckets)

    def _make(self, construct_id: str, spec: RoleSpec) -> iam.Role:
        return self._made(construct_id, spec).role

    def _made(self, construct_id: str, spec: RoleSpec) -> ServiceAccountRole:
        made = ServiceAccountRole(self, construct_id, spec=spec, issuer=self._issuer)
        self.permissions.add(made.permissions)
        return made

    def _optional(
        self, wanted: bool, existing: iam.IRole | None, construct_id: str, spec: RoleSpec
    ) -> iam.IRole | None:
        return (existing or self._make(construct_id, spec)) if wanted else None

    def _execution(self, given: iam.IRole | None, tls_bucket: s3.IBucket) -> iam.IRole:
        if given is not None:
            name = given.role_name
            allowed = f"a role whose name begins with {EXECUTION_ROLE_PREFIX}"
            require(name.startswith(EXECUTION_ROLE_PREFIX), self, "execution", name, allowed, _WHY_PREFIX)
            return given
        made = self._made("Execution", EXECUTION)
        if not _reached_by_aws_policy(tls_bucket):
            made.allow("TlsBucket", _tls_bucket_access(tls_bucket))
            acknowledge(made, _objects_finding(tls_bucket), "The objects of the one bucket that was given.")
        return made.role

    def _s3_csi_driver(self, model_buckets: Sequence[str]) -> iam.Role:
        made = self._made("S3CsiDriver", S3_CSI_DRIVER)
        names = list(model_buckets) or ["*"]
        made.allow("ReadModels", _read_models(names))
        for name in names:
            reason = (
                "Models of this account, to read only; name model_buckets to narrow it."
                if name == "*"
                else "The objects of a bucket that holds models, to read only."
            )
            acknowledge(made, f"IAM5[Resource::arn:<AWS::Partition>:s3:::{name}/*]", reason)
            if name == "*":
                acknowledge(made, "IAM5[Resource::arn:<AWS::Partition>:s3:::*]", reason)
        return made.role


_WHY_PREFIX: Final = "AWS's managed policy passes roles with that name to SageMaker, and no others."


def _reached_by_aws_policy(bucket: s3.IBucket) -> bool:
    """A bucket made here, or one whose name says that the managed policy covers it."""
    name = bucket.bucket_name
    return isinstance(bucket, s3.Bucket) or (
        not Token.is_unresolved(name) and name.startswith(TLS_BUCKET_PREFIX)
    )


def _tls_bucket_access(bucket: s3.IBucket) -> list[iam.PolicyStatement]:
    actions = ["s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject"]
    objects = iam.PolicyStatement(
        sid="TlsObjects", actions=actions, resources=[bucket.arn_for_objects("*")], conditions=_OWN_ACCOUNT
    )
    listing = iam.PolicyStatement(
        sid="TlsBucket", actions=["s3:ListBucket"], resources=[bucket.bucket_arn], conditions=_OWN_ACCOUNT
    )
    return [objects, listing]


def _read_models(names: Sequence[str]) -> list[iam.PolicyStatement]:
    arns = [f"arn:{Aws.PARTITION}:s3:::{name}" for name in names]
    listing = iam.PolicyStatement(
        sid="ListModels", actions=["s3:ListBucket"], resources=arns, conditions=_OWN_ACCOUNT
    )
    reading = iam.PolicyStatement(
        sid="ReadModels",
        actions=["s3:GetObject"],
        resources=[f"{arn}/*" for arn in arns],
        conditions=_OWN_ACCOUNT,
    )
    return [listing, reading]


_OWN_ACCOUNT: Final = {"StringEquals": {"aws:ResourceAccount": Aws.ACCOUNT_ID}}


def _objects_finding(bucket: s3.IBucket) -> str:
    return f"IAM5[Resource::arn:<AWS::Partition>:s3:::{bucket.bucket_name}/*]"
