"""A thousand pods of a hundred services, none of which runs: what they cost the operator that is installed."""

import time
from collections.abc import Iterator

import pytest

from bench import measure
from test.cluster import layout
from test.cluster.level import Level
from test.cluster.simulated import simulated_node
from test.cluster.target import Target
from test.installed.installation import Installation, Space
from test.installed.processes import operators, twistd_of
from test.running.api import DEDIS, IPODS, PODS, Json, is_ready
from test.running.harness import dedicated_service
from test.running.waiting import eventually

pytestmark = [pytest.mark.needs_cluster("node", ours=True), pytest.mark.needs_program("go", "apt-get", "dpkg-deb")]

SERVICES = 100
POOL = 10
PATIENCE = 240.0
IDLE_SECONDS = 10.0
MOST_IDLE = 0.2
"""Of a processor, with nothing to do; it is a small part of this, but tests share their machine."""


@pytest.fixture(scope="module")
def space(installation: Installation) -> Iterator[Space]:
    """A namespace on a cluster where no proxy finds a place: a hundred of them would be another test."""
    installation.kubectl("cordon", layout.NODE)
    try:
        with installation.space("many") as space:
            yield space
    finally:
        installation.kubectl("uncordon", layout.NODE)


@pytest.fixture(scope="module")
def place(installation: Installation, space: Space) -> Iterator[Json]:
    """Say what puts a pod on a node that is simulated; in the end nothing is left there."""
    cluster = installation.cluster
    with simulated_node(Target(cluster.files.kubeconfig(), cluster, Level.NODE), "simulated") as spec:
        yield spec
        space.kubectl("delete", "dedi", "--all", "--wait=false")
        eventually(lambda: not space.pods(), "nothing is left there", within=PATIENCE)


@pytest.fixture(scope="module")
def operator(installation: Installation) -> int:
    """The process of the operator."""
    (pod,) = operators(installation)
    return twistd_of(pod["metadata"]["uid"])


def is_at_base(space: Space) -> bool:
    """Whether every service has its pool, and there is nothing beside that."""
    services, records, pods = (space.api.items(space.api.here(path)) for path in (DEDIS, IPODS, PODS))
    available = [service.get("status", {}).get("availableTargets") for service in services]
    assert available == [POOL] * SERVICES, f"{sum(count or 0 for count in available)} are warm"
    isolated = [pod for pod in pods if pod["metadata"]["labels"].get("soh.re/role") == "pod"]
    return len(records) == SERVICES * POOL and len(list(filter(is_ready, isolated))) == len(isolated) == SERVICES * POOL


def test_a_thousand_pods_are_kept_warm_by_an_operator_that_then_has_next_to_nothing_to_do(
    space: Space, place: Json, operator: int
) -> None:
    began = time.monotonic()
    crowd = [dedicated_service(f"crowd-{number}", ["who"], replicas=POOL, **place) for number in range(SERVICES)]
    space.apply({"apiVersion": "v1", "kind": "List", "items": crowd})
    eventually(lambda: is_at_base(space), "every pool is at base", within=PATIENCE)
    print(f"{SERVICES * POOL} pods were warm after {time.monotonic() - began:.1f} s")

    used = settled_share(operator)
    print(f"idle, the operator takes {used:.1%} of a processor, and {measure.resident_bytes(operator) / 2**20:.0f} MiB")
    assert used < MOST_IDLE


def settled_share(pid: int) -> float:
    """Return what part of a processor a process takes over a while, once the last status has been written."""

    def share(seconds: float) -> float:
        before = measure.cpu_ns(pid)
        time.sleep(seconds)  # the time is what is measured
        return (measure.cpu_ns(pid) - before) / 1e9 / seconds

    eventually(lambda: share(1.0) < MOST_IDLE, "it has calmed down")
    return share(IDLE_SECONDS)
