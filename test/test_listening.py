"""The process's own listeners: there at once, or one line saying why not."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactor

from isoproxy.listening import listen_now, url_of


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_ends_the_program_with_one_line_that_names_the_option() -> None:
    with taken_port() as port:
        description = f"tcp:{port}:interface=127.0.0.1"
        with pytest.raises(SystemExit) as ended:
            listen_now(reactor, description, Factory(), "--api-listen")
    assert str(ended.value) == f"isoproxy: --api-listen {description}: Address already in use"


class Port:
    def __init__(self, address: IPv4Address | IPv6Address) -> None:
        self._address = address

    def getHost(self) -> IPv4Address | IPv6Address:
        return self._address


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8001"),
        ("192.0.2.7", "http://192.0.2.7:8001"),
        ("0.0.0.0", "http://127.0.0.1:8001"),
        ("::", "http://[::1]:8001"),
        ("::1", "http://[::1]:8001"),
    ],
)
def test_a_url_is_one_that_works_on_this_machine(host: str, url: str) -> None:
    address = (IPv6Address if ":" in host else IPv4Address)("TCP", host, 8001)
    assert url_of(cast(IListeningPort, Port(address)), "tcp:8001") == url


@pytest_twisted.ensureDeferred
async def test_what_has_no_url_is_called_what_it_was_called_on_the_command_line(tmp_path: Path) -> None:
    description = f"unix:{tmp_path}/socket"
    port = listen_now(reactor, description, Factory(), "--metrics-listen")
    assert url_of(port, description) == description
    await maybeDeferred(port.stopListening)


def test_what_listens_is_returned() -> None:
    port = listen_now(MemoryReactor(), "tcp:8001:interface=127.0.0.1", Factory(), "--api-listen")
    assert url_of(port, "tcp:8001").startswith("http://")
