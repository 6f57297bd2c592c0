"""Labels of the operator's own objects: which ones select its pods, which ones only describe.

Read by rbac.py, namespace.py and operator.py. The selector never changes: a Deployment's selector is
immutable, and PodDisruptionBudget, Service and topology spread read the same one.
"""

from __future__ import annotations

from hyperpod_inference import __version__

SELECTOR = {
    "app.kubernetes.io/component": "controller-manager",
    "app.kubernetes.io/name": "hyperpod-inference",
}

COMMON = {
    **SELECTOR,
    "app.kubernetes.io/part-of": "hyperpod-inference",
    "app.kubernetes.io/version": __version__,
}

# Kubebuilder's label, so that `kubectl logs -l control-plane=controller-manager` finds this operator too.
POD = {**COMMON, "control-plane": "controller-manager"}
