"""Ten thousand connections that send nothing: they wait in the queue as far as it reaches, and leave nothing behind."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from test.overload.bystander import Bystander
from test.overload.effort import PATIENCE, open_many_files
from test.overload.seen import all_ended, descriptors, wait_for_queue
from test.running.api import DEDIS, Api
from test.running.clients import Address, connected, is_turned_away
from test.running.harness import Local, dedicated_service
from test.running.waiting import eventually

CONNECTIONS = min(10_000, open_many_files() - 2_000)
DEFAULT_LENGTH = 1_000
TOO_MANY = 200
BYTES_EACH = 8 * 1024
"""What a waiting connection may take, generously; one with a pod takes 11.5 KiB (docs/benchmarks.md)."""
SPARE_DESCRIPTORS = 20
"""For requests that happen to be under way."""


@pytest.fixture
def machine() -> Iterator[Local]:
    with Local() as machine:
        yield machine
        machine.stop()


def serve(api: Api, folder: Path, name: str, **queue: int) -> Address:
    """Begin a service whose pods are never Ready; return its address."""
    manifest = dedicated_service(
        name, ["--gate", str(folder / "never"), "who"], replicas=0, maxPods=1, queue={"timeoutSeconds": 3600, **queue}
    )
    api.create(DEDIS, manifest)
    return api.endpoints(name)[0]


def crowd_in(machine: Local, address: Address, service: str, count: int, clients: ExitStack) -> None:
    for _ in range(count):
        clients.enter_context(connected(address))
    wait_for_queue(machine, service, count)


def test_ten_thousand_wait_at_a_bounded_price_and_leave_nothing_behind(machine: Local, tmp_path: Path) -> None:
    calm = Bystander(machine, machine.api)
    address = serve(machine.api, tmp_path, "patient", maxLength=CONNECTIONS)
    files, memory, after = descriptors(machine), machine.memory, []
    for turn in range(2):
        with ExitStack() as clients:
            crowd_in(machine, address, "patient", CONNECTIONS, clients)
            grown = machine.memory - memory
            print(f"{CONNECTIONS} wait, {grown / CONNECTIONS / 1024:.1f} KiB for each")
            assert grown <= CONNECTIONS * BYTES_EACH
            calm.visit()
            assert is_turned_away(address)
            assert len(machine.api.pods("patient")) <= 1
        ended = all_ended(machine, "patient", (turn + 1) * (CONNECTIONS + 1))
        assert ended == {"client_gone": (turn + 1) * CONNECTIONS, "queue_full": turn + 1}
        after.append(machine.memory)
        eventually(lambda: descriptors(machine) <= files + SPARE_DESCRIPTORS, "sockets are closed", within=PATIENCE)
    print(f"memory before {memory >> 20} MiB, after each turn {[size >> 20 for size in after]}")
    assert after[1] - after[0] <= CONNECTIONS * BYTES_EACH // 10
    calm.check()


def test_those_for_whom_the_queue_is_too_short_are_turned_away_at_once(machine: Local, tmp_path: Path) -> None:
    calm = Bystander(machine, machine.api)
    address = serve(machine.api, tmp_path, "short")
    with ExitStack() as clients:
        crowd_in(machine, address, "short", DEFAULT_LENGTH, clients)
        for _ in range(TOO_MANY):
            assert is_turned_away(address)
        assert all_ended(machine, "short", TOO_MANY) == {"queue_full": TOO_MANY}
        wait_for_queue(machine, "short", DEFAULT_LENGTH)
        calm.visit()
    assert all_ended(machine, "short", TOO_MANY + DEFAULT_LENGTH)["client_gone"] == DEFAULT_LENGTH
    calm.check()
