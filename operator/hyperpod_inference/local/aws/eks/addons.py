"""EKS add-ons: create, describe, list, update, delete, as EKS answers them.

A creation or update over objects that the cluster has already (`conflicting`) ends in CREATE_FAILED or
UPDATE_FAILED with ConfigurationConflict unless it says OVERWRITE. How the next change of an add-on ends can
be set from outside (`World.addon_outcomes`).
"""

from typing import Final

from moto.moto_api._internal import mock_random

from hyperpod_inference.local.aws.eks import clusters, pod_identity
from hyperpod_inference.local.aws.eks.addon import Addon, AddonUpdate, Outcome
from hyperpod_inference.local.aws.eks.addon_catalogue import check_configuration, published
from hyperpod_inference.local.aws.errors import AwsError
from hyperpod_inference.local.aws.wire import Params
from hyperpod_inference.local.aws.world import World, page

_PARAM_TYPES: Final = {
    "addonVersion": "AddonVersion",
    "serviceAccountRoleArn": "ServiceAccountRoleArn",
    "resolveConflicts": "ResolveConflicts",
    "configurationValues": "ConfigurationValues",
}
_CHANGING: Final = frozenset({"CREATING", "UPDATING", "DELETING"})


def create_addon(world: World, params: Params) -> Params:
    """Install an add-on."""
    cluster, name = params["clusterName"], params["addonName"]
    clusters.find(world, cluster)
    offered, version = published(name, params.get("addonVersion"))
    if _installed(world, cluster, name):
        raise _error("ResourceInUseException", "Addon already exists.", cluster, name)
    _check_configuration(name, params)
    now = world.clock()
    addon = Addon(
        name=name,
        cluster=cluster,
        version=version,
        arn=world.arn("eks", f"addon/{cluster}/{name}/{mock_random.uuid4()}"),
        owner=offered.owner,
        namespace=params.get("namespaceConfig", {}).get("namespace", offered.namespace),
        created=now,
        modified=now,
        status="CREATING",
        due=world.due(),
        ends=_outcome(world, "CREATE_FAILED", cluster, name, params),
        role=params.get("serviceAccountRoleArn"),
        configuration=params.get("configurationValues"),
        tags=params.get("tags", {}),
    )
    _associate(world, addon, params)
    world.addons[cluster, name] = addon
    return {"addon": addon.described(now)}


def describe_addon(world: World, params: Params) -> Params:
    """One add-on and its health."""
    addon = _find(world, params["clusterName"], params["addonName"])
    return {"addon": addon.described(world.clock())}


def list_addons(world: World, params: Params) -> Params:
    """The names of a cluster's add-ons."""
    cluster = params["clusterName"]
    clusters.find(world, cluster)
    names = sorted(
        name for owner, name in list(world.addons) if owner == cluster and _installed(world, owner, name)
    )
    names, token = page(names, params.get("maxResults"), params.get("nextToken"))
    return {"addons": names} | ({"nextToken": token} if token else {})


def update_addon(world: World, params: Params) -> Params:
    """Change an add-on. As on EKS, configuration values replace the ones before as a whole."""
    cluster, name = params["clusterName"], params["addonName"]
    addon = _find(world, cluster, name)
    now = world.clock()
    if addon.status_at(now) in _CHANGING:
        message = f"Addon {name} cannot be updated as it is currently in {addon.status_at(now)} state"
        raise _error("ResourceInUseException", message, cluster, name)
    published(name, params.get("addonVersion"))
    _check_configuration(name, params)
    ends = _outcome(world, "UPDATE_FAILED", cluster, name, params)
    if ends is None:
        addon.version = params.get("addonVersion", addon.version)
        addon.role = params.get("serviceAccountRoleArn", addon.role)
        addon.configuration = params.get("configurationValues", addon.configuration)
        _associate(world, addon, params)
    addon.begin("UPDATING", now, world.due(), ends)
    update = AddonUpdate(
        id=str(mock_random.uuid4()),
        addon=(cluster, name),
        created=now,
        due=addon.due,
        params=tuple((kind, params[key]) for key, kind in _PARAM_TYPES.items() if key in params),
        ends=ends,
    )
    world.addon_updates[update.id] = update
    return {"update": update.described(now)}


def describe_update(world: World, params: Params) -> Params:
    """An update that UpdateAddon began."""
    clusters.find(world, params["name"])
    update = world.addon_updates.get(params["updateId"])
    if update is None or update.addon != (params["name"], params.get("addonName")):
        raise AwsError("ResourceNotFoundException", f"No update found for ID: {params['updateId']}")
    return {"update": update.described(world.clock())}


def delete_addon(world: World, params: Params) -> Params:
    """Remove an add-on; `preserve` leaves its objects in the cluster, which the double has none of."""
    cluster, name = params["clusterName"], params["addonName"]
    addon = _find(world, cluster, name)
    now = world.clock()
    addon.begin("DELETING", now, world.due(), _told(world, cluster, name))
    described = addon.described(now) | {"status": "DELETING"}
    for association in [a for a in world.associations.values() if a.owner == addon.arn]:
        del world.associations[cluster, association.id]
    return {"addon": described}


def _installed(world: World, cluster: str, name: str) -> Addon | None:
    addon = world.addons.get((cluster, name))
    if addon is not None and addon.gone(world.clock()):
        del world.addons[cluster, name]
        return None
    return addon


def _find(world: World, cluster: str, name: str) -> Addon:
    clusters.find(world, cluster)
    addon = _installed(world, cluster, name)
    if addon is None:
        message = f"No addon: {name} found in cluster: {cluster}"
        raise _error("ResourceNotFoundException", message, cluster, name)
    return addon


def _check_configuration(name: str, params: Params) -> None:
    offered, _ = published(name)
    text = params.get("configurationValues")
    if text:
        check_configuration(offered, text)


def _associate(world: World, addon: Addon, params: Params) -> None:
    """Own pod identity associations, in the add-on's namespace, as EKS makes them for an add-on."""
    for wanted in params.get("podIdentityAssociations", []):
        made = pod_identity.associate(
            world,
            addon.cluster,
            addon.namespace,
            wanted["serviceAccount"],
            wanted["roleArn"],
            owner=addon.arn,
        )
        if made.arn not in addon.associations:
            addon.associations.append(made.arn)


def _outcome(world: World, failed: str, cluster: str, name: str, params: Params) -> Outcome | None:
    told = _told(world, cluster, name)
    if told is not None:
        return told
    resources = world.conflicting.get(name)
    if resources and params.get("resolveConflicts", "NONE") == "NONE":
        message = "Conflicts found when trying to apply. Will not continue due to resolve conflicts mode."
        return Outcome(failed, "ConfigurationConflict", message, resources)
    return None


def _told(world: World, cluster: str, name: str) -> Outcome | None:
    return world.addon_outcomes.pop((cluster, name), None)


def _error(code: str, message: str, cluster: str, name: str) -> AwsError:
    return AwsError(code, message, clusterName=cluster, addonName=name)


OPERATIONS: Final = {
    "CreateAddon": create_addon,
    "DescribeAddon": describe_addon,
    "ListAddons": list_addons,
    "UpdateAddon": update_addon,
    "DeleteAddon": delete_addon,
    "DescribeUpdate": describe_update,
}
