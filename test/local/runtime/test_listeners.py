"""What listens where, by the kernel's own word: real sockets."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from isoproxy.local.runtime.listeners import Listeners, ListenTable, ProcNet, SockDiag, open_table
from test.local.runtime.support import free_port

TABLES: list[type[SockDiag] | type[ProcNet]] = [ProcNet] if isinstance(open_table(), ProcNet) else [SockDiag, ProcNet]
ADDRESS = "127.77.7.7"


@pytest.fixture(params=TABLES)
def table(request: pytest.FixtureRequest) -> ListenTable:
    made: ListenTable = request.param()
    return made


@pytest.fixture
def port() -> int:
    return free_port()


class Sockets:
    """Listening sockets, and their inodes."""

    def __init__(self) -> None:
        self.open: list[socket.socket] = []

    def listen(self, address: str, port: int, *, shared: bool = False, v6only: bool = False) -> int:
        one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.open.append(one)
        if shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if v6only:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
        one.listen()
        return inode(one)


def inode(one: socket.socket) -> int:
    return Path(f"/proc/self/fd/{one.fileno()}").stat().st_ino


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    sockets = Sockets()
    yield sockets
    for one in sockets.open:
        one.close()


def test_where_nobody_listens_nothing_is_found(table: ListenTable, port: int) -> None:
    assert table.look([(ADDRESS, port)]) == {}
    assert table.look([]) == {}


def test_a_listener_of_another_address_or_port_is_none(table: ListenTable, sockets: Sockets, port: int) -> None:
    sockets.listen("127.77.7.8", port)
    sockets.listen(ADDRESS, free_port())
    assert table.look([(ADDRESS, port)]) == {}


@pytest.mark.parametrize("address", [ADDRESS, f"::ffff:{ADDRESS}"])
def test_an_address_of_its_own(table: ListenTable, sockets: Sockets, port: int, address: str) -> None:
    own = sockets.listen(address, port)
    assert table.look([(ADDRESS, port)]) == {(ADDRESS, port): Listeners(frozenset([own]), wildcard=False)}


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_a_wildcard_takes_connections_to_every_address(
    table: ListenTable, sockets: Sockets, port: int, address: str
) -> None:
    own = sockets.listen(address, port)
    targets = [(ADDRESS, port), ("127.77.7.8", port)]
    assert table.look(targets) == dict.fromkeys(targets, Listeners(frozenset([own]), wildcard=True))


def test_all_that_share_a_wildcard_are_told(table: ListenTable, sockets: Sockets, port: int) -> None:
    both = frozenset(sockets.listen("0.0.0.0", port, shared=True) for _ in range(2))
    assert table.look([(ADDRESS, port)]) == {(ADDRESS, port): Listeners(both, wildcard=True)}


def test_ipv6_only_takes_no_ipv4(sockets: Sockets, port: int) -> None:
    if SockDiag in TABLES:  # /proc does not tell
        sockets.listen("::", port, v6only=True)
        assert SockDiag().look([(ADDRESS, port)]) == {}


def test_a_connection_is_no_listener(table: ListenTable, sockets: Sockets, port: int) -> None:
    sockets.listen(ADDRESS, port)
    with socket.create_connection((ADDRESS, port)):
        sockets.open.pop().close()
        assert table.look([(ADDRESS, port)]) == {}


def test_listeners_are_told_apart_among_many(table: ListenTable, sockets: Sockets, port: int) -> None:
    targets = [(f"127.77.8.{number}", port) for number in range(1, 200)]
    inodes = {target: sockets.listen(*target) for target in targets[::2]}
    found = table.look(targets)
    assert found == {target: Listeners(frozenset([own]), wildcard=False) for target, own in inodes.items()}


def test_a_kernel_that_does_not_answer_has_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no such family")

    monkeypatch.setattr(socket, "socket", refuse)
    assert isinstance(open_table(), ProcNet)
