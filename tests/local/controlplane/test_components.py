from pathlib import Path

import pytest

from hyperpod_inference.local.inside import components
from hyperpod_inference.local.paths import StateDir
from hyperpod_inference.local.plan import Plan

STATE = StateDir(Path("/state"))
PLAN = Plan({name: ("/bin/all", name) for name in components.CONTROL_PLANE}, "test", "/sbin/ip", 1, 2)


@pytest.fixture
def flags() -> dict[str, set[str]]:
    return {each.name: set(each.argv) for each in components.control_plane(PLAN, STATE)}


def test_the_parts_start_in_the_order_in_which_they_need_each_other() -> None:
    started = components.control_plane(PLAN, STATE)
    assert [each.name for each in started] == list(components.CONTROL_PLANE)
    assert [each.argv[:2] for each in started] == [("/bin/all", name) for name in components.CONTROL_PLANE]


def test_the_api_server_enforces_rbac_and_listens_on_the_address_of_its_own_service(flags) -> None:
    assert {
        "--authorization-mode=RBAC",
        "--bind-address=10.96.0.1",
        "--secure-port=443",
        "--endpoint-reconciler-type=none",
        "--service-account-signing-key-file=/state/pki/service-account.key",
        "--kubelet-certificate-authority=/state/pki/ca.crt",
        "--proxy-client-cert-file=/state/pki/front-proxy-client.crt",
    } <= flags["kube-apiserver"]


def test_nothing_listens_on_every_address(flags) -> None:
    # It would take the port away from every pod and service.
    addresses = {flag.partition("=")[2] for each in flags.values() for flag in each if "address" in flag}
    assert addresses <= {"10.96.0.1", "127.0.0.1", "InternalIP"}


def test_etcd_asks_its_clients_for_a_certificate(flags) -> None:
    assert {"--client-cert-auth=true", "--trusted-ca-file=/state/pki/etcd-ca.crt"} <= flags["etcd"]


def test_the_agent_is_given_its_kubeconfig_the_state_directory_and_the_nodes() -> None:
    argv = components.node_agent(PLAN, STATE).argv
    assert argv[-6:] == (
        *("-m", "hyperpod_inference.local.agent"),
        *("--kubeconfig", "/state/kubeconfigs/agent.conf"),
        *("--state", "/state"),
    )
    named = Plan(PLAN.commands, "test", "/sbin/ip", 1, 2, "/nodes.yaml", ("a",))
    assert components.node_agent(named, STATE).argv[-2:] == ("--nodes", "/nodes.yaml")


def test_a_plan_comes_back_from_its_file_as_it_was(tmp_path) -> None:
    named = Plan(PLAN.commands, "test", "/sbin/ip", 1, 2, "/nodes.yaml", ("a", "b"))
    for plan in (PLAN, named):
        plan.write(tmp_path / "plan.json")
        assert Plan.read(tmp_path / "plan.json") == plan
