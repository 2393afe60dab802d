"""Many pods, none of which runs: what the operator and a real cluster make of numbers."""

import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from bench import measure
from test.cluster.simulated import simulated_node
from test.cluster.target import Target
from test.e2e.oncluster import OPERATED, prepared
from test.running.api import CHILDREN, DEDIS, Api, Json, Refused
from test.running.harness import Isoproxy, dedicated_service
from test.running.waiting import eventually

pytestmark = [pytest.mark.needs_cluster("control"), pytest.mark.needs_program("go")]

NODE = "simulated"
SERVICES = [f"crowd-{number}" for number in range(10)]
POOL = 10
PATIENCE = 60.0
IDLE_SECONDS = 5.0


@pytest.fixture(scope="module")
def api(kubernetes: Target) -> Iterator[Api]:
    with prepared(kubernetes) as api:
        yield api


@pytest.fixture(scope="module")
def place(kubernetes: Target) -> Iterator[Json]:
    """Say what puts a pod on the node."""
    with simulated_node(kubernetes, NODE) as spec:
        yield spec


@pytest.fixture
def operator(kubernetes: Target, api: Api) -> Iterator[Isoproxy]:
    with Isoproxy("--role=operator", OPERATED, "--kubeconfig", kubernetes.kubeconfig) as process:
        yield process
        process.stop()


@pytest.fixture
def crowd(api: Api, operator: Isoproxy, place: Json) -> Iterator[None]:
    """Create the services; those that a test leaves are deleted."""
    for name in SERVICES:
        api.create(DEDIS, dedicated_service(name, ["who"], replicas=POOL, **place))
    yield
    for name in SERVICES:
        with suppress(Refused):
            api.delete(f"{DEDIS}/{name}")
    eventually(lambda: left(api) == [], "nothing is left", within=PATIENCE)


def left(api: Api) -> list[str]:
    """Return the names of all objects of the services."""
    of_services = f"soh.re/service in ({','.join(SERVICES)})"
    found = [item for path in CHILDREN for item in api.items(path, labelSelector=of_services)]
    return [item["metadata"]["name"] for item in found]


def report_idle(operator: Isoproxy) -> None:
    """Print what it costs the operator that nothing happens."""
    before = measure.cpu_ns(operator.pid)
    time.sleep(IDLE_SECONDS)
    used = (measure.cpu_ns(operator.pid) - before) / 1e9 / IDLE_SECONDS
    print(f"idle, the operator takes {used:.1%} of a processor and {operator.memory / 2**20:.0f} MiB")


@pytest.mark.usefixtures("crowd")
def test_a_hundred_pods_of_ten_services_are_kept_warm_and_go_with_their_services(api: Api, operator: Isoproxy) -> None:
    began = time.monotonic()
    for name in SERVICES:
        api.wait_for_base(name, POOL, within=PATIENCE)
    print(f"{len(SERVICES) * POOL} pods were warm after {time.monotonic() - began:.1f} s")
    pods = [pod for name in SERVICES for pod in api.pods(name)]
    assert {pod["spec"]["nodeName"] for pod in pods} == {NODE}
    assert len({pod["status"]["podIP"] for pod in pods}) == len(SERVICES) * POOL

    report_idle(operator)

    began = time.monotonic()
    for name in SERVICES:
        api.delete(f"{DEDIS}/{name}")
    eventually(lambda: left(api) == [], "nothing is left", within=PATIENCE)
    print(f"nothing was left after {time.monotonic() - began:.1f} s")
