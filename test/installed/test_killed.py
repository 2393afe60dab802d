"""What is left of the promises when parts are killed: told by clients outside that say which pod they met."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from test.chart.helm import NAMESPACE
from test.cluster import layout
from test.cluster.cluster import Cluster
from test.cluster.health import is_healthy
from test.cluster.images.tool import Commander
from test.cluster.parts import controlplane
from test.cluster.parts.part import Part
from test.cluster.programs import program
from test.e2e.containers import container_service
from test.installed.installation import OPERATOR, PATIENCE, Installation, Space
from test.installed.processes import operators, twistd_of
from test.installed.visitors import EVERY, Visit, visiting, wait_for_more
from test.running.api import LEASES, Json, is_ready, names
from test.running.clients import Address, is_cut
from test.running.waiting import eventually

pytestmark = [pytest.mark.needs_cluster("node", ours=True), pytest.mark.needs_program("go", "apt-get", "dpkg-deb")]

BASE = 8
PROXIES = 2
LOAD = 0.7
"""Seconds between two clients."""
SERVICE: Json = container_service(
    "obey", ["obey"], replicas=BASE, proxy={"replicas": PROXIES}, service={"type": "NodePort", "port": 7000}
)
RECORDED = '--output=jsonpath={.metadata.name} {.status.phase} {.status.outcome}{"\\n"}'
"""Has kubectl print what is written of a connection, in one line."""


@pytest.fixture(scope="module")
def space(installation: Installation) -> Iterator[Space]:
    with installation.space("killed") as space:
        yield space


@pytest.fixture(scope="module")
def address(space: Space) -> Address:
    return space.serve(SERVICE)


@pytest.fixture(scope="module")
def met() -> list[str]:
    """The pods that clients have met in earlier tests."""
    return []


@pytest.fixture
def sessions(space: Space, address: Address, met: list[str]) -> Iterator[dict[str, Commander]]:
    """Connections through every proxy, by the name of their pods; after them the pool is full, and nothing is left."""
    with ExitStack() as stack:
        found: dict[str, Commander] = {}

        def through_all() -> bool:
            command = stack.enter_context(space.session(address))
            found[whom(command)] = command
            return len({proxy_of(space, name) for name in found}) == PROXIES

        eventually(through_all, "there are connections through every proxy")
        assert not found.keys() & set(met)
        met += found
        yield found
    space.api.wait_for_base("obey", BASE, within=60)
    eventually(lambda: len(leases(space)) == PROXIES, "every Lease is that of a proxy that lives", within=60)


@contextmanager
def load(
    space: Space, address: Address, met: list[str], *, every: float = LOAD, cut: bool = False
) -> Iterator[list[Visit]]:
    """Have clients come all the while, of which none meets a pod that anybody has met; some may be ``cut`` off."""
    with visiting(space, address, every=every, cut=cut) as visits:
        yield visits
        wait_for_more(visits)
    pods = {visit.pod for visit in visits}
    assert not pods & set(met)
    met += pods


def whom(command: Commander) -> str:
    """Return the pod at the other end, which must serve its first."""
    name, number = command("who").split()
    assert number == "1"
    return name


def proxy_of(space: Space, pod: str) -> str:
    """Return the uid of the proxy's Pod that has given a pod to a connection."""
    (record,) = [record for record in space.api.records("obey") if record["metadata"]["name"] == pod]
    return str(record["spec"]["proxy"]).rpartition("-")[0]


def leases(space: Space) -> set[str]:
    return names(space.api.items(space.api.here(LEASES), labelSelector="soh.re/service=obey"))


def still_there(sessions: dict[str, Commander]) -> bool:
    return [whom(command) for command in sessions.values()] == list(sessions)


def wait_for_restart(look: Callable[[], list[Json]], uid: str) -> None:
    """Wait until the container of a Pod has been started again, and all are ready."""

    def restarted() -> bool:
        pods = look()
        again = [pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods if pod["metadata"]["uid"] == uid]
        return again == [1] and all(map(is_ready, pods))

    eventually(restarted, "it runs again", within=60)


def test_an_operator_that_is_killed_goes_on_where_it_was(
    space: Space, address: Address, installation: Installation, met: list[str], sessions: dict[str, Commander]
) -> None:
    (operator,) = operators(installation)
    uid = operator["metadata"]["uid"]
    with load(space, address, met) as visits:
        os.kill(twistd_of(uid), signal.SIGKILL)
        wait_for_more(visits)
        wait_for_restart(lambda: operators(installation), uid)
    assert still_there(sessions)


def test_a_proxy_that_is_killed_takes_no_connection_of_another_along_and_its_own_are_recorded_as_lost(
    space: Space, address: Address, met: list[str], sessions: dict[str, Commander]
) -> None:
    uid = proxy_of(space, next(iter(sessions)))
    its = {pod for pod in sessions if proxy_of(space, pod) == uid}
    with space.following("get", "ipods", "--watch", RECORDED) as watch, load(space, address, met, cut=True):
        for pod in sessions:
            watch.wait_for_log(rf"^{pod} InUse $")
        os.kill(twistd_of(uid), signal.SIGKILL)
        for pod in its:
            lost = sessions.pop(pod).peer
            assert is_cut(lost)
            lost.close()
        wait_for_restart(lambda: list(space.proxies("obey").values()), uid)
        eventually(lambda: not its & names(space.api.records("obey")), "its pods have ended", within=60)
        for pod in its:
            watch.wait_for_log(rf"^{pod} Released proxy_lost$")
        ends = set(re.findall(r"^(\S+) Released (\S+)$", watch.log, re.MULTILINE))
    assert {(pod, outcome) for pod, outcome in ends if pod in its} == {(pod, "proxy_lost") for pod in its}
    assert not {pod for pod, _ in ends} & sessions.keys()
    assert still_there(sessions)


@pytest.mark.parametrize("name", ["kube-apiserver", "etcd"])
def test_connections_and_warm_pods_go_on_without_a_part_of_the_control_plane(
    space: Space, address: Address, met: list[str], sessions: dict[str, Commander], name: str
) -> None:
    part = control_plane(space.cluster, name)
    space.api.wait_for_base("obey", BASE, used=len(sessions))
    with load(space, address, met, every=EVERY) as visits:
        space.cluster.processes.end(name, signal.SIGKILL)
        try:
            wait_for_more(visits)
            assert still_there(sessions)
        finally:
            space.cluster.start(part)
            eventually(lambda: is_healthy(f"{layout.API_URL}/readyz"), "the API server has its store again")
    assert still_there(sessions)


def control_plane(cluster: Cluster, name: str) -> Part:
    """Return a part of a cluster as it was started."""
    if name == "etcd":
        return controlplane.etcd(cluster.files, program(name))
    return controlplane.api_server(cluster.files, program(name), controllers=True)


def test_two_operators_that_know_nothing_of_each_other_do_no_harm(
    space: Space, address: Address, installation: Installation, met: list[str], sessions: dict[str, Commander]
) -> None:
    where = f"--namespace={NAMESPACE}"
    installation.kubectl("scale", OPERATOR, "--replicas=2", where)
    try:
        installation.kubectl("rollout", "status", OPERATOR, where, PATIENCE)
        with load(space, address, met), ExitStack() as stack:
            crowd = [stack.enter_context(space.session(address)) for _ in range(BASE + 2)]
            assert not {whom(command) for command in crowd} & {*met, *sessions}
        space.api.wait_for_base("obey", BASE, used=len(sessions), within=60)
    finally:
        installation.kubectl("scale", OPERATOR, "--replicas=1", where)
    eventually(lambda: len(operators(installation)) == 1, "one has ended", within=40)
    assert still_there(sessions)
