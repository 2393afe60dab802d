"""Limits that are changed while the service runs: its proxies follow their ConfigMap, and none is started again."""

from collections.abc import Iterator

import pytest

from test.e2e.api import Json
from test.e2e.clients import Address, connected, is_cut
from test.e2e.containers import container_service
from test.e2e.waiting import eventually
from test.installed.installation import Installation, Space

pytestmark = [pytest.mark.needs_cluster("node", ours=True), pytest.mark.needs_program("go", "apt-get", "dpkg-deb")]

SERVICE: Json = container_service(
    "limited", ["obey"], replicas=1, maxPods=1, service={"type": "NodePort", "port": 7000}
)


@pytest.fixture(scope="module")
def space(installation: Installation) -> Iterator[Space]:
    with installation.space("limits") as space:
        yield space


@pytest.fixture(scope="module")
def address(space: Space) -> Address:
    return space.serve(SERVICE)


@pytest.fixture(autouse=True)
def same_proxies(space: Space, address: Address) -> Iterator[None]:
    """Hold a test to leaving the proxies as they were."""
    before = starts(space)
    yield
    assert starts(space) == before


def starts(space: Space) -> dict[str, int]:
    """Return how often each proxy's container was started again."""
    pods = space.proxies("limited")
    return {name: pod["status"]["containerStatuses"][0]["restartCount"] for name, pod in pods.items()}


def is_cut_soon(space: Space, address: Address, *, within: float = 3.0) -> bool:
    """Whether a client outside that says nothing is turned away before long."""
    with space.outside(), connected(address) as peer:
        peer.settimeout(within)
        try:
            return is_cut(peer)
        except TimeoutError:
            return False


def test_how_long_clients_wait(space: Space, address: Address) -> None:
    with space.session(address) as command:
        assert command("echo mine") == "mine"
        assert not is_cut_soon(space, address)
        space.patch("limited", queue={"timeoutSeconds": 1})
        eventually(lambda: is_cut_soon(space, address), "clients wait a second")
        space.patch("limited", queue={"timeoutSeconds": 30})


def test_how_many_wait(space: Space, address: Address) -> None:
    with space.session(address) as command:
        assert command("echo mine") == "mine"
        space.patch("limited", queue={"maxLength": 0})
        eventually(lambda: is_cut_soon(space, address), "nobody waits")
        space.patch("limited", queue={"maxLength": 1})
        eventually(lambda: not is_cut_soon(space, address), "one may wait")


def test_how_long_a_connection_may_be_idle(space: Space, address: Address) -> None:
    space.api.wait_for_base("limited", 1)
    space.patch("limited", session={"idleTimeoutSeconds": 1})

    def is_closed() -> bool:
        with space.session(address) as command:
            assert command("echo mine") == "mine"
            command.peer.settimeout(3)
            try:
                return is_cut(command.peer)
            except TimeoutError:
                return False

    eventually(is_closed, "a second of silence ends a connection")
