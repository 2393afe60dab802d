"""``tool obey`` does what it is told over its connection, and can look around from where it is."""

import hashlib
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from test.cluster.images.tool import Commander, Tool, commanding
from test.local.runtime.support import free_port
from test.running.clients import Address, connected, is_cut
from test.running.harness import TWISTD, fetch
from test.running.process import Process
from test.running.waiting import eventually

pytestmark = pytest.mark.needs_program("go")

LONGEST = 65536  # bytes of a line, its end included


@pytest.fixture(scope="module")
def pod() -> Iterator[Tool]:
    with Tool("obey") as pod:
        yield pod


@pytest.fixture
def command(pod: Tool) -> Iterator[Commander]:
    with commanding(pod.address()) as command:
        yield command


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("echo two  words", "two  words"),
        ("echo", ""),
        ("env POD_NAME", "pod-1"),
        ("env NO_SUCH", "error not set"),
        ("read /proc/self/comm", "tool"),
        ("read /no/such/file", "error no such file or directory"),
        ("read /proc", "error is a directory"),
        ("sleep 0.01", "slept"),
        ("sleep 3601", "error not 0 to 3600 seconds"),
        ("sleep NaN", "error not 0 to 3600 seconds"),
        ("sink much", 'error strconv.ParseInt: parsing "much": invalid syntax'),
        ("exit 256", 'error strconv.ParseUint: parsing "256": value out of range'),
        ("dance", "error unknown command"),
        ("", "error unknown command"),
    ],
)
def test_each_line_has_one_of_answer(command: Commander, line: str, answer: str) -> None:
    assert command(line) == answer
    assert command("echo next") == "next"


def test_who_is_answered_as_by_the_program_of_that_name() -> None:
    with Tool("obey") as pod:
        assert [who_is_there(pod.address()) for _ in range(2)] == ["pod-1 1", "pod-1 2"]


def who_is_there(address: Address) -> str:
    with commanding(address) as command:
        return command("who")


def test_streams_go_both_ways_and_are_told_by_their_checksums(command: Commander) -> None:
    for size in (0, 1, 3_000_001):
        for here, there in (command.sink(size), command.source(size)):
            assert here == there
    assert command("echo next") == "next"


def test_half_answers_after_the_client_has_ended_its_side(command: Commander) -> None:
    data = os.urandom(100_000)
    assert command.half(data) == f"100000 {hashlib.sha256(data).hexdigest()}"
    assert is_cut(command.peer)


def test_a_line_is_bounded(pod: Tool) -> None:
    with commanding(pod.address()) as command:
        text = "x" * (LONGEST - len("echo \n"))
        assert command(f"echo {text}") == text
        command.peer.sendall(b"x" * LONGEST)
        assert command.peer.makefile().read() == "error line too long\n"


def test_exit_ends_the_process_once_it_has_said_so() -> None:
    with Tool("obey") as pod, commanding(pod.address()) as command:
        assert command("exit 7") == "exiting"
        assert is_cut(command.peer)
        assert pod.wait() == 7


def test_a_probe_finds_it_ready_from_when_it_listens_and_as_it_is_told(tmp_path: Path) -> None:
    gate, probed = tmp_path / "open", ("127.0.0.1", free_port())
    with Tool("--health", str(probed[1]), "--gate", gate, "obey") as pod:
        pod.wait_for_log("^waiting")
        assert fetch(probed, "/ready") == (503, "not ready\n")
        gate.touch()
        with commanding(pod.address()) as command:
            assert fetch(probed, "/ready") == (200, "")
            assert command("unready") == "unready"
            assert fetch(probed, "/ready") == (503, "not ready\n")
            assert command("ready") == "ready"
            assert fetch(probed, "/ready") == (200, "")


@contextmanager
def mute(kind: socket.SocketKind) -> Iterator[int]:
    """A port that swallows what comes: datagrams that nobody reads, connections that nobody accepts."""
    with socket.socket(socket.AF_INET, kind) as server, ExitStack() as crowd:
        server.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            server.listen(0)
            crowd.enter_context(connected(server.getsockname()))  # what is beyond the backlog is dropped
        yield server.getsockname()[1]


@pytest.mark.parametrize(("network", "kind"), [("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)])
def test_reach_tells_apart_who_answers_who_refuses_and_who_is_silent(
    command: Commander, network: str, kind: socket.SocketKind
) -> None:
    with Tool("answer") as host, mute(kind) as silent:
        _, port = host.address()
        # Who answers has a second for it, and the machine may be busy.
        eventually(lambda: command(f"reach {network} 127.0.0.1:{port}") == "reached", "it answers")
        assert command(f"reach {network} 127.0.0.1:{free_port()}") == "refused"
        assert command(f"reach {network} 127.0.0.1:{silent}") == "silent"


def test_reach_tries_many_at_once_and_answers_in_their_order(command: Commander) -> None:
    with Tool("answer") as host, mute(socket.SOCK_DGRAM) as silent:
        _, port = host.address()
        places = [f"udp 127.0.0.1:{silent}", f"tcp 127.0.0.1:{port}", f"udp 127.0.0.1:{free_port()}"] * 30
        since = time.monotonic()
        assert command(f"reach {' '.join(places)}") == " ".join(["silent", "reached", "refused"] * 30)
        assert time.monotonic() - since < 15.0  # one after the other, it would have taken 30 s


@pytest.mark.parametrize(
    ("place", "answer"),
    [
        ("tcp 224.0.0.1:80", "error network is unreachable"),  # TCP has no way to many: nothing is sent
        ("", 'error no pairs of tcp or udp and HOST:PORT: ""'),
        ("tcp 127.0.0.1:1 tcp", 'error no pairs of tcp or udp and HOST:PORT: "tcp 127.0.0.1:1 tcp"'),
        ("tcp 127.0.0.1", "error dial tcp: address 127.0.0.1: missing port in address"),
        ("sctp 127.0.0.1:80", 'error neither tcp nor udp: "sctp"'),
    ],
)
def test_reach_says_why_it_could_not_even_try(command: Commander, place: str, answer: str) -> None:
    assert command(f"reach {place}") == answer


@pytest.fixture
def name_server(tmp_path: Path) -> Iterator[str]:
    """Where a DNS server knows ``known.test``."""
    hosts = tmp_path / "hosts"
    hosts.write_text("198.51.100.7 known.test\n")
    arguments = ["--port=0", "--interface=127.0.0.1", f"--hosts-file={hosts}"]
    with Process([TWISTD, "--nodaemon", "--pidfile=", "dns", *arguments]) as server:
        port = server.wait_for_log(r"DNSDatagramProtocol starting on (\d+)$")[1]
        yield f"127.0.0.1:{port}"


def test_resolve_asks_the_server_that_it_is_given(command: Commander, name_server: str) -> None:
    eventually(lambda: command(f"resolve known.test {name_server}") == "198.51.100.7", "the name is known")
    unknown = "error lookup unknown.test."
    eventually(lambda: command(f"resolve unknown.test {name_server}").startswith(unknown), "the other is not")


def test_resolve_calls_a_server_silent_that_does_not_answer(command: Commander) -> None:
    with mute(socket.SOCK_DGRAM) as silent:
        assert command(f"resolve known.test 127.0.0.1:{silent}") == "silent"
