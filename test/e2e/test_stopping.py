"""Ends, asked for and not: what is still served, and that nothing is left."""

import os
import signal
from pathlib import Path

import pytest

from test.running import program
from test.running.api import Api
from test.running.clients import ask, connected, is_cut
from test.running.harness import Local, dedicated_service, write_manifests
from test.running.waiting import BOUND, eventually

POOL = 3


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return write_manifests(tmp_path, dedicated_service("echo", ["echo"], replicas=POOL))


def test_control_c_stops_everything_at_once(manifest: Path) -> None:
    with Local(manifest) as machine:
        machine.api.wait_for_base("echo", POOL)
        (address,) = machine.api.endpoints("echo")
        with connected(address) as peer:
            assert ask(peer, b"hello") == b"hello"
            os.killpg(machine.pid, signal.SIGINT)  # as a terminal does
            machine.check_end(signal.SIGINT, within=BOUND / 2)
            assert is_cut(peer)
        assert machine.outcomes("echo", 1) == ["drained"]


def test_sigterm_lets_connections_end_by_themselves(manifest: Path) -> None:
    with Local("--drain-timeout=20", manifest) as machine:
        api = machine.api
        api.wait_for_base("echo", POOL)
        (address,) = api.endpoints("echo")
        with connected(address) as peer:
            assert ask(peer, b"hello") == b"hello"
            machine.send(signal.SIGTERM)
            machine.wait_for_log(rf"TCP Port {address[1]} Closed")
            assert is_refused(address)
            eventually(lambda: phases_of_assigned(api) == ["InUse"], "the stock has gone back")
            assert ask(peer, b"still here") == b"still here"
            assert machine.running
        machine.check_end(signal.SIGTERM, within=BOUND / 2)
        assert machine.outcomes("echo", 1) == ["completed"]


def test_connections_are_cut_when_the_time_to_drain_is_up(manifest: Path) -> None:
    with Local("--drain-timeout=5", manifest) as machine:
        machine.api.wait_for_base("echo", POOL)
        (address,) = machine.api.endpoints("echo")
        with connected(address) as peer:
            assert ask(peer, b"hello") == b"hello"
            machine.send(signal.SIGTERM)
            machine.wait_for_log(rf"TCP Port {address[1]} Closed")
            assert ask(peer, b"still here") == b"still here"
            assert is_cut(peer)
        machine.check_end(signal.SIGTERM)
        (entry,) = machine.ended("echo")
        assert entry["outcome"] == "drained"
        assert float(entry["duration"]) >= 5.0


def phases_of_assigned(api: Api) -> list[str]:
    return [record["status"]["phase"] for record in api.records("echo") if record["spec"]["proxy"]]


def is_refused(address: tuple[str, int]) -> bool:
    try:
        with connected(address):
            return False
    except ConnectionRefusedError:
        return True


def test_who_waits_for_a_pod_is_turned_away_at_a_stop(tmp_path: Path) -> None:
    never = str(tmp_path / "never")
    manifest = write_manifests(tmp_path, dedicated_service("echo", ["--gate", never, "echo"], replicas=1))
    with Local("--drain-timeout=20", manifest) as machine:
        (address,) = machine.api.endpoints("echo")
        with connected(address) as peer:
            peer.sendall(b"hello")
            eventually(lambda: machine.metric("isoproxy_queued", service="echo") == 1, "it waits")
            machine.send(signal.SIGTERM)
            assert is_cut(peer)
        machine.check_end(signal.SIGTERM, within=BOUND / 2)
        assert machine.outcomes("echo", 1) == ["drained"]


def test_nothing_outlives_a_killed_twistd(manifest: Path) -> None:
    with Local(manifest) as machine:
        machine.api.wait_for_base("echo", POOL)
        (address,) = machine.api.endpoints("echo")
        with connected(address) as peer:
            assert ask(peer, b"hello") == b"hello"
            assert len(machine.pods("echo")) >= POOL
            machine.kill()
            assert is_cut(peer)
        machine.wait_until_nothing_left()


def test_a_pod_that_ignores_sigterm_is_killed_and_holds_up_nobody(tmp_path: Path) -> None:
    stubborn = dedicated_service("stubborn", ["--stubborn", "echo"], replicas=2)
    with Local(write_manifests(tmp_path, stubborn)) as machine:
        machine.api.wait_for_base("stubborn", 2)
        (address,) = machine.api.endpoints("stubborn")
        used = set(machine.pods("stubborn"))
        with connected(address) as peer:
            assert ask(peer, b"hello") == b"hello"
            eventually(lambda: len(machine.pods("stubborn")) == 3, "another pod")
        eventually(lambda: len(used & set(machine.pods("stubborn"))) == 1, "the pod that was used is gone")
        machine.stop()


def test_what_a_pod_starts_ends_with_it(tmp_path: Path) -> None:
    parent = dedicated_service("parent", ["--child", "echo"], replicas=1)
    with Local(write_manifests(tmp_path, parent)) as machine:
        machine.api.wait_for_base("parent", 1)
        (address,) = machine.api.endpoints("parent")
        family = set(eventually(lambda: machine.pods("parent"), "a pod and its child"))
        assert len(family) == 2
        with connected(address) as peer:
            assert ask(peer, b"hello") == b"hello"
            peer.shutdown(1)
            assert program.receive(peer, b"") == b""
        eventually(lambda: not family & set(machine.pods("parent")), "both are gone")
        machine.stop()
