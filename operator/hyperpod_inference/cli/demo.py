"""`hyperpod-inference demo`: the main job, a custom resource in and a real chat completion out.

Run from a checkout of the project (`make demo`), since the first step synthesizes the CDK app there. The
steps are the functions below, in order; each prints what it does and what it saw. The work itself is in
`local/` (the cluster, trying an endpoint) and in the charts and constructs.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from hyperpod_inference.cli.install import example, install_into
from hyperpod_inference.cli.local import progress_line, told
from hyperpod_inference.kube.client import Client
from hyperpod_inference.kube.config import load
from hyperpod_inference.local import tryout
from hyperpod_inference.local.cluster import LocalCluster
from hyperpod_inference.status.placements import Placement

FIELD_MANAGER = "hyperpod-inference-demo"
TENANTS = {"ml.p4d.24xlarge": 7, "ml.g5.24xlarge": 3}
"""GPUs that other work holds, so that the preferred type is too small for all replicas."""
READY_WITHIN = 300.0
"""Seconds for three replicas of a real engine to load their weights on a small machine."""

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 140)


@click.command()
@click.option(
    "--state-dir", type=click.Path(path_type=Path), help="Where the cluster's state lives while it runs."
)
@told
def command(state_dir: Path | None) -> None:
    """Synthesize, start a cluster on this machine, deploy an endpoint, ask it a question, stop everything."""
    started = time.monotonic()
    synthesize(Path.cwd())
    directory = state_dir or Path(tempfile.mkdtemp(prefix="hpi-demo-"))
    cluster = LocalCluster(directory)
    try:
        step("b", "Start the local cluster: etcd, API server, controller manager, scheduler, simulated nodes")
        cluster.up(lambda progress: console.print(f"  {progress_line(progress)}"), stay=False)
        asyncio.run(deploy_and_ask(cluster))
        show_state(cluster)
    finally:
        cluster.down()
        if state_dir is None:
            shutil.rmtree(directory, ignore_errors=True)
    say_how_to_go_on(time.monotonic() - started)


def step(letter: str, title: str) -> None:
    """The heading of a step."""
    console.print(f"\n[bold]({letter}) {title}[/bold]")


def synthesize(project: Path) -> None:
    """(a) Synthesize the CDK app with the real `cdk` and say what it would deploy."""
    step("a", "Synthesize the CDK app (about 10 s)")
    if not (project / "cdk.json").is_file():
        raise click.ClickException(
            f"no cdk.json in {project}: run the demo from a checkout, with `make demo`"
        )
    if shutil.which("cdk") is None:
        raise click.ClickException("no `cdk` on PATH: run `make setup`, or use `make demo` which does it")
    with tempfile.TemporaryDirectory(prefix="hpi-synth-") as out:
        run(["cdk", "synth", "--quiet", "--no-notices", "--output", out], cwd=project)
        run([sys.executable, "-m", "hyperpod_constructs.summary", out], cwd=project)


async def deploy_and_ask(cluster: LocalCluster) -> None:
    """(c) to (f): install from the charts, deploy the example, show where it landed, ask it a question."""
    step("c", "Apply what the charts emit: CRDs, RBAC, the operator's Deployment, the example (about 20 s)")
    await install_into(cluster, console.print)
    async with Client(load(cluster.kubeconfig)) as client:
        await occupy(client)
        body = example()
        key = f"{body['metadata']['namespace']}/{body['metadata']['name']}"
        preferred = ", ".join(body["spec"]["instanceTypes"])
        console.print(f"applying InferenceEndpointConfig {key}, which prefers {preferred}, in this order")
        await client.apply(body, FIELD_MANAGER)
        step("d", "The operator, a pod of its Deployment, reconciles it (about 30 s)")
        endpoint = await tryout.endpoint_ready(
            client,
            *key.split("/"),
            replicas=body["spec"]["replicas"],
            within=READY_WITHIN,
            progress=lambda message: console.print(f"  {message}"),
        )
        step("e", "Replicas by fallback")
        console.print(placement_table(await tryout.placements_of(client, endpoint)))
        step("f", f"Ask through the front door and the Service, {cluster.front_door}/{key}")
        answer = await tryout.ask(f"{cluster.front_door}/{key}", tryout.QUESTION)
        console.print(f"Q: {tryout.QUESTION}\nA: [bold]{answer.text}[/bold]")
        tokens = f"{answer.prompt_tokens} + {answer.completion_tokens} tokens"
        console.print(f"   ({answer.model}, {tokens}, {answer.seconds:.1f} s)")


async def occupy(client: Client) -> None:
    """Let other work hold most of the preferred GPUs."""
    pods = [tryout.tenant(instance_type, gpus) for instance_type, gpus in TENANTS.items()]
    for pod in pods:
        await client.apply(pod, FIELD_MANAGER)
    for pod in pods:
        await tryout.pod_running(client, pod)
    held = ", ".join(f"{gpus} GPUs of {instance_type}" for instance_type, gpus in TENANTS.items())
    console.print(f"other tenants hold {held}, so the preferred type is too small for all replicas")


def placement_table(rows: Iterable[Placement]) -> Table:
    """Which replica is on which type, and why."""
    table = Table("replica", "instance type", "choice", "node", Column("why", overflow="fold"))
    for row in rows:
        table.add_row(row.replica, row.instance_type, str(row.choice or "-"), row.node, row.why)
    return table


def show_state(cluster: LocalCluster) -> None:
    """(g) What `kubectl get iec` says, and the conditions behind it."""
    step("g", "kubectl get iec")
    kubectl = [cluster.kubectl, "--kubeconfig", str(cluster.kubeconfig)]
    run([*kubectl, "get", "iec"])
    found = run([*kubectl, "get", "iec", "--output", "json"], capture=True)
    for endpoint in json.loads(found)["items"]:
        table = Table("condition", "status", "reason", Column("message", overflow="fold"))
        for condition in endpoint["status"]["conditions"]:
            table.add_row(*(condition[field] for field in ("type", "status", "reason", "message")))
        console.print(table)


def say_how_to_go_on(seconds: float) -> None:
    """What to type next; nothing is left running."""
    console.print(
        f"\n[bold]Done in {seconds:.0f} s[/bold], and nothing is left running. To keep a cluster:\n"
        "  .venv/bin/hyperpod-inference local up         # the same cluster, with the operator\n"
        '  eval "$(.venv/bin/hyperpod-inference local kubectl-env)"\n'
        "  kubectl apply -f charts/hyperpod_charts/examples/llm-fallback.yaml\n"
        "  kubectl get iec --watch\n"
        "  .venv/bin/hyperpod-inference local down"
    )


def run(command: list[str], *, cwd: Path | None = None, capture: bool = False) -> str:
    """Run a program of the demo; its failure ends the demo with its exit status and last words."""
    console.print(
        f"$ {' '.join(Path(command[0]).name if i == 0 else part for i, part in enumerate(command))}",
        style="dim",
    )
    done: subprocess.CompletedProcess[Any] = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | {"CDK_VALIDATION": "false"},
        text=True,
        stdout=subprocess.PIPE if capture else None,
    )
    if done.returncode != 0:
        raise click.ClickException(f"{command[0]} ended with exit status {done.returncode}")
    return done.stdout or ""
