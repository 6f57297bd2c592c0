import socket

import pytest

from hyperpod_inference.local import ports
from hyperpod_inference.local.errors import PortInUseError


def test_port_zero_takes_a_free_port_on_loopback() -> None:
    with ports.listen(0, "--api-port") as listener:
        assert ports.number(listener) > 0
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_port_in_use_is_named_with_the_option_that_changes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError) as caught:
            ports.listen(port, "--front-door-port")
    message = str(caught.value)
    assert f"port {port} on 127.0.0.1 is in use" in message
    assert "--front-door-port PORT" in message


def test_a_port_that_was_just_closed_can_be_taken_again() -> None:
    with ports.listen(0, "--api-port") as listener:
        port = ports.number(listener)
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = listener.accept()
        accepted.close()  # leaves a connection behind that still occupies the port
        client.close()
    ports.listen(port, "--api-port").close()
