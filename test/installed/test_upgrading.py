"""The release upgraded, taken back and uninstalled while connections are open."""

import json
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import pytest
import yaml

from isoproxy.model.proxies import DEFAULT_RESOURCES
from test.chart.conftest import remove_definitions
from test.chart.helm import CHART, Json
from test.cluster.images.ours import ISOPROXY
from test.cluster.images.tool import Commander
from test.cluster.parts.node import containerd_socket
from test.e2e.containers import container_service
from test.installed.installation import PATIENCE, Installation, Space
from test.installed.processes import operators
from test.installed.visitors import Visit, check_warm, finding_warm_pods, logged, repeating, visit, wait_for_more
from test.running.api import names
from test.running.clients import Address
from test.running.program import receive
from test.running.waiting import eventually

pytestmark = [pytest.mark.needs_cluster("node", ours=True), pytest.mark.needs_program("go", "apt-get", "dpkg-deb")]

BASE = 10
SESSIONS = 2
SERVICE: Json = container_service("obey", ["obey"], replicas=BASE, service={"type": "NodePort", "port": 7000})
PROXIES = "deployment/obey-proxy"
VERSION = "0.0.1"
FIELD = "proxy"
"""What an earlier definition of DedicatedServices does not have."""
WITH_FIELD: Json = SERVICE | {"spec": SERVICE["spec"] | {FIELD: {"resources": DEFAULT_RESOURCES}}}
"""The service with it: another spec, and the same proxies."""
EARLIER: Json = {"podLabels.era": "earlier", "resources.requests.cpu": "50m"}
LATER: Json = {"podLabels.era": "later"}
NEWER = f"{ISOPROXY}-newer"
"""The same image by another name."""
UPGRADES: list[tuple[Json, int]] = [(LATER, 0), (LATER | {"image.tag": NEWER.rpartition(":")[2]}, 1)]
"""Values to upgrade with, and how often proxies are then to be rolled out."""


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An earlier version of the chart, whose definitions have fewer fields."""
    chart: Path = shutil.copytree(CHART, tmp_path_factory.mktemp("earlier") / "chart")
    rewrite(chart / "Chart.yaml", lambda described: described.update(version=VERSION, appVersion=VERSION))
    rewrite(chart / "files" / "crds" / "soh.re_dedicatedservices.yaml", without_field)
    return chart


def rewrite(path: Path, change: Callable[[Json], object]) -> None:
    """Change a file of YAML."""
    found = yaml.safe_load(path.read_text())
    change(found)
    path.write_text(yaml.safe_dump(found))


def without_field(definition: Json) -> None:
    del definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"][FIELD]


@pytest.fixture(scope="module")
def installable(installation: Installation) -> Iterator[Installation]:
    """What a release can be installed on that was never there; the next tests find it installed as before."""
    installation.uninstall()
    remove_definitions(installation.kubectl)
    rename_image(installation)
    yield installation
    installation.install()


def rename_image(installation: Installation) -> None:
    """Give the node our image under another name."""
    address = f"--address={containerd_socket(installation.cluster.files)}"
    installation.cluster.sandbox.run("ctr", address, "--namespace=k8s.io", "images", "tag", "--force", ISOPROXY, NEWER)


@pytest.fixture(scope="module")
def space(installable: Installation) -> Iterator[Space]:
    with installable.space("upgrading") as space:
        yield space


@pytest.fixture
def release(installable: Installation, earlier: Path) -> Installation:
    """The release at its earlier version."""
    installable.install(earlier, values=EARLIER)
    return installable


def upgrade(release: Installation, values: Json) -> None:
    """Upgrade it as docs/installing.md says."""
    release.install(CHART, "--reset-then-reuse-values", values=values)
    assert era(release) == "later"


def era(release: Installation) -> str:
    """Return which values the operator runs with, of those that an upgrade changes; the others must be as before."""
    (pod,) = operators(release)
    (container,) = pod["spec"]["containers"]
    assert container["resources"]["requests"]["cpu"] == EARLIER["resources.requests.cpu"]
    return str(pod["metadata"]["labels"]["era"])


@pytest.fixture
def address(space: Space, release: Installation) -> Address:
    """A service with one proxy and a full pool."""
    space.apply(SERVICE)
    image = ["get", PROXIES, "--ignore-not-found", "--output=jsonpath={.spec.template.spec.containers[0].image}"]
    eventually(lambda: space.kubectl(*image) == ISOPROXY, "the release has seen to its proxies")
    address = space.wait_until_served("obey", BASE)
    eventually(lambda: len(space.proxies("obey")) == 1, "the proxies of before have ended", within=60)
    return address


@pytest.fixture
def sessions(space: Space, address: Address) -> Iterator[dict[str, Commander]]:
    """Connections that were written down, by the name of their pods; beside them the pool is full."""
    with ExitStack() as stack:
        opened = [stack.enter_context(space.session(address)) for _ in range(SESSIONS)]
        found = {command("who").split()[0]: command for command in opened}
        space.api.wait_for_base("obey", BASE, used=SESSIONS)
        yield found


@contextmanager
def talking(sessions: dict[str, Commander]) -> Iterator[None]:
    """Have something sent over all connections all the while, and hold them to sending it back from their pods."""
    numbers = count()

    def talk() -> None:
        for pod, command in sessions.items():
            said = str(next(numbers))
            assert (command(f"echo {said}"), command("who")) == (said, f"{pod} 1")

    with repeating(talk, every=0.2):
        yield


def hang_up(command: Commander) -> None:
    """End a connection as a client does that is done, and hold the other side to doing likewise."""
    command.peer.shutdown(socket.SHUT_WR)
    assert receive(command.peer, b"") == b""


def rollouts(space: Space) -> int:
    """Return how often the proxies were rolled out."""
    deployment = json.loads(space.kubectl("get", PROXIES, "--output=json"))
    return int(deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"])


def wait_until_settled(space: Space, rolled: int, visits: list[Visit]) -> None:
    """Wait until the proxies were rolled out ``rolled`` times, those that are to stay are there, and clients came."""

    def is_rolled() -> bool:
        proxies = space.proxies("obey").values()
        ending = [pod for pod in proxies if "deletionTimestamp" in pod["metadata"]]
        return rollouts(space) == rolled and len(proxies) - len(ending) == 1

    eventually(is_rolled, f"one proxy is there to stay, after {rolled} rollouts", within=60)
    space.kubectl("rollout", "status", PROXIES, PATIENCE)
    wait_for_more(visits)


def is_explained(space: Space) -> bool:
    """Whether the definition has the field that the earlier one has not."""
    return re.search(rf"^  {FIELD}\t", space.kubectl("explain", "dedi.spec"), re.MULTILINE) is not None


def is_planned(space: Space, *, after: int) -> bool:
    """Whether an operator has planned by the service as it is, which is another than generation ``after``."""
    service = space.api.service("obey")
    generation = int(service["metadata"]["generation"])
    return generation > after and generation == int(service["status"]["observedGeneration"])


@pytest.mark.parametrize(("values", "more"), UPGRADES, ids=["the same image", "another image"])
def test_an_upgrade_rolls_proxies_out_once_where_their_image_is_another_and_is_not_noticed_by_clients(
    space: Space, release: Installation, sessions: dict[str, Commander], address: Address, values: Json, more: int
) -> None:
    before, (old,) = rollouts(space), space.proxies("obey")
    eventually(lambda: not is_explained(space), "the definition is the earlier one")
    with pytest.raises(AssertionError, match=f'unknown field "spec.{FIELD}"'):
        space.apply(WITH_FIELD)
    with finding_warm_pods(space, address) as visits, talking(sessions):
        upgrade(release, values)
        eventually(lambda: is_explained(space), "the definition is the new one")
        planned = space.api.service("obey")["metadata"]["generation"]
        space.apply(WITH_FIELD)
        eventually(lambda: is_planned(space, after=planned), "the new operator has looked at the service")
        wait_until_settled(space, before + more, visits)
    space.api.wait_for_base("obey", BASE, used=SESSIONS)
    assert old in space.proxies("obey")
    assert len(space.proxies("obey")) == 1 + more

    first, last = sessions
    hang_up(sessions[first])
    assert logged(space, first)["outcome"] == "completed"
    hang_up(sessions[last])
    if more:
        eventually(lambda: old not in space.proxies("obey"), "it ends with its last connection")
    space.api.wait_for_base("obey", BASE)
    assert rollouts(space) == before + more


def test_an_upgrade_is_taken_back_while_connections_go_on(
    space: Space, release: Installation, sessions: dict[str, Commander], address: Address
) -> None:
    before = rollouts(space)
    values, _ = UPGRADES[-1]
    with finding_warm_pods(space, address) as visits, talking(sessions):
        upgrade(release, values)
        wait_until_settled(space, before + 1, visits)
        release.rollback()
        assert era(release) == "earlier"
        wait_until_settled(space, before + 2, visits)
    space.api.wait_for_base("obey", BASE, used=SESSIONS)
    eventually(lambda: not is_explained(space), "the definition is the earlier one")
    for command in sessions.values():
        hang_up(command)
    eventually(lambda: len(space.proxies("obey")) == 1, "proxies end with their last connections")


def test_of_an_upgraded_release_nothing_is_left_but_definitions_when_it_is_uninstalled(
    space: Space, release: Installation, sessions: dict[str, Commander], address: Address
) -> None:
    made = release.manifests()
    upgrade(release, LATER)
    made += f"---\n{release.manifests()}"
    with talking(sessions):
        release.uninstall()
        eventually(lambda: operators(release) == [], "there is no operator", within=60)
        left = release.kubectl("get", "-f", "-", "--ignore-not-found", "--output=name", given=made)
        definitions = {"dedicatedservices.soh.re", "isolationpods.soh.re"}
        assert set(left.split()) == {f"customresourcedefinition.apiextensions.k8s.io/{name}" for name in definitions}
        assert names([space.api.service("obey")]) == {"obey"}
        with space.outside():
            met = visit(address)
        check_warm(space, met)
    space.kubectl("delete", "dedi", "obey", PATIENCE)
