"""What the caller must be allowed to do in the cluster, asked before anything changes."""

from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.resources import Resource

REVIEWS = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)

# (verb, group, resource): why it is needed
NEEDED: dict[tuple[str, str, str], str] = {
    ("list", "", "secrets"): "Helm's records",
    ("delete", "", "secrets"): "Helm's records are removed at the end",
    ("create", "", "secrets"): "and written back on the way back",
    ("list", "apps", "deployments"): "what runs",
    ("patch", "apps", "deployments"): "the old operator is scaled to 0",
    ("delete", "apps", "deployments"): "the old Deployments are removed",
    ("create", "apps", "deployments"): "and made again on the way back",
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


async def missing(client: Client) -> list[str]:
    """What the caller may not do, one line each; empty when all is allowed."""
    found = []
    for (verb, group, resource), why in NEEDED.items():
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
