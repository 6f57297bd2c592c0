"""The IAM roles of an installation: four that the inference add-on names, two of its storage drivers.

:class:`ServiceAccountRole` makes one from its row of data, and :class:`InferenceRoles` makes those that the
caller does not bring. What each may do is in `hyperpod_inference.installation.roles`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import Aws, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct, DependencyGroup

from hyperpod_constructs.acknowledge import acknowledge, acknowledge_all, skip_checkov
from hyperpod_constructs.naming import TLS_BUCKET_PREFIX, unique_suffix
from hyperpod_constructs.policy_documents import statements
from hyperpod_constructs.role_reasons import CHECKOV, REASONS
from hyperpod_constructs.trust import OidcIssuer, associate, irsa_role, pod_identity_role
from hyperpod_inference.installation.errors import is_token, require
from hyperpod_inference.installation.roles import (
    ALB_CONTROLLER,
    EXECUTION,
    EXECUTION_ROLE_PREFIX,
    FSX_CSI_DRIVER,
    JUMPSTART_GATED_MODEL,
    KEDA_OPERATOR,
    S3_CSI_DRIVER,
    RoleSpec,
)
from hyperpod_inference.installation.trust import Identity, ServiceAccount
from hyperpod_inference.installation.values import BUCKET_NAME, NAMESPACE, check_all


@dataclass(frozen=True, kw_only=True)
class Pods:
    """The cluster whose pods take roles.

    Args:
        cluster_name: of the EKS cluster; needed for Pod Identity.
        issuer: its OIDC issuer; needed for IRSA.
    """

    cluster_name: str
    issuer: OidcIssuer


class ServiceAccountRole(Construct):
    """One role from a :class:`RoleSpec`.

    Args:
        spec: who takes it and what it may do.
        pods: the cluster that the service account is in.
        identity: how pods get its credentials; default IRSA.
        namespaces: for a service account in any namespace under Pod Identity, which has no patterns: those in
            which it is associated; default `default`.

    Attributes:
        role: the role.
        permissions: depend on it to start when the role may do all that was granted, and pods get it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        spec: RoleSpec,
        pods: Pods,
        identity: Identity = Identity.IRSA,
        namespaces: Sequence[str] = ("default",),
    ) -> None:
        super().__init__(scope, construct_id)
        check_all(self, "namespaces", namespaces, NAMESPACE)
        self.permissions = DependencyGroup()
        self.role = self._role(spec, pods, identity)
        if identity is Identity.POD_IDENTITY:
            self._associate(spec, pods, namespaces)
        if spec.document and not spec.aws_policy:
            policy = self.allow("Policy", statements(spec.document))
            if why := CHECKOV.get(spec.key):
                skip_checkov(policy.node.default_child, *why)
        acknowledge_all(self, REASONS.get(spec.key, {}))

    def _role(self, spec: RoleSpec, pods: Pods, identity: Identity) -> iam.Role:
        name = f"{spec.name_prefix}-{unique_suffix(self)}" if spec.name_prefix else None
        managed = [iam.ManagedPolicy.from_aws_managed_policy_name(spec.aws_policy)] if spec.aws_policy else []
        if identity is Identity.POD_IDENTITY:
            return pod_identity_role(
                self,
                "Role",
                services=spec.services,
                role_name=name,
                description=spec.description,
                managed_policies=managed,
            )
        return irsa_role(
            self,
            "Role",
            issuer=pods.issuer,
            account=spec.account,
            services=spec.services,
            role_name=name,
            description=spec.description,
            managed_policies=managed,
        )

    def _associate(self, spec: RoleSpec, pods: Pods, namespaces: Sequence[str]) -> None:
        for number, account in enumerate(_accounts(spec, namespaces), start=1):
            made = associate(
                self, f"Association{number}", cluster_name=pods.cluster_name, account=account, role=self.role
            )
            self.permissions.add(made)

    def allow(self, construct_id: str, granted: Sequence[iam.PolicyStatement]) -> iam.ManagedPolicy:
        """Grant statements by a managed policy: an inline one would fail the regulatory rule packs."""
        policy = iam.ManagedPolicy(self, construct_id, statements=list(granted), roles=[self.role])
        self.permissions.add(policy)
        return policy


def _accounts(spec: RoleSpec, namespaces: Sequence[str]) -> list[ServiceAccount]:
    """Those to associate: the patterns of the account are filled in."""
    first = spec.account
    name = first.name.removesuffix("*")
    spaces = namespaces if first.namespace == "*" else (first.namespace,)
    return [ServiceAccount(namespace=space, name=name) for space in spaces] + list(spec.more_accounts)


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
        pods: the cluster whose pods take them.
        existing: the roles that exist; default none.
        tls_bucket: the operator gets access to it where its name does not begin with `hyperpod-tls-`.
        model_buckets: names of the buckets that models are mounted from; default SageMaker's own of the
            account and region, `sagemaker-REGION-ACCOUNT`. :meth:`grant_read_weights` adds others.
        alb_controller, keda_operator: False for a controller of your own, which needs no role; default True.
        identity: how pods get the credentials of the four roles; default IRSA, the one form that AWS's add-on
            takes.
        driver_identity: the same for the storage drivers; default IRSA. Mountpoint from version 2 on needs
            Pod Identity.
        namespaces: those of endpoints, for the gated model role under Pod Identity; default `default`.

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
        pods: Pods,
        tls_bucket: s3.IBucket,
        existing: ExistingRoles = _NONE,
        model_buckets: Sequence[str] = (),
        alb_controller: bool = True,
        keda_operator: bool = True,
        identity: Identity = Identity.IRSA,
        driver_identity: Identity = Identity.IRSA,
        namespaces: Sequence[str] = ("default",),
    ) -> None:
        super().__init__(scope, construct_id)
        check_all(self, "model_buckets", model_buckets, BUCKET_NAME)
        self._pods, self._identity, self._namespaces = pods, identity, tuple(namespaces)
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
        self._identity = driver_identity
        self.fsx_csi_driver = existing.fsx_csi_driver or self._make("FsxCsiDriver", FSX_CSI_DRIVER)
        self._s3_made: ServiceAccountRole | None = None
        self.s3_csi_driver = existing.s3_csi_driver or self._s3_csi_driver(model_buckets)

    def grant_read_weights(self, bucket: s3.IBucket, prefix: str = "") -> None:
        """Let endpoints mount models from `bucket`, below `prefix` (default all of it).

        A key that encrypts the bucket lets the driver decrypt. Nothing is granted to a storage driver's
        role that
        was brought: its policies are its owner's.
        """
        if self._s3_made is None:
            return
        made, id_ = self._s3_made, f"ReadModels-{bucket.node.addr[-8:]}{prefix.replace('/', '-')}"
        if made.node.try_find_child(id_) is not None:
            return
        objects = bucket.arn_for_objects(f"{prefix}*")
        made.allow(id_, _read_models([bucket.bucket_arn], [objects]))
        if bucket.encryption_key is not None:
            bucket.encryption_key.grant_decrypt(made.role)
        acknowledge(made, _finding(bucket, prefix), _WHY_OBJECTS)

    def _make(self, construct_id: str, spec: RoleSpec) -> iam.Role:
        return self._made(construct_id, spec).role

    def _made(self, construct_id: str, spec: RoleSpec) -> ServiceAccountRole:
        made = ServiceAccountRole(
            self,
            construct_id,
            spec=spec,
            pods=self._pods,
            identity=self._identity,
            namespaces=self._namespaces,
        )
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
            acknowledge(made, _finding(tls_bucket), "The objects of the one bucket that was given.")
        return made.role

    def _s3_csi_driver(self, model_buckets: Sequence[str]) -> iam.Role:
        made = self._s3_made = self._made("S3CsiDriver", S3_CSI_DRIVER)
        names = list(model_buckets) or [_SAGEMAKER_BUCKET]
        arns = [f"arn:{Aws.PARTITION}:s3:::{name}" for name in names]
        made.allow("ReadModels", _read_models(arns, [f"{arn}/*" for arn in arns]))
        for name in names:
            text = "sagemaker-<AWS::Region>-<AWS::AccountId>" if is_token(name) else name
            acknowledge(made, f"IAM5[Resource::arn:<AWS::Partition>:s3:::{text}/*]", _WHY_OBJECTS)
        return made.role


_WHY_OBJECTS: Final = "The objects of a bucket that holds models, to read only."
_WHY_PREFIX: Final = "AWS's managed policy passes roles with that name to SageMaker, and no others."
_SAGEMAKER_BUCKET: Final = f"sagemaker-{Aws.REGION}-{Aws.ACCOUNT_ID}"


def _reached_by_aws_policy(bucket: s3.IBucket) -> bool:
    """A bucket made here, or one whose name says that the managed policy covers it."""
    name = bucket.bucket_name
    return isinstance(bucket, s3.Bucket) or (not is_token(name) and name.startswith(TLS_BUCKET_PREFIX))


def _tls_bucket_access(bucket: s3.IBucket) -> list[iam.PolicyStatement]:
    actions = ["s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject"]
    objects = iam.PolicyStatement(
        sid="TlsObjects", actions=actions, resources=[bucket.arn_for_objects("*")], conditions=_OWN_ACCOUNT
    )
    listing = iam.PolicyStatement(
        sid="TlsBucket", actions=["s3:ListBucket"], resources=[bucket.bucket_arn], conditions=_OWN_ACCOUNT
    )
    return [objects, listing]


def _read_models(buckets: Sequence[str], objects: Sequence[str]) -> list[iam.PolicyStatement]:
    listing = iam.PolicyStatement(
        sid="ListModels", actions=["s3:ListBucket"], resources=list(buckets), conditions=_OWN_ACCOUNT
    )
    reading = iam.PolicyStatement(
        sid="ReadModels", actions=["s3:GetObject"], resources=list(objects), conditions=_OWN_ACCOUNT
    )
    return [listing, reading]


_OWN_ACCOUNT: Final = {"StringEquals": {"aws:ResourceAccount": Aws.ACCOUNT_ID}}


def _finding(bucket: s3.IBucket, prefix: str = "") -> str:
    """cdk-nag's name for the objects of a bucket: by its logical id where the template makes it."""
    made = bucket.node.default_child
    if isinstance(made, s3.CfnBucket):
        logical = Stack.of(bucket).get_logical_id(made)
        return f"IAM5[Resource::<{logical}.Arn>/{prefix}*]"
    return f"IAM5[Resource::arn:<AWS::Partition>:s3:::{bucket.bucket_name}/{prefix}*]"
