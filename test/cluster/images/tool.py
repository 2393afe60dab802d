"""The tool, the program of the tests' pods (see ``go/tool/main.go``): built, run as a process, and talked to."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from test.cluster.programs import build
from test.running import program
from test.running.clients import Address, ask, connected
from test.running.process import Process


def tool() -> Path:
    """Return the program, built if need be; raises ``BuildError``."""
    return build("tool") / "tool"


class Tool(Process):
    """The tool with some arguments, as the pod ``pod-1``, on a free port of the loopback."""

    def __init__(self, *arguments: str | Path, **environment: str) -> None:
        defaults = {"POD_NAME": "pod-1", "POD_IP": "127.0.0.1", "PORT": "0"}
        super().__init__([tool(), *arguments], **defaults | environment)

    def address(self) -> Address:
        """Where it listens, once it does."""
        found = self.wait_for_log(r"^listening on ([\d.]+):(\d+)$")
        return found[1], int(found[2])


class Commander:
    """A connection to ``tool obey``, and what is sent over it: one command after the other."""

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer

    def __call__(self, command: str) -> str:
        """Return the answer to a command; a closed connection answers with nothing."""
        return ask(self.peer, command.encode()).decode()

    def sink(self, size: int) -> tuple[str, str]:
        """Send so many bytes; return what was made of them, here and there."""
        self.peer.sendall(f"sink {size}\n".encode())
        digest = program.send_stream(self.peer, size)
        return f"{size} {digest}", self._answer()

    def source(self, size: int) -> tuple[str, str]:
        """Have so many bytes sent; return their checksum, here and there."""
        self.peer.sendall(f"source {size}\n".encode())
        _, digest = program.receive_stream(self.peer, size)
        return digest, self._answer()

    def half(self, data: bytes) -> str:
        """Send data and no more; return what is answered then."""
        self.peer.sendall(b"half\n" + data)
        self.peer.shutdown(socket.SHUT_WR)
        return self._answer()

    def _answer(self) -> str:
        return program.receive(self.peer).decode().rstrip("\n")


@contextmanager
def commanding(address: Address) -> Iterator[Commander]:
    """Connect to ``tool obey``, in a pod or not."""
    with connected(address) as peer:
        yield Commander(peer)
