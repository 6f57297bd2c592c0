"""What exactly a container runs: its command line, variables and file system."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hyperpod_inference.local import images
from hyperpod_inference.local.agent import environment, volumes
from hyperpod_inference.local.agent.context import Context
from hyperpod_inference.local.agent.environment import Sources
from hyperpod_inference.local.agent.process import Launch, base_environment
from hyperpod_inference.local.agent.storage import Backing
from hyperpod_inference.local.rootfs import Mount

Body = Mapping[str, Any]

_HOSTNAME_LIMIT = 63


async def launch(
    context: Context,
    pod: Body,
    spec: Body,
    image: images.Image,
    sources: Sources,
    backings: Mapping[str, Backing],
) -> Launch:
    """The next run of the container `spec`.

    Raises:
        ConfigError: something that it refers to is not there.
        ApiError: the API server did not answer.
    """
    objects = await volumes.fetch(context.client, pod, environment.needs(spec))
    known = Sources(sources.pod_ip, sources.host_ip, objects, sources.services, sources.allocatable)
    variables = environment.resolve(pod, spec, known)
    argv = image.argv(*environment.command(spec, variables))
    hostname = str(pod["spec"].get("hostname") or pod["metadata"]["name"])[:_HOSTNAME_LIMIT]
    stage = context.directory / "stage"
    stage.mkdir(parents=True, exist_ok=True)
    message = message_file(context, pod, spec["name"])
    message.parent.mkdir(parents=True, exist_ok=True)
    message.write_bytes(b"")
    message_path = spec.get("terminationMessagePath") or "/dev/termination-log"
    return Launch(
        argv=argv,
        env=base_environment(argv, hostname, sources.pod_ip) | variables,
        cwd=spec.get("workingDir") or "/",
        hostname=hostname,
        stage=str(stage),
        mounts=(
            *volumes.mounts(spec, backings, variables),
            Mount(str(message), message_path),
            *_own_hosts(context, pod, sources.pod_ip, hostname),
        ),
    )


def _own_hosts(context: Context, pod: Body, address: str, hostname: str) -> tuple[Mount, ...]:
    """A pod with `hostAliases` has names of its own; the others see the host's file."""
    if not pod["spec"].get("hostAliases"):
        return ()
    path = context.pod_directory(pod["metadata"]["uid"]) / "hosts"
    path.write_text(hosts(pod["spec"]["hostAliases"], address, hostname), encoding="utf-8")
    return (Mount(str(path), "/etc/hosts", read_only=True),)


def hosts(aliases: Iterable[Body], address: str, hostname: str) -> str:
    """The text of /etc/hosts as a kubelet writes it."""
    lines = ["127.0.0.1\tlocalhost", f"{address}\t{hostname}"]
    lines += ["\t".join((each["ip"], *(each.get("hostnames") or ()))) for each in aliases]
    return "".join(f"{line}\n" for line in lines)


def message_file(context: Context, pod: Body, container: str) -> Path:
    """The file that the container sees as its termination message."""
    return context.pod_directory(pod["metadata"]["uid"]) / "messages" / container
