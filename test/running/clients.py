"""What connects to a service: plain sockets, one at a time or many."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from test.running import program

Address = tuple[str, int]
BOUND = 20.0
"""Seconds that anything on a connection may take; less than a client waits in a queue, unless it is told otherwise."""


@contextmanager
def connected(address: Address, *, within: float = BOUND) -> Iterator[socket.socket]:
    """Connect; each step on this connection may take so many seconds."""
    with socket.create_connection(address, timeout=within) as peer:
        yield peer


def ask(peer: socket.socket, line: bytes) -> bytes:
    """Send a line, and return the answer's first."""
    peer.sendall(line + b"\n")
    return program.receive(peer).rstrip(b"\n")


def is_cut(peer: socket.socket) -> bool:
    """Wait for the other side to end a connection, gently or not; False if there is something to read."""
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True


def is_turned_away(address: Address, *, within: float = BOUND) -> bool:
    """Connect, and wait for the other side to end that; it may do so before we know that we are connected.

    False if it sends something instead, or does nothing for so many seconds.
    """
    try:
        with connected(address) as peer:
            peer.settimeout(within)
            return is_cut(peer)
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def who_serves(address: Address, *, within: float = BOUND) -> tuple[str, int]:
    """Make one connection to the program ``who``: return its pod's name, and which connection of that pod this was.

    Each step may take ``within`` seconds; the first answer comes after the wait for a pod.
    """
    with connected(address, within=within) as peer:
        name, number = ask(peer, b"who?").decode().split()
        peer.shutdown(socket.SHUT_WR)
        assert program.receive(peer, b"") == b""
    return name, int(number)


def burst(address: Address, *, connections: int, at_once: int) -> list[tuple[str, int]]:
    """Make many connections to the program ``who``, so many at once, and return who served each."""
    with ThreadPoolExecutor(at_once) as threads:
        return list(threads.map(who_serves, [address] * connections))
