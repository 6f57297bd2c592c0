"""Labels of the operator's own objects: which ones select its pods, which ones only describe.

Read by rbac.py, namespace.py and operator.py. The selector never changes: a Deployment's selector is
immutable, and PodDisruptionBudget, Service and topology spread read the same one.
"""

from __future__ import annotations

from hyperpod_inference import __version__
from hyperpod_inference.api import names

SELECTOR = {
    names.LABEL_COMPONENT: "controller-manager",
    names.LABEL_NAME: "hyperpod-inference",
}

COMMON = {
    **SELECTOR,
    names.LABEL_PART_OF: "hyperpod-inference",
    "app.kubernetes.io/version": __version__,
}

# Kubebuilder's label, so that `kubectl logs -l control-plane=controller-manager` finds this operator too.
POD = {**COMMON, "control-plane": "controller-manager"}
