import pytest

from hyperpod_inference.local.errors import MissingPrerequisiteError
from hyperpod_inference.local.prerequisites import Tools, available_memory, check


def refusal(host) -> str:
    with pytest.raises(MissingPrerequisiteError) as caught:
        check(host)
    return str(caught.value)


def test_a_machine_with_everything_passes_and_names_its_tools(host) -> None:
    assert check(host) == Tools("/usr/bin/unshare", "/usr/sbin/ip")


def test_the_network_is_tried_out_as_the_supervisor_will_set_it_up(host) -> None:
    check(host)
    (command,) = host.commands
    assert command[:2] == ("/usr/bin/unshare", "-Urnmpf")
    assert "/usr/sbin/ip route add local 10.244.0.0/16 dev lo" in command[-1]


def test_another_system_than_linux_is_refused(host) -> None:
    host.platform = "darwin"
    assert "needs Linux namespaces, this is 'darwin'" in refusal(host)


@pytest.mark.parametrize(("tool", "package"), [("unshare", "util-linux"), ("ip", "iproute2")])
def test_a_missing_tool_is_named_with_its_package(host, tool: str, package: str) -> None:
    del host.programs[tool]
    message = refusal(host)
    assert f"{tool!r} is not on this machine" in message
    assert f"apt-get install {package}" in message


def test_too_little_memory_says_how_much_there_is_and_how_much_is_needed(host) -> None:
    host.files["meminfo"] = "MemAvailable: 1048576 kB\n"
    assert "1.0 GiB of memory are available, the local cluster needs 1.5" in refusal(host)


def test_a_kernel_that_does_not_tell_its_memory_is_not_refused(host) -> None:
    host.files.clear()
    assert available_memory(host) is None
    check(host)


@pytest.mark.parametrize(
    ("path", "value", "remedy"),
    [
        ("kernel/unprivileged_userns_clone", "0\n", "sysctl -w kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1\n",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ("user/max_user_namespaces", "0\n", "sysctl -w user.max_user_namespaces=15000"),
    ],
)
def test_forbidden_namespaces_name_the_kernel_setting(host, path: str, value: str, remedy: str) -> None:
    host.answers["/usr/bin/unshare"] = (1, "unshare: unshare failed: Operation not permitted")
    host.files[f"sys/{path}"] = value
    message = refusal(host)
    assert "Operation not permitted" in message
    assert remedy in message


def test_forbidden_namespaces_without_a_setting_point_at_the_container(host) -> None:
    host.answers["/usr/bin/unshare"] = (1, "")
    message = refusal(host)
    assert "exit status 1" in message
    assert "--security-opt seccomp=unconfined" in message
