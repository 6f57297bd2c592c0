"""Where a local cluster keeps its files, and where downloads and builds are cached.

Pure: computes paths, creates nothing. Used by every other module of `local`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

APP = "hyperpod-inference"


@dataclass(frozen=True, slots=True)
class StateDir:
    """The directory of one local cluster. Everything in it belongs to that cluster alone."""

    root: Path

    @property
    def lock(self) -> Path:
        """Locked for as long as any process of the cluster lives."""
        return self.root / "lock"

    @property
    def run_file(self) -> Path:
        """What is running: see `runfile`."""
        return self.root / "run.json"

    @property
    def plan(self) -> Path:
        """What the supervisor is asked to start: see `plan`."""
        return self.root / "plan.json"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig for use on the host."""
        return self.root / "kubeconfig"

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.root / "pki"

    @property
    def kubeconfigs(self) -> Path:
        """Kubeconfigs of the components, valid inside the private network only."""
        return self.root / "kubeconfigs"

    @property
    def etcd(self) -> Path:
        """etcd's data."""
        return self.root / "etcd"

    @property
    def agent(self) -> Path:
        """The node agent's own state: volumes, pod logs."""
        return self.root / "agent"

    @property
    def bin(self) -> Path:
        """Holds `kubectl` when the control plane's binary brings one."""
        return self.root / "bin"

    @property
    def logs(self) -> Path:
        """One log file per component; survives `down`, so that a failure can be read afterwards."""
        return self.root / "logs"

    def log(self, component: str) -> Path:
        """The log file of one component."""
        return self.logs / f"{component}.log"

    def component_kubeconfig(self, name: str) -> Path:
        """The kubeconfig of one component (`controller-manager`, `scheduler`, `agent`, `supervisor`)."""
        return self.kubeconfigs / f"{name}.conf"

    def leftovers(self) -> tuple[Path, ...]:
        """What `down` removes. Named one by one: the directory may be one the user chose."""
        files = (self.run_file, self.plan, self.kubeconfig)
        return (*files, self.pki, self.kubeconfigs, self.etcd, self.agent, self.bin)


def default_state_dir(environ: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/hyperpod-inference/local`, or the same under `~/.local/state`."""
    return _xdg(environ, "XDG_STATE_HOME", ".local/state") / APP / "local"


def cache_dir(environ: Mapping[str, str]) -> Path:
    """`$XDG_CACHE_HOME/hyperpod-inference`, or the same under `~/.cache`."""
    return _xdg(environ, "XDG_CACHE_HOME", ".cache") / APP


def _xdg(environ: Mapping[str, str], variable: str, fallback: str) -> Path:
    # The XDG specification says that a relative value is to be ignored.
    value = environ.get(variable, "")
    if value.startswith("/"):
        return Path(value)
    home = environ.get("HOME")
    return (Path(home) if home else Path.home()) / fallback
