"""A client that connects and leaves, as fast as it can."""

import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from test.overload.bystander import Bystander
from test.overload.effort import PATIENCE, TIMES
from test.overload.seen import Writes, all_ended, descriptors
from test.overload.split import split
from test.running.api import DEDIS
from test.running.clients import Address
from test.running.harness import dedicated_service
from test.running.waiting import eventually

POOL = 3
MOST_PODS = 6
CONNECTIONS = 5_000 * TIMES
VISIT_EVERY = 1_000
WRITES_EACH = 7
SPARE_DESCRIPTORS = 20
"""For requests that happen to be under way."""


def close(client: socket.socket) -> None:
    """Leave in order: for whoever accepts it, that may be a client that has no more to say, and only listens."""
    client.close()


def reset(client: socket.socket) -> None:
    """Break off."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def come_and_go(address: Address, leave: Callable[[socket.socket], None], times: int) -> None:
    for _ in range(times):
        with suppress(ConnectionResetError):  # turned away before it knew that it was connected
            leave(socket.create_connection(address, timeout=PATIENCE))


@pytest.mark.parametrize("leave", [close, reset])
def test_only_connections_that_had_a_pod_cost_writes_and_other_services_are_served_at_once(
    tmp_path: Path, leave: Callable[[socket.socket], None]
) -> None:
    with split(tmp_path) as parts:
        api, isoproxy = parts.api, parts.isoproxy
        api.create(DEDIS, dedicated_service("brief", ["who"], replicas=POOL, maxPods=MOST_PODS))
        calm = Bystander(isoproxy, api)
        api.wait_for_base("brief", POOL, within=PATIENCE)
        (address,) = api.endpoints("brief")
        files, before = descriptors(isoproxy), Writes.of(isoproxy)
        for _ in range(CONNECTIONS // VISIT_EVERY):
            come_and_go(address, leave, VISIT_EVERY)
            assert len(api.pods("brief")) <= MOST_PODS
            calm.visit()
        ended = all_ended(isoproxy, "brief", CONNECTIONS)
        calm.check()
        api.wait_for_base("brief", POOL, within=PATIENCE)
        eventually(lambda: descriptors(isoproxy) <= files + SPARE_DESCRIPTORS, "sockets are closed", within=PATIENCE)

        made = Writes.of(isoproxy) - before
        with_pod = len([entry for entry in isoproxy.ended("brief") if entry["pod"] != "-"])
        print(f"{dict(ended)}, {with_pod} with a pod; in {made.seconds:.1f} s {dict(made.counted)}")
        assert ended["error"] == ended["dial_failed"] == 0
        assert made.of_pods <= WRITES_EACH * (with_pod + calm.visits + 2 * MOST_PODS)
        made.check_pace(services=2)
