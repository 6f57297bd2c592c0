"""Finds what installed the operator: a Helm release, or our own manifests that kubectl applied."""

import yaml

from hyperpod_inference.kube.resources import DEPLOYMENTS, SECRETS, Body
from hyperpod_inference.migration import selfhosted, values
from hyperpod_inference.migration.asking import NOTHING, Asking
from hyperpod_inference.migration.helm import SECRET_SELECTOR, Release, UnreadableRelease, decode, newest
from hyperpod_inference.migration.parts import CHARTS, OWN_CHART
from hyperpod_inference.migration.steps.owned import CLUSTER_WIDE, NAMESPACED, held_by_eks


async def releases(asking: Asking, namespace: str) -> tuple[list[Release], list[str]]:
    """The newest revision of each, in all namespaces or one; and what could not be read, one line each."""

    async def listed() -> list[Body]:
        found = await asking.world.client.list(SECRETS, namespace or None, label_selector=SECRET_SELECTOR)
        return found.items

    read, unreadable = [], []
    for secret in await asking.cluster(listed, NOTHING):
        try:
            read.append(decode(secret))
        except UnreadableRelease as error:
            if any(chart in secret["metadata"]["name"] for chart in CHARTS):
                unreadable.append(str(error))
    ours = [
        each for each in newest(read).values() if values.is_inference(each) and each.status != "uninstalled"
    ]
    unreadable += [why for each in ours if (why := _manifest_error(each))]
    if not any(each.chart == OWN_CHART for each in ours):
        ours += await _applied(asking, namespace, unreadable)
    return ours, unreadable


def _manifest_error(release: Release) -> str:
    """Only the releases that matter are read whole."""
    try:
        release.sourced()
    except yaml.YAMLError as error:
        words = " ".join(str(error).split())
        return f"Secret {release.namespace}/{release.secret}: its manifest is not YAML: {words}"
    return ""


async def _applied(asking: Asking, namespace: str, unreadable: list[str]) -> list[Release]:
    """Our own operator where kubectl applied it."""
    found = []
    for each in await asking.listed(DEPLOYMENTS, selfhosted.SELECTOR):
        elsewhere = namespace not in ("", each["metadata"]["namespace"])
        if not selfhosted.is_ours(each) or held_by_eks(each) or elsewhere:
            continue
        try:
            found.append(selfhosted.as_release(each, await _beside(asking, each["metadata"]["namespace"])))
        except ValueError as error:
            unreadable.append(str(error))
    return found


async def _beside(asking: Asking, namespace: str) -> list[Body]:
    """What our charts installed beside the operator's Deployment."""
    found: list[Body] = []
    for resource in (*NAMESPACED, *CLUSTER_WIDE):
        listed = await asking.listed(resource, selfhosted.SELECTOR)
        found += [each for each in listed if each["metadata"].get("namespace", namespace) == namespace]
    return found
