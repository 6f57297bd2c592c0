"""What the caller must be allowed to do, in the cluster and in AWS, asked before anything changes."""

import asyncio
from collections.abc import Mapping

from hyperpod_inference.api.names import GROUP
from hyperpod_inference.cloud.errors import CloudError
from hyperpod_inference.cloud.roles import Iam
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.resources import Resource
from hyperpod_inference.migration.facts import Account
from hyperpod_inference.migration.plan import Plan

REVIEWS = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)

Permission = tuple[str, str, str]
"""(verb, group, resource)."""
TO_MIGRATE: Mapping[Permission, str] = {
    ("list", "", "secrets"): "Helm's records",
    ("delete", "", "secrets"): "Helm's records are removed at the end",
    ("create", "", "secrets"): "and written back on the way back",
    ("list", "apps", "deployments"): "what runs",
    ("patch", "apps", "deployments"): "the old operator is scaled to 0",
    ("delete", "apps", "deployments"): "the old Deployments are removed",
    ("create", "apps", "deployments"): "and made again on the way back",
    ("delete", "apps", "daemonsets"): "drivers of the chart make room for those of their add-ons",
    ("create", "apps", "daemonsets"): "and come again on the way back",
    ("patch", "", "secrets"): "under the parent chart, Helm's record is written without the operator",
    ("patch", GROUP, "inferenceendpointconfigs"): "the finalizer of this project's operator is taken off",
    ("patch", GROUP, "jumpstartmodels"): "the same",
    ("delete", "", "services"): "so are the Services",
    ("delete", "", "serviceaccounts"): "and the service accounts",
    ("list", "apiextensions.k8s.io", "customresourcedefinitions"): "who converts the resources",
    (
        "patch",
        "apiextensions.k8s.io",
        "customresourcedefinitions",
    ): "the old webhook is put back on the way back",
    ("delete", "rbac.authorization.k8s.io", "clusterroles"): "the old roles are removed",
    ("delete", "rbac.authorization.k8s.io", "clusterrolebindings"): "with their bindings",
    ("list", "networking.k8s.io", "ingresses"): "load balancers of endpoints",
}
"""Each with why it is needed."""
TO_UPGRADE: Mapping[Permission, str] = {
    ("list", "apps", "deployments"): "whether endpoints serve",
    ("list", GROUP, "inferenceendpointconfigs"): "the endpoints",
    ("list", GROUP, "jumpstartmodels"): "the endpoints",
    ("list", "apiextensions.k8s.io", "customresourcedefinitions"): "what the add-on needs beside it",
}


async def missing(client: Client, needed: Mapping[Permission, str] = TO_MIGRATE) -> list[str]:
    """What the caller may not do in the cluster, one line each; empty when all is allowed."""
    found = []
    for (verb, group, resource), why in needed.items():
        attributes = {"verb": verb, "group": group, "resource": resource}
        body = {"apiVersion": REVIEWS.api_version, "kind": REVIEWS.kind, "metadata": {},
                "spec": {"resourceAttributes": attributes}}  # fmt: skip
        answer = await client.create(REVIEWS, body)
        if not answer["status"].get("allowed"):
            where = f"{resource}.{group}" if group else resource
            found.append(
                f"The cluster does not let you {verb} {where} in all namespaces, needed because: {why}."
            )
    return found


async def checked(plan: Plan, account: Account, iam: Iam) -> Plan:
    """The plan, with all that IAM says the caller may not do in AWS among its problems.

    What IAM cannot say is a note: the plan stands then, and a step that is refused is undone.
    """
    if not plan.steps:
        return plan
    wanted: dict[str, set[str]] = {}
    for step in plan.steps:
        for action, arn in step.actions(account):
            wanted.setdefault(arn, set()).add(action)
    refused, unsure = await asyncio.to_thread(_asked, iam, account, wanted)
    notes = (*plan.notes, *([f"not known before it is tried: {'; '.join(unsure)}."] if unsure else []))
    if not refused:
        return plan.model_copy(update={"notes": notes})
    return plan.model_copy(update={"problems": tuple(refused), "steps": (), "notes": notes})


def _asked(iam: Iam, account: Account, wanted: Mapping[str, set[str]]) -> tuple[list[str], list[str]]:
    """What the caller may not do, and what is not known, one line each."""
    refused: list[str] = []
    unsure: list[str] = []
    try:
        principal = iam.principal(account.caller)
    except CloudError as error:
        return [], [f"whether the caller may write in AWS ({error})"]
    if not principal:
        return [], ["whether the caller may write in AWS: IAM judges roles and users only"]
    for arn, actions in wanted.items():
        try:
            no, perhaps = iam.denied(principal, actions, arn)
        except CloudError as error:
            return refused, [*unsure, f"whether the caller may write in AWS ({error})"]
        fix = f"Allow it for {principal}."
        refused += [f"AWS does not let you {action} on {arn}. {fix}" for action in sorted(no)]
        unsure += [f"{action} on {arn} depends on the request" for action in sorted(perhaps)]
    return refused, unsure
