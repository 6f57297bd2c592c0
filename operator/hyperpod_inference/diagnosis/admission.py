"""Webhooks of others that stop everything: registered, but nobody answers behind their Service."""

from hyperpod_inference.api import names
from hyperpod_inference.diagnosis.observed import Body, Cluster, Findings, ok, wrong

KINDS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
CREATED = {"deployments", "replicasets", "pods", "services", "ingresses", "jobs"}
"""Plurals of what the operator, or a controller for it, has to create."""
KUEUE = "kueue-webhook-service"


def admission(cluster: Cluster) -> Findings:
    """Webhooks that must answer before pods and Deployments are created."""
    check, dead = "admission", 0
    hooks = [hook for kind in KINDS for each in cluster.of(kind).all() for hook in each.get("webhooks") or ()]
    for hook in hooks:
        service = hook["clientConfig"].get("service")
        if service is None or not _blocks(hook) or service["name"] == names.WEBHOOK_SERVICE:
            continue
        if cluster.backends(service["namespace"], service["name"]) == 0:
            dead += 1
            yield wrong(
                check,
                f'webhook "{hook["name"]}" must be asked before {_whats(hook)} are created, and Service '
                f"{service['namespace']}/{service['name']} has no ready endpoint",
                _fix(service),
            )
    if not dead:
        yield ok(check, f"{len(hooks)} webhooks, none stops pods or Deployments")


def _blocks(hook: Body) -> bool:
    """Whether nothing is created while it does not answer. Fail is the API's default."""
    return hook.get("failurePolicy", "Fail") == "Fail" and bool(_plurals(hook))


def _plurals(hook: Body) -> set[str]:
    told = {
        resource.partition("/")[0]
        for rule in hook.get("rules") or ()
        if {"CREATE", "*"} & set(rule.get("operations") or ())
        for resource in rule.get("resources") or ()
    }
    return CREATED if "*" in told else CREATED & told


def _whats(hook: Body) -> str:
    return ", ".join(sorted(_plurals(hook)))


def _fix(service: Body) -> str:
    namespace = service["namespace"]
    look = f"`kubectl get pods -n {namespace}`: its pods have to be ready."
    if service["name"] != KUEUE:
        return f"{look} If nobody needs it any more, delete its configuration."
    return (
        f"{look} `kubectl scale deployment kueue-controller-manager -n {namespace} --replicas=1` where it "
        "is at 0. An "
        "add-on that failed meanwhile is deleted (with --preserve) and created again."
    )
