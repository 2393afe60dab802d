"""What goes through a connection: every byte, each way, whatever the two sides do; and never more memory for it."""

import hashlib
import random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from test.running import program
from test.running.api import DEDIS
from test.running.clients import Address, ask, connected
from test.running.harness import Local, dedicated_service
from test.running.waiting import BOUND, eventually, settled

GIB = 1 << 30
MIB = 1 << 20
FILLING = random.Random(1).randbytes(MIB)
MEMORY = 16 * MIB
"""How much a process may grow by while a connection with a lot to say is held up."""


@pytest.fixture(scope="module")
def machine() -> Iterator[Local]:
    with Local() as machine:
        yield machine
        machine.stop()


def serve(machine: Local, name: str, *run: str, **spec: object) -> Address:
    """Begin a service; return its address once it has a warm pod."""
    machine.api.create(DEDIS, dedicated_service(name, list(run), **spec))
    (address,) = machine.api.endpoints(name)
    machine.api.wait_for_base(name, 1)
    return address


def test_a_gibibyte_to_the_pod_arrives_unchanged(machine: Local) -> None:
    with connected(serve(machine, "digest", "digest")) as peer:
        sent = program.send_stream(peer, GIB)
        peer.shutdown(socket.SHUT_WR)
        assert program.receive(peer, b"").decode() == f"{GIB} {sent}\n"
    (entry,) = eventually(lambda: machine.ended("digest"), "the end of the connection")
    assert (entry["outcome"], entry["bytes_in"]) == ("completed", str(GIB))


def test_a_gibibyte_from_the_pod_arrives_unchanged(machine: Local) -> None:
    with connected(serve(machine, "source", "source", str(GIB))) as peer:
        received = program.receive_stream(peer, GIB)
        digest = program.receive(peer, b"").decode()
    assert received == (GIB, digest)
    (entry,) = eventually(lambda: machine.ended("source"), "the end of the connection")
    assert (entry["outcome"], entry["bytes_out"]) == ("completed", str(GIB + len(digest)))


def test_single_bytes_go_to_and_fro_without_delay(machine: Local) -> None:
    with connected(serve(machine, "ping", "echo")) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.monotonic()
        for number in range(1000):
            byte = bytes([number % 256])
            peer.sendall(byte)
            assert peer.recv(2) == byte
        # Where Nagle's algorithm meets delayed acknowledgements, each of these takes 40 ms.
        assert time.monotonic() - began < 20.0
    assert machine.outcomes("ping", 1) == ["completed"]


def test_a_pod_may_say_all_it_has_to_say_before_the_client_does(machine: Local, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    with connected(serve(machine, "farewell", "farewell", str(heard))) as peer:
        assert program.receive(peer, b"") == b"that was all\n"
        peer.sendall(b"I" * MIB)
        peer.sendall(b" am not done")
        peer.shutdown(socket.SHUT_WR)
        eventually(heard.exists, "the pod has heard the rest")
    assert heard.read_bytes() == b"I" * MIB + b" am not done"
    assert machine.outcomes("farewell", 1) == ["completed"]


def test_a_reset_of_the_pod_reaches_the_client(machine: Local) -> None:
    with connected(serve(machine, "breaking", "breaking")) as peer:
        assert ask(peer, b"first") == b"first"
        peer.sendall(b"second\n")
        with pytest.raises(ConnectionResetError):
            peer.recv(1)
    assert machine.outcomes("breaking", 1) == ["backend_reset"]


def test_a_reset_of_the_client_reaches_the_pod_and_ends_it(machine: Local) -> None:
    address = serve(machine, "reset", "echo")
    (pod,) = machine.pods("reset")
    with connected(address) as peer:
        assert ask(peer, b"first") == b"first"
        program.reset(peer)
    assert machine.outcomes("reset", 1) == ["client_reset"]
    eventually(lambda: pod not in machine.pods("reset"), "its pod has ended")
    machine.api.wait_for_base("reset", 1)


def test_a_client_that_never_reads_holds_up_its_pod_and_takes_no_memory(machine: Local) -> None:
    address = serve(machine, "deaf", "source", str(GIB))
    before = machine.memory

    def passed_on() -> float:
        return machine.metric("isoproxy_relayed_bytes_total", service="deaf", direction="out")

    with connected(address) as peer:
        eventually(passed_on, "the first bytes")
        assert settled(passed_on, "nothing moves any more") < 64 * MIB
        assert machine.memory - before < MEMORY
        # It was not forgotten: all of it comes once it reads.
        received = program.receive_stream(peer, GIB)
        assert received == (GIB, program.receive(peer, b"").decode())
    assert machine.memory - before < MEMORY
    assert machine.outcomes("deaf", 1) == ["completed"]


def test_what_is_sent_before_there_is_a_pod_is_kept_within_bounds_and_not_lost(machine: Local, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    machine.api.create(DEDIS, dedicated_service("early", ["--gate", str(gate), "digest"], replicas=0))
    (address,) = machine.api.endpoints("early")
    before = machine.memory
    with ExitStack() as clients:
        peers = [clients.enter_context(connected(address)) for _ in range(10)]
        sent = [fill(peer) for peer in peers]
        assert all(0 < count < 16 * MIB for count in sent)
        assert machine.memory - before < MEMORY
        gate.touch()
        for peer, count in zip(peers, sent, strict=True):
            peer.shutdown(socket.SHUT_WR)
            assert program.receive(peer, b"").decode() == f"{count} {digest(count)}\n"
    assert machine.outcomes("early", 10) == ["completed"] * 10


def fill(peer: socket.socket) -> int:
    """Send until nobody takes it any more; return how much that was."""
    peer.settimeout(0.3)
    sent = 0
    try:
        while True:
            sent += peer.send(FILLING[sent % MIB :])
    except TimeoutError:
        peer.settimeout(BOUND)
        return sent


def digest(size: int) -> str:
    """Return the checksum of so much filling."""
    filling = FILLING * (size // MIB + 1)
    return hashlib.sha256(filling[:size]).hexdigest()
