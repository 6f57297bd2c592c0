"""How long a synth takes, next to that of an empty CDK app: `python bench/synth/compare.py --rounds 7`.

The apps run in turn, each in a process of its own, so that what else the machine does meets them alike. The
ratio of the medians is the figure; the target is 2.0 with CloudFormation's validation off.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EMPTY = "import aws_cdk as cdk; app = cdk.App(); cdk.Stack(app, 'Empty'); app.synth()"
FULL = (
    "import aws_cdk as cdk; from hyperpod_constructs import InferenceStack; app = cdk.App(); "
    "InferenceStack(app, 'HyperPodInference'); app.synth()"
)
CHECKED = (
    "import aws_cdk as cdk; from hyperpod_constructs import InferenceStack, add_checks; app = cdk.App(); "
    "InferenceStack(app, 'HyperPodInference'); add_checks(app); app.synth()"
)
APPS = {"an empty app": EMPTY, "quick install": FULL, "quick install, six rule packs": CHECKED}


def once(code: str, validation: bool) -> tuple[float, float]:
    """Seconds on the clock and of CPU of one synth."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "CDK_OUTDIR": folder,
            "CDK_VALIDATION": str(validation).lower(),
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, timeout=300)
        after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return ended - began, cpu


def main() -> None:
    """Run the rounds and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument(
        "--validation", choices=["off", "on", "both"], default="both", help="default: %(default)s"
    )
    options = parser.parse_args()
    rounds = options.rounds
    for validation in {"off": (False,), "on": (True,), "both": (False, True)}[options.validation]:
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in APPS}
        for code in APPS.values():
            once(code, validation)  # byte code and jsii's cache
        for _ in range(rounds):
            for name, code in APPS.items():
                times[name].append(once(code, validation))
        show(f"validation {'on' if validation else 'off'}, median of {rounds} rounds", times)


def show(title: str, times: dict[str, list[tuple[float, float]]]) -> None:
    """The medians, and their ratio to those of the empty app."""
    print(f"\n{title}\n")  # noqa: T201
    print("| app | wall s | CPU s | wall ratio | CPU ratio |\n| --- | --- | --- | --- | --- |")  # noqa: T201
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in times.items()
    }
    base = medians["an empty app"]
    for name, (wall, cpu) in medians.items():
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {wall / base[0]:.2f} | {cpu / base[1]:.2f} |")  # noqa: T201


if __name__ == "__main__":
    main()
