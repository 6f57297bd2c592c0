"""The operators of the comparison, and the virtual environment that kopf lives in."""

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
NAMESPACE = "bench"
OPERATOR = "from hyperpod_inference.cli.operator import command; command()"
WHOLE, BARE = "the operator", "its runtime, doing nothing"


@dataclass(frozen=True)
class Contender:
    """A process that watches the endpoints and their pods."""

    name: str
    command: list[str]
    environ: dict[str, str] = field(default_factory=dict)


def everyone(kubeconfig: Path, peers: Path) -> list[Contender]:
    """Ours, whole and bare, then kopf's three ways; `peers` is the bin folder of its environment."""
    kopf = [str(peers / "kopf"), "run", "--standalone", "--quiet", "--namespace", NAMESPACE]
    kopf.append(str(HERE / "kopf_handlers.py"))
    return [
        operator(kubeconfig),
        Contender(BARE, [sys.executable, str(HERE / "no_op.py"), str(kubeconfig)]),
        *(
            Contender(f"kopf, {way}", kopf, {"HANDLERS": way, "KUBECONFIG": str(kubeconfig)})
            for way in ("event", "index", "stateful")
        ),
    ]


def operator(kubeconfig: Path) -> Contender:
    """The real operator: leader election, every watch, reconcile and judge."""
    environ = {
        "OPERATOR_NAMESPACE": NAMESPACE,
        "ENABLE_WEBHOOKS": "false",
        "AWS_REGION": "us-west-2",
        "METRICS_PORT": "19444",
        "HEALTH_PORT": "19082",
    }
    return Contender(WHOLE, [sys.executable, "-c", OPERATOR, "--kubeconfig", str(kubeconfig)], environ)


def environment(cache: Path) -> Path:
    """The bin folder of a virtual environment with the pinned kopf; made when it is not there."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    folder = cache / f"bench-kopf-{digest}"
    if not (folder / "bin" / "kopf").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
        subprocess.run(
            [*pip, "--disable-pip-version-check", "--only-binary=:all:", "-r", str(REQUIREMENTS)], check=True
        )
    return folder / "bin"


def default_cache() -> Path:
    """Where the local cluster keeps its programs, too."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "hyperpod-inference"
