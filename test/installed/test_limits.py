"""Limits that are changed while the service runs: its proxies follow their ConfigMap, and none is started again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from test.e2e.containers import container_service
from test.installed.installation import Installation, Space
from test.running.api import Json
from test.running.clients import Address, is_cut, is_turned_away
from test.running.waiting import eventually

pytestmark = [pytest.mark.needs_cluster("node", ours=True), pytest.mark.needs_program("go", "apt-get", "dpkg-deb")]

SERVICE: Json = container_service(
    "limited", ["obey"], replicas=1, maxPods=1, service={"type": "NodePort", "port": 7000}
)

IDLE_SECONDS = 3  # more than an answer takes on a busy machine


@pytest.fixture(scope="module")
def space(installation: Installation) -> Iterator[Space]:
    with installation.space("limits") as space:
        yield space


@pytest.fixture(scope="module")
def address(space: Space) -> Address:
    return space.serve(SERVICE)


@pytest.fixture(autouse=True)
def same_proxies(space: Space, address: Address) -> Iterator[None]:
    """Begin with a full pool, and hold a test to leaving the proxies as they were."""
    space.api.wait_for_base("limited", 1)
    before = starts(space)
    yield
    assert starts(space) == before


def starts(space: Space) -> dict[str, int]:
    """Return how often each proxy's container was started again."""
    pods = space.proxies("limited")
    return {name: pod["status"]["containerStatuses"][0]["restartCount"] for name, pod in pods.items()}


@contextmanager
def limited(space: Space, **spec: Any) -> Iterator[None]:
    """Change fields of the service's spec, and change them back, so that no test finds the limits of another."""
    space.patch("limited", **spec)
    try:
        yield
    finally:
        space.patch("limited", **dict.fromkeys(spec))


def is_turned_away_soon(space: Space, address: Address) -> bool:
    """Whether a client outside that says nothing is turned away before long."""
    with space.outside():
        return is_turned_away(address, within=3.0)


def test_how_long_clients_wait(space: Space, address: Address) -> None:
    with space.session(address) as command:
        assert command("echo mine") == "mine"
        assert not is_turned_away_soon(space, address)
        with limited(space, queue={"timeoutSeconds": 1}):
            eventually(lambda: is_turned_away_soon(space, address), "clients wait a second")
        eventually(lambda: not is_turned_away_soon(space, address), "clients wait for longer")


def test_how_many_wait(space: Space, address: Address) -> None:
    with space.session(address) as command:
        assert command("echo mine") == "mine"
        with limited(space, queue={"maxLength": 0}):
            eventually(lambda: is_turned_away_soon(space, address), "nobody waits")
        eventually(lambda: not is_turned_away_soon(space, address), "many may wait")


def test_how_long_a_connection_may_be_idle(space: Space, address: Address) -> None:
    def is_closed() -> bool:
        with space.session(address) as command:
            try:
                assert command("echo mine") == "mine"
                command.peer.settimeout(2 * IDLE_SECONDS)
                return is_cut(command.peer)
            except (TimeoutError, ConnectionError):  # nobody ends it; or somebody does before it has said a word
                return False

    with limited(space, session={"idleTimeoutSeconds": IDLE_SECONDS}):
        eventually(is_closed, "silence ends a connection")
