"""What the annotations of an Ingress say in vain: without effect here, contradicted, or unknown. Pure.

The real controller is silent about names that it does not know; here a person is told.
"""

import difflib
from collections.abc import Mapping
from typing import Final

from hyperpod_inference.api.names import ALB_PREFIX

_HONOURED = """
scheme target-type listen-ports certificate-arn ssl-policy backend-protocol backend-protocol-version
healthcheck-port healthcheck-path healthcheck-protocol healthcheck-interval-seconds
healthcheck-timeout-seconds healthy-threshold-count unhealthy-threshold-count success-codes
target-group-attributes load-balancer-attributes tags
"""
_WITHOUT_EFFECT = """
load-balancer-name group.name group.order ip-address-type subnets security-groups inbound-cidrs
wafv2-acl-arn wafv2-acl-name waf-acl-id web-acl-id shield-advanced-protection ssl-redirect
customer-owned-ipv4-pool auth-type auth-idp-cognito auth-idp-oidc auth-on-unauthenticated-request
auth-scope auth-session-cookie auth-session-timeout jwt-validation target-node-labels
manage-backend-security-group-rules mutual-authentication security-group-prefix-lists
multi-cluster-target-group minimum-load-balancer-capacity ipam-ipv4-pool-id use-regex-path-match
target-control-port create-acm-cert acm-pca-arn dry-run-plan
"""
HONOURED: Final = frozenset(_HONOURED.split())
WITHOUT_EFFECT: Final = frozenset(_WITHOUT_EFFECT.split())
_FAMILIES: Final = ("actions.", "conditions.", "listener-attributes.", "frontend-nlb-", "enable-frontend-nlb")


def remarks(own: Mapping[str, str]) -> tuple[str, ...]:
    """Sentences; `own` are the annotations without their prefix."""
    return (*_unused(own), *_unknown(own))


def _unused(own: Mapping[str, str]) -> list[str]:
    found = [f"{ALB_PREFIX}/{name} has no effect on the local cluster" for name in sorted(own) if _idle(name)]
    ports = own.get("listen-ports", "HTTPS")
    if "certificate-arn" in own and "HTTPS" not in ports:
        found.append(f"{ALB_PREFIX}/certificate-arn is not used: listen-ports {ports} has no HTTPS port")
    return found


def _idle(name: str) -> bool:
    return name in WITHOUT_EFFECT or name.startswith(_FAMILIES)


def _unknown(own: Mapping[str, str]) -> list[str]:
    remarks = []
    for name in sorted(own):
        if name not in HONOURED and not _idle(name):
            near = difflib.get_close_matches(name, HONOURED | WITHOUT_EFFECT, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            remarks.append(f"{ALB_PREFIX}/{name} is no annotation of the AWS Load Balancer Controller{meant}")
    return remarks
