"""Clients that begin and never come to an end."""

import socket
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from test.running.clients import Address, connected

HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
BEGUN: dict[str, bytes] = {
    "nothing": b"",
    "half a line": HEAD[:7],
    "half a header": HEAD + b"X-Slow: ",
    "a body that does not come": HEAD + b"Content-Length: 100000\r\n\r\n",
    "a chunk that does not come": HEAD + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n",
}
"""What is sent of an HTTP request at first."""


class SlowClients:
    """Many connections to one address, on each of which a byte is sent now and then."""

    def __init__(self, address: Address, *, count: int, stack: ExitStack, begun: Sequence[bytes] = (b"",)) -> None:
        """They begin with what is in ``begun``, in turn; ``stack`` closes them."""
        self.open: list[socket.socket] = []
        for number in range(count):
            with suppress(ConnectionError):  # it had to make room already
                client = stack.enter_context(connected(address))
                self.open.append(client)
                client.sendall(begun[number % len(begun)])

    def send_a_byte(self) -> int:
        """Send one more byte on each that is still open; return how many these are."""
        self.open = [client for client in self.open if _sent(client)]
        return len(self.open)


def _sent(client: socket.socket) -> bool:
    try:
        client.sendall(b"x")
    except ConnectionError:
        return False
    return True
