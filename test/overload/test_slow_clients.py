"""Clients that begin and never come to an end, on each port that there is: whoever comes in earnest is served."""

from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from isoproxy.local.apiserver.limits import Limits
from isoproxy.observe.web import MAX_CONNECTIONS
from test.overload.bystander import Bystander
from test.overload.effort import PATIENCE, open_many_files
from test.overload.seen import all_ended, descriptors
from test.overload.slow import BEGUN, SlowClients
from test.running.api import DEDIS
from test.running.clients import Address, connected, who_serves
from test.running.harness import Local, dedicated_service, fetch
from test.running.waiting import eventually

SPARE_DESCRIPTORS = 40
"""For requests and connections of pods that happen to be under way."""
MORE = 200
ROUNDS = 5


@pytest.fixture
def machine() -> Iterator[Local]:
    open_many_files()
    with Local() as machine:
        yield machine
        machine.stop()


def api_address(machine: Local) -> Address:
    found = urlsplit(machine.api.url)
    assert found.hostname
    assert found.port
    return found.hostname, found.port


def test_slow_requests_for_metrics_keep_no_probe_out(machine: Local) -> None:
    calm = Bystander(machine, machine.api)
    files = descriptors(machine)
    with ExitStack() as stack:
        slow = SlowClients(
            machine.metrics_address(), count=MAX_CONNECTIONS + MORE, stack=stack, begun=tuple(BEGUN.values())
        )
        for _ in range(ROUNDS):
            slow.send_a_byte()
            assert fetch(machine.metrics_address(), "/healthz") == (200, "ok\n")
            assert descriptors(machine) <= files + MAX_CONNECTIONS + SPARE_DESCRIPTORS
            calm.visit()
        eventually(lambda: slow.send_a_byte() == 0, "an end, though bytes keep coming", within=PATIENCE)
    calm.check()


def test_slow_requests_to_the_api_server_keep_nobody_out(machine: Local) -> None:
    calm = Bystander(machine, machine.api)
    places = Limits().connections
    files = descriptors(machine)
    with ExitStack() as stack:
        slow = SlowClients(api_address(machine), count=places + MORE, stack=stack, begun=tuple(BEGUN.values()))
        for round_ in range(ROUNDS):
            slow.send_a_byte()
            machine.api.create(DEDIS, dedicated_service(f"more-{round_}", ["who"], replicas=1))
            assert descriptors(machine) <= files + places + SPARE_DESCRIPTORS
            calm.visit()
        assert 0 < slow.send_a_byte() <= places
        for round_ in range(ROUNDS):
            machine.api.wait_for_base(f"more-{round_}", 1, within=PATIENCE)
    calm.check()


def test_slow_clients_of_a_service_wait_and_stay_no_longer_than_it_allows(machine: Local) -> None:
    calm = Bystander(machine, machine.api)
    pods, waiting = 2, 50
    manifest = dedicated_service(
        "slow",
        ["who"],
        replicas=pods,
        maxPods=pods,
        queue={"timeoutSeconds": 6, "maxLength": waiting},
        session={"idleTimeoutSeconds": 3},  # more than whoever comes in earnest may stand still
    )
    machine.api.create(DEDIS, manifest)
    machine.api.wait_for_base("slow", pods, within=PATIENCE)
    (address,) = machine.api.endpoints("slow")
    files = descriptors(machine)
    with ExitStack() as stack:
        silent = [stack.enter_context(connected(address)) for _ in range(pods)]
        slow = SlowClients(address, count=waiting, stack=stack, begun=(b"w",))
        assert machine.metric("isoproxy_queued", service="slow") <= waiting
        ended = all_ended(machine, "slow", pods + waiting)
        assert ended["queue_timeout"] + ended["idle_timeout"] == pods + waiting
        assert ended["idle_timeout"] >= len(silent)
        eventually(lambda: slow.send_a_byte() == 0, "all have noticed", within=PATIENCE)
        machine.api.wait_for_base("slow", pods, within=PATIENCE)
        assert who_serves(address)[1] == 1
        calm.visit()
    eventually(lambda: descriptors(machine) <= files + SPARE_DESCRIPTORS, "sockets are closed", within=PATIENCE)
    calm.check()
