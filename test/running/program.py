"""The programs that the tests run as pods: ``python program.py [OPTION] NAME [ARGUMENT]``.

Each listens on ``POD_IP`` and ``PORT`` and serves one connection after the other, so that a second one in a pod would
be found out. They need little of the standard library, to start quickly. Options:

    --gate FILE    listen only once FILE is there
    --stubborn     ignore SIGTERM
    --child        have a child in a session of its own, which ignores SIGTERM
"""

import hashlib
import os
import signal
import socket
import struct
import sys
import time
from contextlib import suppress

BLOCK = 1 << 20
DIGEST = 64


def send_stream(peer: socket.socket, size: int) -> str:
    """Send ``size`` bytes, no two blocks of them alike, and return their SHA-256 in hex."""
    digest = hashlib.sha256()
    block = bytearray(os.urandom(BLOCK))
    sent = 0
    while sent < size:
        block[:8] = sent.to_bytes(8, "big")
        part = memoryview(block)[: size - sent]
        digest.update(part)
        peer.sendall(part)
        sent += len(part)
    return digest.hexdigest()


def receive_stream(peer: socket.socket, size: int | None = None) -> tuple[int, str]:
    """Receive ``size`` bytes, or all there are, and return how many they were, and their SHA-256 in hex."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(BLOCK))
    received = 0
    while count := peer.recv_into(buffer if size is None else buffer[: size - received]):
        digest.update(buffer[:count])
        received += count
    return received, digest.hexdigest()


def receive(peer: socket.socket, end: bytes = b"\n") -> bytes:
    """Receive until ``end``, or until there is no more."""
    data = b""
    while not (end and data.endswith(end)) and (part := peer.recv(65536)):
        data += part
    return data


def reset(peer: socket.socket) -> None:
    """Close with a reset."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


class Programs:
    """What there is to run: a method serves one client, the ``number``-th of this pod."""

    def __init__(self) -> None:
        self.name = os.environ["POD_NAME"]
        self.number = 0

    def who(self, client: socket.socket) -> None:
        """Answer a line with the pod's name and which connection of it this is; end when the client does."""
        if receive(client):
            client.sendall(f"{self.name} {self.number}\n".encode())
            receive(client, b"")

    def hello(self, client: socket.socket) -> None:
        """Say the pod's name and which connection of it this is, then send back what comes."""
        client.sendall(f"{self.name} {self.number}\n".encode())
        self.echo(client)

    def echo(self, client: socket.socket) -> None:
        """Send back what comes."""
        while data := client.recv(65536):
            client.sendall(data)

    def digest(self, client: socket.socket) -> None:
        """Take everything, and answer with how much it was and its checksum."""
        count, digest = receive_stream(client)
        client.sendall(f"{count} {digest}\n".encode())

    def source(self, client: socket.socket, size: str) -> None:
        """Send so many bytes, and their checksum behind them."""
        client.sendall(send_stream(client, int(size)).encode())

    def farewell(self, client: socket.socket, path: str) -> None:
        """Say all there is to say first, then write down what the client has to say."""
        client.sendall(b"that was all\n")
        client.shutdown(socket.SHUT_WR)
        with open(f"{path}.part", "wb") as file:
            file.write(receive(client, b""))
        os.rename(f"{path}.part", path)

    def breaking(self, client: socket.socket) -> None:
        """Answer a line, and reset the connection at the next one."""
        client.sendall(receive(client))
        receive(client)
        reset(client)


def prepare(arguments: list[str]) -> list[str]:
    """Do as the options say; return what follows them."""
    if arguments[0] == "--gate":
        while not os.path.exists(arguments[1]):
            time.sleep(0.02)
        return arguments[2:]
    if arguments[0] == "--stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return arguments[1:]
    if arguments[0] == "--child":
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # first: by its session one sees that it has come so far
            os.setsid()
            while True:
                signal.pause()
        return arguments[1:]
    return arguments


def main() -> None:
    """Listen and serve, for ever."""
    arguments = prepare(sys.argv[1:])
    programs = Programs()
    serve = getattr(programs, arguments[0])
    with socket.create_server((os.environ["POD_IP"], int(os.environ["PORT"]))) as server:
        print("listening", flush=True)
        while True:
            client, _ = server.accept()
            programs.number += 1
            print(f"connection {programs.number}", flush=True)
            with client, suppress(OSError):
                serve(client, *arguments[1:])


if __name__ == "__main__":
    main()
