"""`iam:SimulatePrincipalPolicy`, which moto lacks: what a rule of the double refuses is refused here too."""

import fnmatch
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.responses import IamResponse

from hyperpod_inference.local.aws.faults import Faults

REFUSALS = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


def install(faults: Faults) -> None:
    """Let every account answer it, by the rules of this double."""

    def simulate_principal_policy(self: Any) -> ActionResult:
        """Each action on each resource: allowed unless a rule refuses the action."""
        resources = self._get_param("ResourceArns") or ["*"]
        results = [
            {
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": "implicitDeny" if _refused(faults, action) else "allowed",
            }
            for action in self._get_param("ActionNames")
            for resource in resources
        ]
        return ActionResult({"EvaluationResults": results, "IsTruncated": False})

    setattr(IamResponse, "simulate_principal_policy", simulate_principal_policy)  # noqa: B010 - not moto's


def _refused(faults: Faults, action: str) -> bool:
    return any(rule.code in REFUSALS and fnmatch.fnmatchcase(action, rule.action) for rule in faults.rules())
