import os
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as global_reactor

from isoproxy.kube.config import Connection
from isoproxy.kube.errors import NotFound
from isoproxy.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES, Resource
from isoproxy.local.apiserver.limits import Limits
from isoproxy.local.apiserver.server import ApiServer
from test.contract.cluster import KUBECONFIG, Cluster, Space, install, new_namespace, target
from test.contract.widgets import definition

reactor: Any = global_reactor


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "embedded_only: needs the short memory of the embedded server")
    config.addinivalue_line("markers", "needs_controllers: what is checked is done by controllers")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the server at hand cannot show."""
    if not os.environ.get(KUBECONFIG):
        return
    left_out = {"embedded_only"} | (set() if os.environ.get("ISOPROXY_CONTROLLERS") else {"needs_controllers"})
    ours = [item for item in items if item.path.parent.name == "contract"]
    dropped = [item for item in ours if any(item.get_closest_marker(name) for name in left_out)]
    items[:] = [item for item in items if item not in dropped]
    if dropped:
        config.hook.pytest_deselected(items=dropped)


def _start() -> tuple[Cluster, Any]:
    connection = target()
    if connection is not None:
        return Cluster(connection, None), None
    server = ApiServer(reactor, limits=Limits(history=100))  # soon forgotten
    port = reactor.listenTCP(0, server.site(), interface="127.0.0.1")
    return Cluster(Connection.plain(f"http://127.0.0.1:{port.getHost().port}"), server), port


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made, port = _start()
    yield made
    block(made.close())
    if port is not None:
        assert made.embedded is not None
        made.embedded.stop()
        pytest_twisted.blockon(port.stopListening())


@pytest.fixture(scope="module")
def widgets(cluster: Cluster) -> Iterator[Resource]:
    """A kind of a group that nobody else uses."""
    group = f"t{secrets.token_hex(4)}.example.com"
    crd = definition(group)
    block(install(cluster, crd))
    yield Resource(group, "v1", "widgets", "Widget")
    block(cluster.client.delete(CUSTOM_RESOURCE_DEFINITIONS, crd["metadata"]["name"]))


@pytest.fixture
def space(cluster: Cluster, widgets: Resource) -> Iterator[Space]:
    name = block(new_namespace(cluster))
    yield Space(cluster, name, widgets)

    async def remove() -> None:
        try:
            await cluster.client.delete(NAMESPACES, name)
        except NotFound:
            return

    block(remove())


def block(coroutine: Any) -> Any:
    return pytest_twisted.blockon(pytest_twisted.defer.ensureDeferred(coroutine))
