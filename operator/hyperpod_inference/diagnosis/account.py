"""The AWS account of a running installation: what of `preflight` has to go on holding, and the add-on."""

from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.diagnosis.observed import Findings, ok, unseen, waiting, wrong
from hyperpod_inference.installation.compatibility import INFERENCE, RELEASES
from hyperpod_inference.installation.preflight import Facts, Finding, Unread, dependencies, standing
from hyperpod_inference.installation.settings import StackSettings

FAILED = ("CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED", "DEGRADED")


def installation_of(settings: OperatorSettings) -> StackSettings:
    """The installation that an operator with these settings belongs to. Raises PropertyError."""
    bucket = settings.tls_certificate_output_s3_uri.removeprefix("s3://").partition("/")[0]
    return StackSettings(
        region=settings.region or None,
        eks_cluster_name=settings.eks_cluster_name or None,
        oidc_issuer_url="https://unknown" if settings.eks_cluster_name else None,  # preflight asks EKS for it
        hyperpod_cluster_arn=settings.hyperpod_cluster_arn or None,
        tls_bucket_name=bucket or None,
        execution_role_arn=settings.execution_role_arn or None,
        jumpstart_gated_model_role_arn=settings.gated_model_download_role_arn or None,
    )


def account(settings: StackSettings, facts: Facts) -> list[Finding]:
    """Every finding about the account. The add-ons count where the operator came as one."""
    managed = not isinstance(facts.addons, Unread) and INFERENCE in facts.addons
    return [*standing(settings, facts), *(dependencies(settings, facts) if managed else ()), *_addon(facts)]


def unreachable(why: str) -> Finding:
    """AWS could not be asked at all."""
    return waiting(
        "AWS account",
        why,
        "Credentials and region are those of the AWS command line; `aws sts get-caller-identity`.",
    )


def _addon(facts: Facts) -> Findings:
    check = f"add-on {INFERENCE}"
    if isinstance(facts.addons, Unread):
        yield unseen(check, facts.addons.reason)
        return
    found = facts.addons.get(INFERENCE)
    if found is None:
        return
    if found.status in FAILED:
        fix = (
            f"`aws eks describe-addon --addon-name {INFERENCE}` says why. Often nodes have fewer than 13 "
            "free places for "
            "pods, or a dependency failed: save its configurationValues, put that right, and create it again."
        )
        yield wrong(check, f"{found.version} is {found.status}", fix)
    elif found.status != "ACTIVE":
        fix = "Wait until it is ACTIVE before endpoints are deployed."
        yield wrong(check, f"{found.version} is {found.status}", fix)
    else:
        newest = RELEASES[-1]
        newer = f"{newest.version} is out: {newest.brings}." if found.version != newest.version else ""
        yield ok(check, f"{found.version}, ACTIVE", newer)
