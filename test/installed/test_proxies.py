"""What becomes of connections and of clients to come while proxies and the operator are replaced."""

import time
from collections.abc import Callable, Iterator

import pytest

from test.chart.helm import NAMESPACE
from test.e2e.containers import container_service
from test.installed.installation import OPERATOR, PATIENCE, Installation, Space
from test.installed.visitors import finding_warm_pods, wait_for_more
from test.running.api import Json, is_ready
from test.running.clients import Address, is_cut
from test.running.waiting import eventually

pytestmark = [pytest.mark.needs_cluster("node", ours=True), pytest.mark.needs_program("go", "apt-get", "dpkg-deb")]

BASE = 8
"""More than clients use up while nobody makes pods, as when the operator is replaced."""
LONGEST = 12
"""Seconds that a connection to the service ``brief`` may last."""
PROXIES = "deployment/obey-proxy"
Change = Callable[[Space], object]


def service(name: str, port: int, **spec: object) -> Json:
    return container_service(name, ["obey"], replicas=BASE, service={"type": "NodePort", "port": port}, **spec)


@pytest.fixture(scope="module")
def space(installation: Installation) -> Iterator[Space]:
    with installation.space("proxies") as space:
        yield space


@pytest.fixture(scope="module")
def address(space: Space) -> Address:
    return space.serve(service("obey", 7000))


def restart_proxies(space: Space) -> None:
    space.kubectl("rollout", "restart", PROXIES)


def give_proxies_more(space: Space) -> None:
    resources = {"requests": {"cpu": "50m", "memory": "100Mi"}}
    space.patch("obey", proxy={"resources": resources})
    asked = "{.spec.template.spec.containers[0].resources.requests.cpu}"
    eventually(lambda: space.kubectl("get", PROXIES, f"--output=jsonpath={asked}") == "50m", "they are to get it")


def is_living(pod: Json) -> bool:
    return "deletionTimestamp" not in pod["metadata"]


def living_proxies(space: Space) -> dict[str, Json]:
    """Return the Pods of the service's proxies by name; one that was told to go may take its time with that."""
    return {name: pod for name, pod in space.proxies("obey").items() if is_living(pod)}


@pytest.mark.parametrize("change", [restart_proxies, give_proxies_more])
def test_proxies_are_replaced_without_cutting_a_connection_or_emptying_the_pool(
    space: Space, address: Address, change: Change
) -> None:
    ((old, proxy),) = living_proxies(space).items()
    with space.session(address) as command:
        before = command("who")
        with finding_warm_pods(space, address) as visits:
            change(space)
            space.kubectl("rollout", "status", PROXIES, PATIENCE)
            eventually(lambda: old not in living_proxies(space), "the old one is to end")
            eventually(lambda: has_left(space, proxy["metadata"]["uid"]), "the pool is the new one's")
            wait_for_more(visits)
        space.api.wait_for_base("obey", BASE, used=1)
        assert command("who") == before
        assert old in space.proxies("obey")
    eventually(lambda: old not in space.proxies("obey"), "it ends with its last connection")
    space.api.wait_for_base("obey", BASE)


def has_left(space: Space, uid: str) -> bool:
    """Whether most of the pool is in stock, and none of that with the proxy whose Pod has this uid."""
    holders = [one["spec"].get("proxy", "") for one in space.api.records("obey") if one["status"]["phase"] == "Idle"]
    stocked = list(filter(None, holders))
    return len(stocked) > BASE / 2 and not any(holder.startswith(uid) for holder in stocked)


def test_more_proxies_and_fewer_cut_no_connection_and_share_the_pool(space: Space, address: Address) -> None:
    with finding_warm_pods(space, address), space.session(address) as command:
        before = command("who")
        scale_proxies(space, 3)
        scale_proxies(space, 1)
        assert command("who") == before
    space.api.wait_for_base("obey", BASE)


def scale_proxies(space: Space, count: int) -> None:
    """Have so many proxies, and wait until they are there, all of them ready."""

    def are_there() -> bool:
        living = living_proxies(space)
        return len(living) == count and all(map(is_ready, living.values()))

    space.patch("obey", proxy={"replicas": count})
    eventually(are_there, f"{count} proxies are ready", within=60)


def test_a_restarted_operator_is_not_noticed(space: Space, address: Address, installation: Installation) -> None:
    proxies = living_proxies(space).keys()
    with space.session(address) as command:
        before = command("who")
        with finding_warm_pods(space, address) as visits:
            installation.kubectl("rollout", "restart", OPERATOR, f"--namespace={NAMESPACE}")
            installation.kubectl("rollout", "status", OPERATOR, f"--namespace={NAMESPACE}", PATIENCE)
            wait_for_more(visits)
        space.api.wait_for_base("obey", BASE, used=1)
        assert command("who") == before
    assert living_proxies(space).keys() == proxies


def test_a_connection_ends_at_its_longest_duration_and_not_before_though_its_proxy_is_to_end(space: Space) -> None:
    address = space.serve(service("brief", 7001, session={"maxDurationSeconds": LONGEST}))
    (old,) = space.proxies("brief")
    began = time.monotonic()
    with space.session(address) as command, space.following("logs", "--follow", old) as log:
        before = command("who")
        space.kubectl("delete", "pod", old, "--wait=false")
        assert not is_living(space.proxies("brief")[old])
        assert command("who") == before
        assert is_cut(command.peer)
        assert LONGEST - 1 < time.monotonic() - began < LONGEST + 5
        log.wait_for_log(r"outcome=max_duration\b")
    eventually(lambda: old not in space.proxies("brief"), "the proxy has ended")
