"""An empty pool: who waits, for how long, and what becomes of who cannot be served."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from test.e2e.grounds import Ground, Whole
from test.running.clients import Address, connected, is_cut, is_turned_away, who_serves
from test.running.harness import dedicated_service
from test.running.waiting import eventually, throughout


@pytest.fixture(scope="module")
def machine(ground: Ground) -> Iterator[Whole]:
    with ground.whole() as machine:
        yield machine
        machine.stop()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """The file that the pods of a test wait for before they listen."""
    return tmp_path / "gate"


def serve(machine: Whole, gate: Path, name: str, **spec: object) -> Address:
    """Begin a service whose pods are not Ready before the gate is open; return its address."""
    machine.serve(dedicated_service(name, ["--gate", str(gate), "who"], **spec))
    return machine.api.endpoints(name)[0]


def wait_for_queue(machine: Whole, service: str, length: int) -> None:
    eventually(lambda: machine.metric("isoproxy_queued", service=service) == length, f"{length} in the queue")


def test_clients_are_served_in_the_order_they_came_in_as_pods_come(machine: Whole, gate: Path) -> None:
    address = serve(machine, gate, "order", replicas=0, maxPods=1)
    with ThreadPoolExecutor(5) as threads:
        clients: list[Future[tuple[str, int]]] = []
        for number in range(5):
            clients.append(threads.submit(who_serves, address))
            wait_for_queue(machine, "order", number + 1)
        gate.touch()
        pods = [future.result()[0] for future in clients]
    assert len(set(pods)) == 5
    assert machine.outcomes("order", 5) == ["completed"] * 5
    # One after the other, as there is no more than one pod at a time.
    assert [entry["pod"] for entry in machine.ended("order")] == pods
    assert float(machine.ended("order")[-1]["queued"]) > 0
    machine.api.wait_for_base("order", 0)


def test_who_waits_longer_than_allowed_is_turned_away(machine: Whole, gate: Path) -> None:
    address = serve(machine, gate, "late", queue={"timeoutSeconds": 1})
    with connected(address) as peer:
        with suppress(ConnectionError):  # its time may be up already
            peer.sendall(b"who?\n")
        assert is_cut(peer)
    assert machine.outcomes("late", 1) == ["queue_timeout"]
    (entry,) = machine.ended("late")
    assert (entry["pod"], entry["attempts"]) == ("-", "0")
    assert 1.0 <= float(entry["queued"]) < 10.0  # by default it would be 30
    assert machine.metric("isoproxy_connections_total", service="late", outcome="queue_timeout") == 1


def test_who_finds_the_queue_full_is_turned_away_at_once(machine: Whole, gate: Path) -> None:
    address = serve(machine, gate, "full", replicas=0, maxPods=2, queue={"maxLength": 2})
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(who_serves, address) for _ in range(2)]
        wait_for_queue(machine, "full", 2)
        assert is_turned_away(address)
        assert machine.outcomes("full", 1) == ["queue_full"]
        assert machine.metric("isoproxy_connections_total", service="full", outcome="queue_full") == 1
        gate.touch()
        assert len({future.result() for future in waiting}) == 2
    assert machine.outcomes("full", 3) == ["queue_full", "completed", "completed"]


def test_hanging_up_in_the_queue_costs_no_pod(machine: Whole, gate: Path) -> None:
    api = machine.api
    address = serve(machine, gate, "hangup", replicas=1, maxPods=1)
    (pod,) = eventually(lambda: api.pods("hangup"), "the only pod there may be")
    with ExitStack() as clients:
        for _ in range(3):
            clients.enter_context(connected(address))
        wait_for_queue(machine, "hangup", 3)
    assert machine.outcomes("hangup", 3) == ["client_gone"] * 3
    wait_for_queue(machine, "hangup", 0)
    gate.touch()
    api.wait_for_base("hangup", 1)
    assert who_serves(address) == (pod["metadata"]["name"], 1)
    assert [entry["pod"] for entry in machine.ended("hangup")[:3]] == ["-"] * 3


def test_pods_made_for_a_queue_that_went_away_are_ended_unused(machine: Whole, gate: Path) -> None:
    api = machine.api
    address = serve(machine, gate, "surplus", replicas=0)
    with connected(address):
        eventually(lambda: api.pods("surplus"), "a pod on its way")
    api.wait_for_base("surplus", 0)
    gate.touch()
    throughout(lambda: not api.pods("surplus"), "no pod without a client", seconds=0.5)
    assert who_serves(address)[1] == 1
    api.wait_for_base("surplus", 0)
