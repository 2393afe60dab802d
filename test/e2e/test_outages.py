"""Parts that are away for a while: what goes on without them, and what becomes of it all when they are back."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from test.cluster.level import Level
from test.cluster.parts import controlplane
from test.cluster.programs import program as built
from test.cluster.target import Keeper
from test.e2e.apart import Apart
from test.e2e.grounds import Ground, Machine, Real
from test.e2e.oncluster import prepared
from test.running import program
from test.running.clients import ask, connected, is_cut
from test.running.harness import Cluster, Local, dedicated_service, write_manifests
from test.running.waiting import BOUND, eventually, throughout

POOL = 3
AWAY_SECONDS = 6.0
"""Longer than a renewal of a Lease is waited for."""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    patient = {"timeoutSeconds": 120}  # who waits for the end of an outage is not to be turned away
    return write_manifests(tmp_path, dedicated_service("echo", ["echo"], replicas=POOL, queue=patient))


@pytest.fixture
def real(keeper: Keeper) -> Iterator[Real]:
    """A real cluster that may be hurt."""
    with keeper.joined(Level.CONTROL, ours=True) as target, prepared(target):
        yield Real(target)


def one_proxy(machine: Machine) -> Apart:
    return Apart(machine, service="echo", proxies=1)


def says(peer: socket.socket, word: bytes) -> bool:
    return ask(peer, word) == word


def check_life_goes_on(
    parts: Apart, *, without: Callable[[], object], back: Callable[[], object], seconds: float = AWAY_SECONDS
) -> None:
    """Hold a session and the stock to going on through an outage, and the whole to being as before after it."""
    (address,) = parts.addresses
    (proxy,) = parts.proxies
    parts.api.wait_for_base("echo", POOL)
    with connected(address) as session, ExitStack() as outage:
        assert says(session, b"hello")
        parts.api.wait_for_base("echo", POOL, used=1)
        eventually(lambda: proxy.metric("isoproxy_stock", service="echo") == POOL, "the proxy knows of its stock")
        outage.callback(back)
        without()
        for _ in range(POOL):
            with connected(address) as peer:
                assert says(peer, b"from the stock")
        with connected(address) as waiting:
            waiting.sendall(b"am I next?\n")
            throughout(lambda: says(session, b"still here"), "the session goes on", seconds=seconds)
            assert len(proxy.outcomes("echo", POOL)) == POOL
            outage.close()
            waiting.settimeout(BOUND)  # all has to find together again first
            assert program.receive(waiting) == b"am I next?\n"
        assert says(session, b"still here")
    assert proxy.outcomes("echo", POOL + 2) == ["completed"] * (POOL + 2)
    assert len({entry["pod"] for entry in proxy.ended()}) == POOL + 2
    parts.api.wait_for_base("echo", POOL)
    with connected(address) as peer:
        assert says(peer, b"as before")
    parts.api.wait_for_base("echo", POOL)
    parts.stop()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_sessions_and_stock_go_on_without_an_operator(ground: Ground, manifest: Path, end: str) -> None:
    with one_proxy(ground.machine(manifest)) as parts:
        check_life_goes_on(parts, without=getattr(parts.operator, end), back=parts.restart_operator, seconds=1.0)


def test_sessions_and_stock_go_on_while_the_api_server_hangs(manifest: Path) -> None:
    with one_proxy(Local("--role=none", manifest)) as parts:
        check_life_goes_on(
            parts,
            without=lambda: parts.machine.send(signal.SIGSTOP),
            back=lambda: parts.machine.send(signal.SIGCONT),
        )


def test_sessions_and_stock_go_on_while_the_api_server_is_stopped_and_started_again(manifest: Path) -> None:
    machine = Cluster(manifest)
    with one_proxy(machine) as parts:
        check_life_goes_on(parts, without=machine.stop_api_server, back=machine.start_api_server)


@pytest.mark.needs_cluster("control", ours=True)
@pytest.mark.parametrize("part", ["kube-apiserver", "etcd"])
def test_sessions_and_stock_go_on_while_a_part_of_a_real_cluster_hangs(real: Real, manifest: Path, part: str) -> None:
    processes = real.parts.processes
    with one_proxy(real.machine(manifest)) as parts:
        check_life_goes_on(
            parts,
            without=lambda: processes.send(part, signal.SIGSTOP),
            back=lambda: processes.send(part, signal.SIGCONT),
        )


@pytest.mark.needs_cluster("control", ours=True)
def test_sessions_and_stock_go_on_while_a_real_api_server_is_killed_and_started_again(
    real: Real, manifest: Path
) -> None:
    cluster = real.parts
    api_server = controlplane.api_server(cluster.files, built("kube-apiserver"), controllers=True)
    with one_proxy(real.machine(manifest)) as parts:
        check_life_goes_on(
            parts,
            without=lambda: cluster.processes.end(api_server.name, signal.SIGKILL),
            back=lambda: cluster.start(api_server),
            seconds=AWAY_SECONDS / 2,  # and as long again until it has started
        )


def test_a_cluster_that_lost_its_memory_is_served_again(manifest: Path) -> None:
    """The embedded API server keeps nothing, and its pods end with it: what comes next is another service."""
    with one_proxy(Local("--role=none", manifest)) as parts:
        parts.api.wait_for_base("echo", POOL)
        port = urlsplit(parts.api.url).port
        assert port
        with connected(parts.addresses[0]) as session:
            assert says(session, b"hello")
            parts.machine.stop()
            assert is_cut(session)
        with Local("--role=none", manifest, api_port=port) as machine:
            machine.api.wait_for_base("echo", POOL)
            (address,) = machine.api.endpoints("echo")
            with connected(address) as session:
                assert says(session, b"hello again")
            machine.api.wait_for_base("echo", POOL)
            for process in (*parts.proxies, parts.operator, machine):
                process.stop()
