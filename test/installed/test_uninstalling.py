"""The release uninstalled while connections are open."""

from collections.abc import Iterator

import pytest

from test.e2e.containers import container_service
from test.installed.installation import KINDS, PATIENCE, Installation, Space
from test.installed.processes import operators
from test.installed.visitors import check_warm, visit
from test.running.api import Json
from test.running.clients import is_cut
from test.running.waiting import eventually

pytestmark = [pytest.mark.needs_cluster("node", ours=True), pytest.mark.needs_program("go", "apt-get", "dpkg-deb")]

SERVICE: Json = container_service("left", ["obey"], replicas=3, service={"type": "NodePort", "port": 7000})


@pytest.fixture
def release(installation: Installation) -> Iterator[Installation]:
    """The release, which a test may uninstall: the next one finds it again."""
    yield installation
    installation.install()


@pytest.fixture
def space(release: Installation) -> Iterator[Space]:
    with release.space("uninstalling") as space:
        yield space


def test_services_outlive_the_release_and_can_be_deleted_without_it(space: Space, release: Installation) -> None:
    address = space.serve(SERVICE)
    assert operators(release) != []
    release.uninstall()
    eventually(lambda: operators(release) == [], "there is no operator", within=60)
    with space.outside():
        met = visit(address)
    check_warm(space, met)
    with space.session(address) as command:
        assert command("echo here") == "here"
        space.kubectl("delete", "dedi", "left", PATIENCE)
        assert is_cut(command.peer)
    left = ["get", KINDS, "-lsoh.re/service=left", "--output=name"]
    wall = "networkpolicy.networking.k8s.io/left-pods"  # which goes after the pods, by an operator's hand alone
    eventually(lambda: space.kubectl(*left).split() == [wall], "nothing is left of the service but a wall", within=60)
