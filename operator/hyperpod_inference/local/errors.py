"""Errors of the local cluster: each says what happened and what to do next.

Raised by every module of `local`; the command line prints `str(error)` and nothing else.
"""


class LocalError(Exception):
    """Base of everything the local cluster reports to a person.

    `message` says what came and what was expected; `remedy` is the next step, one or more lines.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class MissingPrerequisiteError(LocalError):
    """The machine lacks something the cluster cannot do without: a tool, a kernel feature, memory."""


class NoControlPlaneError(LocalError):
    """None of the sources of the control plane's binaries gave a complete set."""


class AlreadyRunningError(LocalError):
    """The state directory belongs to a cluster that is running or being started."""


class PortInUseError(LocalError):
    """A port asked for on 127.0.0.1 is taken."""


class StartError(LocalError):
    """The cluster was started and did not become ready; everything it started is gone again."""


class StopError(LocalError):
    """Something of the cluster outlived `down`."""


class InvalidNodesError(LocalError):
    """The file that describes the nodes cannot be used: an input error, named with file and entry."""
