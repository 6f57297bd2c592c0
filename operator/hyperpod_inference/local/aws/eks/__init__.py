"""EKS beside moto: add-ons, access entries, pod identity associations. One table of operations."""

from hyperpod_inference.local.aws.eks import access, addon_catalogue, addons, clusters, pod_identity

OPERATIONS = {
    **clusters.OPERATIONS,
    **addons.OPERATIONS,
    **addon_catalogue.OPERATIONS,
    **access.OPERATIONS,
    **pod_identity.OPERATIONS,
}
"""Operation name -> function of the world and the parameters."""
