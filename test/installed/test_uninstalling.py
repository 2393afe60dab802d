"""The release uninstalled while connections are open."""

import time
from collections.abc import Iterator

import pytest

from test.e2e.api import Json
from test.e2e.clients import Address, is_cut
from test.e2e.containers import container_service
from test.e2e.waiting import eventually
from test.installed.installation import KINDS, Installation, Space
from test.installed.visitors import slow, visit

pytestmark = [pytest.mark.needs_cluster("node", ours=True), pytest.mark.needs_program("go", "apt-get", "dpkg-deb")]

BASE = 6


@pytest.fixture(scope="module")
def space(installation: Installation) -> Iterator[Space]:
    with installation.space("uninstalling") as space:
        yield space


def service(name: str, port: int, **spec: object) -> Json:
    return container_service(name, ["obey"], replicas=BASE, service={"type": "NodePort", "port": port}, **spec)


def test_services_outlive_the_release_and_can_be_deleted_without_it(space: Space, installation: Installation) -> None:
    address = space.serve(service("left", 7001))
    installation.uninstall()
    eventually(lambda: operators(installation) == [], "there is no operator")
    assert_is_served(space, address)
    with space.session(address) as command:
        assert command("echo here") == "here"
        began = time.monotonic()
        space.kubectl("delete", "dedi", "left")
        assert time.monotonic() - began < 10
        assert is_cut(command.peer)
    left = ["get", KINDS, "-lsoh.re/service=left", "--output=name"]
    eventually(lambda: space.kubectl(*left) == "", "nothing is left of the service", within=60)
    installation.install()


def assert_is_served(space: Space, address: Address) -> None:
    """Hold a client outside to meeting a warm pod."""
    with space.outside():
        assert slow([visit(address)]) == []
