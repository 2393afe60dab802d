"""A namespace deleted with all that is in it, by somebody who does not look what there is."""

from collections.abc import Iterator

import pytest

from test.chart.helm import NAMESPACE
from test.e2e.containers import container_service
from test.installed.installation import Installation, Space
from test.installed.life import OPERATOR
from test.installed.rights import Asking
from test.running.api import Json
from test.running.clients import is_cut
from test.running.waiting import eventually

pytestmark = [pytest.mark.needs_cluster("node", ours=True), pytest.mark.needs_program("go", "apt-get", "dpkg-deb")]

POOL = 3
SERVICE: Json = container_service(
    "obey", ["obey"], replicas=POOL, proxy={"replicas": 2}, service={"type": "NodePort", "port": 7000}
)
NEXT_LOOK_SECONDS = 330
"""A namespace whose Pods are there 5 s after they were told to end is looked at again only after five minutes."""

MOST_TRIES = 8
"""How often the operator looks in that time whether the namespace takes something new after all."""


@pytest.fixture
def space(installation: Installation) -> Iterator[Space]:
    installation.kubectl("create", "namespace", "doomed")
    space = Space(installation.cluster, "doomed")
    yield space
    # If it goes slowly, the operators of later tests are still refused what they make for a service that is left.
    space.kubectl("delete", "dedi", "--all")
    installation.kubectl("delete", "namespace", "doomed", "--ignore-not-found", "--wait=false")


def wait_until_gone(space: Space) -> None:
    left = ["get", "namespace", space.name, "--ignore-not-found"]
    eventually(lambda: space.kubectl(*left) == "", "it is gone", within=NEXT_LOOK_SECONDS)


def test_it_goes_soon_though_a_client_holds_on_to_its_connection(space: Space, installation: Installation) -> None:
    asking = Asking(installation.cluster)
    address = space.serve(SERVICE)
    with space.session(address) as command:
        assert command("echo here") == "here"
        space.api.wait_for_base("obey", POOL, used=1)
        space.kubectl("delete", "namespace", space.name, "--wait=false")
        eventually(lambda: space.pods() == [], "nothing runs in it", within=60)
        assert is_cut(command.peer)
        wait_until_gone(space)
    one_pass, told, first_stage = POOL + 1, 1, 2
    assert asking.refused(NAMESPACE, OPERATOR, within=space.name) <= one_pass + told + first_stage * MOST_TRIES


def test_one_that_is_made_anew_at_once_is_served_by_the_same_operator(space: Space, installation: Installation) -> None:
    space.serve(SERVICE)
    space.kubectl("delete", "namespace", space.name, "--wait=false")
    wait_until_gone(space)
    installation.kubectl("create", "namespace", space.name)
    with space.session(space.serve(SERVICE)) as command:
        assert command("echo here") == "here"
