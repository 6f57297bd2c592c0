"""The ports of a cluster on the host's loopback interface.

They are bound before anything is started and handed to the supervisor as open listeners, so that a port in
use is known at once and a free one cannot be taken in between.
"""

import errno
import socket

from hyperpod_inference.local.errors import PortInUseError

HOST = "127.0.0.1"


def listen(port: int, option: str) -> socket.socket:
    """A listener on 127.0.0.1; `port` 0 takes a free one. `option` is what the user would change.

    Raises PortInUseError.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        # Listening already refuses a port that another socket listens on, which binding with reuse may not.
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise _refused(port, option, error) from error
    return listener


def number(listener: socket.socket) -> int:
    """The port a listener got."""
    port: int = listener.getsockname()[1]
    return port


def _refused(port: int, option: str, error: OSError) -> PortInUseError:
    reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
    return PortInUseError(
        f"port {port} on {HOST} {reason}",
        f"Choose another one with {option} PORT, or leave {option} out to take a free one. "
        f"`ss -ltnp 'sport = :{port}'` shows who has it.",
    )
