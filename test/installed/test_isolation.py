"""Services of several namespaces with a real Redis in each pod, and redis-cli outside of the cluster."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from test.cluster.images.catalogue import REDIS
from test.e2e.containers import ON_THE_NODE
from test.installed.installation import Installation, Space
from test.running.clients import Address
from test.running.harness import example
from test.running.rediscli import RedisClient, redis_cli

pytestmark = [
    pytest.mark.needs_cluster("node", ours=True),
    pytest.mark.needs_program("go", "apt-get", "dpkg-deb", "redis-cli"),
]

PORTS = {"first": 6390, "second": 6379, "third": 6390}
"""Where clients connect, by namespace: neither 9090 nor the same for all."""
WAYS: list[Callable[[Space, str], Address]] = [Space.cluster_address, Space.node_port]


@pytest.fixture(scope="module")
def spaces(installation: Installation) -> Iterator[list[Space]]:
    """Namespaces, each with a service of the same name."""
    with ExitStack() as stack:
        made = [stack.enter_context(installation.space(name)) for name in PORTS]
        for space in made:
            service = {"type": "NodePort", "port": PORTS[space.name]}
            space.apply(example("redis", image=REDIS, replicas=3, service=service, **ON_THE_NODE))
        for space in made:
            space.wait_until_served("redis", 3)
        yield made


@contextmanager
def redis(space: Space, address: Address) -> Iterator[RedisClient]:
    """Connect from outside."""
    with ExitStack() as stack:
        with space.outside():
            client = stack.enter_context(redis_cli(address))
        yield client


@pytest.mark.parametrize("way", WAYS, ids=["cluster_ip", "node_port"])
def test_every_client_has_an_empty_database_of_its_own(
    spaces: list[Space], way: Callable[[Space, str], Address]
) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(redis(space, way(space, "redis"))) for space in spaces for _ in range(2)]
        assert [client("DBSIZE") for client in clients] == ["0"] * 6
        for number, client in enumerate(clients):
            assert client(f"SET mine {number}") == "OK"
        assert [client("GET mine") for client in clients] == [f"{number}" for number in range(6)]
    with redis(spaces[0], way(spaces[0], "redis")) as later:
        assert later("DBSIZE") == "0"


def test_clients_connect_to_the_port_that_the_service_names(spaces: list[Space]) -> None:
    assert [space.cluster_address("redis")[1] for space in spaces] == list(PORTS.values())


def test_connections_take_pods_of_their_own_namespace_only(spaces: list[Space]) -> None:
    for space in spaces:
        space.api.wait_for_base("redis", 3)
    with redis(spaces[0], spaces[0].node_port("redis")) as client:
        assert client("PING") == "PONG"
        spaces[0].api.wait_for_base("redis", 3, used=1)
        for space in spaces[1:]:  # a pod of theirs would be in use for as long as the client is there
            space.api.wait_for_base("redis", 3)
    spaces[0].api.wait_for_base("redis", 3)
