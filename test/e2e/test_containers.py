"""Real containers as pods, isoproxy as one process on the network of their node, and clients from another host."""

from collections.abc import Iterator

import pytest

from test.cluster import layout
from test.cluster.images.catalogue import REDIS
from test.cluster.images.tool import commanding
from test.cluster.network import CLIENT
from test.cluster.target import Target
from test.e2e.containers import ON_THE_NODE, OnContainers, container_service
from test.running.api import names
from test.running.clients import burst, is_cut, who_serves
from test.running.harness import example
from test.running.rediscli import redis_cli
from test.running.waiting import eventually

pytestmark = [pytest.mark.needs_cluster("node"), pytest.mark.usefixtures("at_client")]


@pytest.fixture(scope="module")
def machine(kubernetes: Target) -> Iterator[OnContainers]:
    with OnContainers(kubernetes.kubeconfig) as machine:
        yield machine
        machine.stop()


@pytest.fixture
def at_client(machine: OnContainers, kubernetes: Target) -> Iterator[None]:
    """Have the test on the clients' host, which knows nothing but the way to the node."""
    assert kubernetes.cluster is not None
    with kubernetes.cluster.joined(CLIENT):
        yield


def test_every_connection_has_a_container_that_nobody_had_before_it(machine: OnContainers) -> None:
    host, port = machine.serve(container_service("who", ["who"], replicas=2))
    assert host == layout.NODE_IP
    served = burst((host, port), connections=6, at_once=3)
    assert [number for _, number in served] == [1] * 6
    used = {name for name, _ in served}
    assert len(used) == 6
    assert machine.outcomes("who", 6) == ["completed"] * 6
    eventually(lambda: not used & names(machine.api.pods("who")), "all of them are gone")
    machine.api.wait_for_base("who", 2)


def test_one_process_serves_many_services(machine: OnContainers) -> None:
    addresses = {name: machine.serve(container_service(name, ["who"], replicas=1)) for name in ("one", "two")}
    for name, address in addresses.items():
        assert who_serves(address)[0].startswith(f"{name}-")


@pytest.mark.needs_program("redis-cli")
def test_every_redis_client_has_an_empty_database_of_its_own(machine: OnContainers) -> None:
    address = machine.serve(example("redis", image=REDIS, **ON_THE_NODE))
    with redis_cli(address) as one, redis_cli(address) as two:
        assert (one("DBSIZE"), two("DBSIZE")) == ("0", "0")
        assert (one("SET mine first"), two("SET mine second")) == ("OK", "OK")
        assert (one("GET mine"), two("GET mine")) == ("first", "second")
    with redis_cli(address) as three:
        assert three("DBSIZE") == "0"
    assert machine.outcomes("redis", 3) == ["completed"] * 3
    machine.api.wait_for_base("redis", 3)


def test_a_container_knows_where_it_is_and_has_nothing_of_the_cluster(machine: OnContainers) -> None:
    address = machine.serve(container_service("obey", ["obey"], replicas=1))
    with commanding(address) as command:
        (pod,) = [pod for pod in machine.api.pods("obey") if pod["metadata"]["name"] == command("env POD_NAME")]
        assert command("env POD_IP") == pod["status"]["podIP"]
        assert command("env PORT") == "8080"
        token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
        assert command(f"read {token}") == "error no such file or directory"


def test_a_container_that_ends_takes_its_connection_along_and_is_replaced(machine: OnContainers) -> None:
    address = machine.serve(container_service("ending", ["obey"], replicas=1))
    with commanding(address) as command:
        name = command("who").split()[0]
        assert command("exit 3") == "exiting"
        assert is_cut(command.peer)
    eventually(lambda: name not in names(machine.api.pods("ending")), "it is gone")
    machine.api.wait_for_base("ending", 1)
    with commanding(address) as command:
        assert command("who") != f"{name} 1"
