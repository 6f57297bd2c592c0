"""Writes what a cluster needs on disk before its supervisor starts: keys, kubeconfigs, the plan."""

import datetime

from hyperpod_inference.local import kubeconfig, pki
from hyperpod_inference.local.network import API_URL
from hyperpod_inference.local.paths import StateDir
from hyperpod_inference.local.plan import Plan
from hyperpod_inference.local.ports import HOST


def write(state: StateDir, plan: Plan, now: datetime.datetime) -> None:
    """Fill an existing state directory for a fresh run; logs of the run before are removed."""
    for directory in (state.pki, state.kubeconfigs, state.etcd, state.agent, state.logs, state.bin):
        directory.mkdir(mode=0o700, exist_ok=True)
    for log in state.logs.glob("*.log"):
        log.unlink()
    pki.issue_all(state.pki, now)
    for client in ("controller-manager", "scheduler", "agent"):
        target = state.component_kubeconfig(client)
        kubeconfig.write(target, server=API_URL, pki=state.pki, client=client, embed=False)
    server = f"https://{HOST}:{plan.api_port}"
    kubeconfig.write(state.kubeconfig, server=server, pki=state.pki, client="admin", embed=True)
    plan.write(state.plan)
