"""What kubectl does to pods, their records and services while connections are open."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from test.cluster.images.tool import Commander
from test.e2e.containers import container_service
from test.installed.installation import Installation, Space
from test.installed.visitors import finding_warm_pods
from test.running.api import Json, names
from test.running.clients import Address, is_cut
from test.running.waiting import eventually

pytestmark = [pytest.mark.needs_cluster("node", ours=True), pytest.mark.needs_program("go", "apt-get", "dpkg-deb")]

BASE = 4
SERVICE: Json = container_service("obey", ["obey"], replicas=BASE, service={"type": "NodePort", "port": 7000})


@pytest.fixture(scope="module")
def space(installation: Installation) -> Iterator[Space]:
    with installation.space("sessions") as space:
        yield space


@pytest.fixture(scope="module")
def address(space: Space) -> Address:
    return space.serve(SERVICE)


@pytest.fixture
def sessions(space: Space, address: Address) -> Iterator[dict[str, Commander]]:
    """Two connections, by the name of their pods, that were written down; beside them the pool is full."""
    with ExitStack() as stack:
        opened = [stack.enter_context(space.session(address)) for _ in range(2)]
        found = {pod_of(command): command for command in opened}
        space.api.wait_for_base("obey", BASE, used=2)
        yield found
    space.api.wait_for_base("obey", BASE)


def pod_of(command: Commander) -> str:
    name, number = command("who").split()
    assert number == "1"
    return name


def warm(space: Space) -> set[str]:
    """Return the names of the pods that wait for a client."""
    return names([record for record in space.api.records("obey") if record["status"]["phase"] == "Idle"])


def last_in_line(space: Space) -> str:
    """Return the name of a pod in stock that no client meets soon: those that came earlier are given away before it."""
    idle = [record for record in space.api.records("obey") if record["status"]["phase"] == "Idle"]
    stocked = [record["metadata"] for record in idle if record["spec"].get("proxy")]
    return str(max(stocked, key=lambda metadata: str(metadata["creationTimestamp"]))["name"])


@pytest.mark.parametrize("kind", ["ipod", "pod"])
def test_deleting_ends_the_one_connection_and_another_pod_comes(
    space: Space, address: Address, sessions: dict[str, Commander], kind: str
) -> None:
    name, other = sessions
    with finding_warm_pods(space, address) as visits:
        space.kubectl("delete", kind, name)
        ended = sessions.pop(name).peer
        assert is_cut(ended)
        ended.close()
        space.kubectl("delete", kind, last_in_line(space))
        eventually(lambda: len(visits) >= 4, "clients come all the while")
    assert pod_of(sessions[other]) == other
    space.api.wait_for_base("obey", BASE, used=1)


def test_scaling_ends_no_connection_and_takes_the_pool_to_its_size(
    space: Space, address: Address, sessions: dict[str, Commander]
) -> None:
    for size in (1, BASE + 1, BASE):
        space.kubectl("scale", "dedi/obey", f"--replicas={size}")
        space.api.wait_for_base("obey", size, used=2)
        assert [pod_of(command) for command in sessions.values()] == list(sessions)


def test_a_changed_template_replaces_unused_pods_while_clients_find_warm_ones(
    space: Space, address: Address, sessions: dict[str, Commander]
) -> None:
    old = warm(space)
    with finding_warm_pods(space, address) as visits:
        space.patch("obey", env=[{"name": "COLOUR", "value": "green"}])
        eventually(lambda: not old & names(space.api.records("obey")), "all that were unused are replaced")
        eventually(lambda: visits, "a client has come meanwhile")
    for name, command in sessions.items():
        assert pod_of(command) == name
        assert command("env COLOUR") == "error not set"
    space.api.wait_for_base("obey", BASE, used=2)
    with space.session(address) as command:
        assert command("env COLOUR") == "green"
