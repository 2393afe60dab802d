"""The program of the tests' pods on a cluster serves as their program on one machine does."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from isoproxy.local.runtime.listeners import open_table
from isoproxy.local.runtime.supervisor import procfs
from test.cluster.images.tool import Tool, tool
from test.local.runtime.support import free_port, is_alive
from test.running import program
from test.running.clients import Address, ask, connected, who_serves
from test.running.harness import PROGRAM
from test.running.process import Process
from test.running.waiting import BOUND, eventually, throughout

pytestmark = pytest.mark.needs_program("go")


@pytest.fixture(params=["program.py", "tool"])
def command(request: pytest.FixtureRequest) -> list[str | Path]:
    """Both are held to the same promises."""
    return [sys.executable, PROGRAM] if request.param == "program.py" else [tool()]


class Pod(Process):
    """A program as a pod's."""

    def __init__(self, command: list[str | Path], *arguments: str | Path) -> None:
        self.address: Address = ("127.0.0.1", free_port())
        host, port = self.address
        super().__init__([*command, *arguments], POD_NAME="pod-1", POD_IP=host, PORT=str(port))

    def wait_until_listening(self) -> Address:
        """Return where it listens."""
        self.wait_for_log("^listening")
        return self.address


def test_who_tells_the_pod_and_counts_its_connections(command: list[str | Path]) -> None:
    with Pod(command, "who") as pod:
        address = pod.wait_until_listening()
        assert [who_serves(address) for _ in range(2)] == [("pod-1", 1), ("pod-1", 2)]
        pod.wait_for_log(r"^connection 2$")


def test_echo_sends_back_what_comes_and_ends_after_the_client(command: list[str | Path]) -> None:
    with Pod(command, "echo") as pod, connected(pod.wait_until_listening()) as peer:
        assert ask(peer, b"one") == b"one"
        peer.sendall(b"two")
        peer.shutdown(socket.SHUT_WR)
        assert program.receive(peer, b"") == b"two"


def test_digest_answers_after_a_half_close(command: list[str | Path]) -> None:
    with Pod(command, "digest") as pod, connected(pod.wait_until_listening()) as peer:
        digest = program.send_stream(peer, 3_000_001)
        peer.shutdown(socket.SHUT_WR)
        assert program.receive(peer, b"") == f"3000001 {digest}\n".encode()


def test_source_sends_what_it_was_told_and_the_checksum_of_it(command: list[str | Path]) -> None:
    with Pod(command, "source", "3000001") as pod, connected(pod.wait_until_listening()) as peer:
        count, digest = program.receive_stream(peer, 3_000_001)
        assert count == 3_000_001
        assert program.receive(peer, b"") == digest.encode()


def test_farewell_hears_the_client_after_its_own_end(command: list[str | Path], tmp_path: Path) -> None:
    path = tmp_path / "heard"
    with Pod(command, "farewell", path) as pod, connected(pod.wait_until_listening()) as peer:
        assert program.receive(peer, b"") == b"that was all\n"
        peer.sendall(b"goodbye")
        assert not path.exists()
        peer.shutdown(socket.SHUT_WR)
        eventually(path.exists, "the client's last words")
        assert path.read_bytes() == b"goodbye"


def test_breaking_resets_at_the_second_line(command: list[str | Path]) -> None:
    with Pod(command, "breaking") as pod, connected(pod.wait_until_listening()) as peer:
        assert ask(peer, b"first") == b"first"
        peer.sendall(b"second\n")
        with pytest.raises(ConnectionResetError):
            peer.recv(1)


def test_behind_a_gate_nothing_listens_until_it_opens(command: list[str | Path], tmp_path: Path) -> None:
    gate = tmp_path / "open"
    with Pod(command, "--gate", gate, "who") as pod:
        throughout(lambda: "listening" not in pod.log, "it waits", seconds=0.3)
        gate.touch()
        assert who_serves(pod.wait_until_listening()) == ("pod-1", 1)


def test_a_stubborn_one_goes_on_after_a_sigterm(command: list[str | Path]) -> None:
    with Pod(command, "--stubborn", "echo") as pod, connected(pod.wait_until_listening()) as peer:
        pod.send(signal.SIGTERM)
        assert ask(peer, b"still there") == b"still there"


def test_a_child_leaves_the_session_and_outlives_a_sigterm(command: list[str | Path]) -> None:
    with Pod(command, "--child", "echo") as pod:
        pod.wait_until_listening()
        (child,) = procfs.children(pod.pid)
        eventually(lambda: os.getsid(child) == child, "a session of its own")
        pod.send(signal.SIGTERM)
        pod.wait()
        os.kill(child, signal.SIGTERM)
        throughout(lambda: is_alive(child), "the child lives", seconds=0.3)


@pytest.mark.parametrize(
    ("arguments", "sign"),
    [(["who"], "listening"), (["--gate", "/no/such/file", "who"], "waiting"), (["pause"], "paused")],
)
def test_sigterm_and_sigint_end_it_at_once_whatever_it_does(arguments: list[str], sign: str) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with Tool(*arguments) as process:
            process.wait_for_log(f"^{sign}")
            process.send(number)
            assert process.wait() == 128 + number


def test_it_is_seen_to_listen_without_a_connection_to_it() -> None:
    with Tool("who") as process:
        address = process.address()
        assert open_table().look([address])[address].inodes <= (procfs.sockets(process.pid) or set())


def test_what_the_environment_does_not_say_has_a_default() -> None:
    with Tool("who", POD_NAME="", POD_IP="") as process:
        port = process.wait_for_log(r"^listening on (?:0\.0\.0\.0|\[::\]):(\d+)$")[1]
        assert who_serves(("127.0.0.1", int(port))) == (socket.gethostname(), 1)
    with Tool("who", POD_IP="127.83.0.1", PORT="") as process:
        assert process.address() == ("127.83.0.1", 8080)


@pytest.mark.parametrize("arguments", [[], ["dance"], ["source"], ["who", "me"], ["pause", "a", "while"], ["--child"]])
def test_it_says_how_it_is_used(arguments: list[str]) -> None:
    done = subprocess.run([tool(), *arguments], capture_output=True, text=True, check=False, timeout=BOUND)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: tool [OPTION..] NAME [ARGUMENT..]\n")
    assert "-gate FILE" in done.stderr


@contextmanager
def datagrams(address: Address) -> Iterator[socket.socket]:
    """A UDP socket that talks to one address only."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(BOUND)
        peer.connect(address)
        yield peer


def test_answer_echoes_to_many_at_once_over_tcp_and_udp() -> None:
    with Tool("answer", "127.0.0.1:0", POD_IP="") as host:
        address = host.address()
        with connected(address) as one, connected(address) as two, datagrams(address) as three:
            assert ask(two, b"second") == b"second"
            assert ask(one, b"first") == b"first"
            largest = os.urandom(65507)
            three.send(largest)
            assert three.recv(65536) == largest


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[tuple[Process, int]]:
    """``tool pause`` that has come to a child as the first process of a sandbox does: without having started it."""
    with Process(["sh", "-c", 'sleep 100 & echo "child $!"; exec "$0" pause', tool()]) as pause:
        child = int(pause.wait_for_log(r"^child (\d+)$")[1])
        pause.wait_for_log("^paused$")
        yield pause, child


def test_pause_collects_the_dead(sandbox: tuple[Process, int]) -> None:
    pause, child = sandbox
    assert procfs.children(pause.pid) == [child]
    os.kill(child, signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{child}").exists(), "no zombie")
    assert pause.running
