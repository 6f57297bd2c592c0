"""The whole life of the CDK app's stack on loopback, by the real `cdk`: `make deploy-local` runs it.

Bootstrap, deploy, diff, update, diff, destroy; after each what AWS then holds is looked at with boto3. A step
that leaves anything else than it should is an error.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3

from hyperpod_inference.local.aws import ACCOUNT, REGION
from hyperpod_inference.local.aws.process import running
from hyperpod_inference.local.errors import LocalError

STACK: Final = "HyperPodInference"
# What the update changes: the HyperPod cluster gets a second accelerated node.
UPDATE: Final = ("-c", "hyperpod-inference:instanceGroups=system=ml.c5.4xlarge:1,accelerated=ml.g5.8xlarge:2")
_QUIET: Final = {
    "CDK_VALIDATION": "false",  # `make synth` and the tests validate; here it would be two thirds of the time
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
    "NODE_NO_WARNINGS": "1",
    "CDK_DISABLE_CLI_TELEMETRY": "true",
}
# Minutes, for a machine that does much else.
_PATIENCE: Final = 600.0
Tell = Callable[[str], None]


class DeploymentError(LocalError):
    """A step of the deployment failed, or left something else than it should."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a step took and left."""

    name: str
    seconds: float
    result: str


class Deployment:
    """The steps, in the order of `run`.

    Args:
        app: the folder of app.py and cdk.json.
        environment: of the double's clients.
        scratch: a folder for the synthesized app.
        tell: is told of each step.
    """

    def __init__(self, app: Path, environment: Mapping[str, str], scratch: Path, tell: Tell) -> None:
        self._app = app
        self._environment = {**environment, **_QUIET}
        self._scratch = scratch
        self._tell = tell
        self.steps: list[Step] = []
        session = boto3.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        self._cloudformation = session.client("cloudformation", endpoint_url=environment["AWS_ENDPOINT_URL"])

    def run(self) -> list[Step]:
        """All steps; DeploymentError at the first that fails."""
        self._step("bootstrap", self._bootstrap)
        self._step("deploy", lambda: self._deploy("first", "CREATE_COMPLETE"))
        self._step("diff", lambda: self._diff("first"))
        self._step("update", lambda: self._deploy("second", "UPDATE_COMPLETE", *UPDATE))
        self._step("diff", lambda: self._diff("second"))
        self._step("destroy", self._destroy)
        return self.steps

    def _step(self, name: str, act: Callable[[], str]) -> None:
        self._tell(f"{name:<10} ...")
        started = time.monotonic()
        result = act()
        self.steps.append(Step(name, time.monotonic() - started, result))
        self._tell(f"{name:<10} {self.steps[-1].seconds:5.1f} s  {result}")

    def _bootstrap(self) -> str:
        # Outside the app's folder: it needs no synthesized app.
        self._cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}", folder=self._scratch)
        return f"aws://{ACCOUNT}/{REGION}"

    def _deploy(self, folder: str, status: str, *context: str) -> str:
        """Synthesize into a folder of its own and deploy that, so that `diff` need not do it again."""
        before = len(self._events()) if status.startswith("UPDATE") else 0
        self._cdk("deploy", "--require-approval", "never", "--output", str(self._scratch / folder), *context)
        stack = self._stack()
        if stack["StackStatus"] != status:
            raise DeploymentError(f"the stack is {stack['StackStatus']}, not {status}", self._reasons())
        done = Counter(_complete(self._events()[before:]))
        return ", ".join(f"{count} resources {what}" for what, count in sorted(done.items()))

    def _diff(self, folder: str) -> str:
        said = self._cdk("diff", "--fail", "--app", str(self._scratch / folder))
        if "There were no differences" not in said:
            raise DeploymentError("cdk diff finds differences after the deployment", said)
        return "no differences"

    def _destroy(self) -> str:
        self._cdk("destroy", "--force", "--app", str(self._scratch / "second"))
        stacks = self._cloudformation.list_stacks()["StackSummaries"]
        gone = [s for s in stacks if s["StackName"] == STACK and s["StackStatus"] == "DELETE_COMPLETE"]
        if len(gone) != 1:
            raise DeploymentError(f"the stack is not gone: {stacks}")
        events = self._cloudformation.describe_stack_events(StackName=gone[0]["StackId"])["StackEvents"]
        kept = [e["ResourceType"] for e in events if e["ResourceStatus"] == "DELETE_SKIPPED"]
        return f"nothing left but what is retained: {', '.join(sorted(kept))}"

    def _cdk(self, *arguments: str, folder: Path | None = None) -> str:
        """What `cdk` said; DeploymentError with its last lines when it fails."""
        command = ["cdk", *arguments, "--no-notices", "--progress", "events"]
        if arguments[0] in ("diff", "bootstrap", "destroy"):
            command = command[:-2]
        try:
            done = subprocess.run(
                command,
                cwd=folder or self._app,
                env=self._environment,
                capture_output=True,
                text=True,
                timeout=_PATIENCE,
            )
        except FileNotFoundError as error:
            raise DeploymentError("cdk is not on the PATH", "Install it: make setup") from error
        said = done.stdout + done.stderr
        if done.returncode:
            traces = (self._scratch / "aws.log").read_text()
            raise DeploymentError(
                f"`{' '.join(command)}` ended with {done.returncode}", said[-4000:] + traces[-4000:]
            )
        return said

    def _stack(self) -> dict[str, Any]:
        stack: dict[str, Any] = self._cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
        return stack

    def _events(self) -> list[dict[str, Any]]:
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=STACK)
        return [event for page in pages for event in page["StackEvents"]][::-1]

    def _reasons(self) -> str:
        failed = [e for e in self._events() if e["ResourceStatus"].endswith("FAILED")]
        return "\n".join(f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason', '')}" for e in failed)


def _complete(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """The status that each resource came to rest in; an unfinished or failed one shows as such."""
    last = {e["LogicalResourceId"]: e["ResourceStatus"] for e in events if e["ResourceType"] != _STACK_TYPE}
    return list(last.values())


_STACK_TYPE: Final = "AWS::CloudFormation::Stack"


def deploy(app: Path, tell: Tell) -> list[Step]:
    """Start a double, take the app's stack through its life on it, stop the double."""
    with tempfile.TemporaryDirectory(prefix="hyperpod-deploy-") as scratch:
        started = time.monotonic()
        tell("AWS on loopback ...")
        with running(Path(scratch, "aws.log")) as environment:
            tell(f"AWS on loopback {time.monotonic() - started:.1f} s  {environment['AWS_ENDPOINT_URL']}")
            return Deployment(app, environment, Path(scratch), tell).run()


def main() -> None:
    """Run it for the app in the current folder."""
    try:
        steps = deploy(Path.cwd(), lambda line: print(line, flush=True))  # noqa: T201 - for people
    except LocalError as error:
        sys.exit(f"error: {error}")
    by_cdk = sum(step.seconds for step in steps)
    print(json.dumps({"seconds": round(by_cdk, 1), "steps": len(steps)}))  # noqa: T201


if __name__ == "__main__":
    main()
