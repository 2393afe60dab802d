import secrets
from collections.abc import Iterator

import pytest

from isoproxy.kube.resources import Resource
from isoproxy.model import crds
from test.cluster.level import Level
from test.cluster.target import KUBECONFIG, Keeper, named
from test.contract.cluster import Cluster, Space, block, held, install, new_space, remove_definition
from test.contract.servers import EMBEDDED, KUBERNETES, embedded, kubernetes
from test.contract.widgets import definition
from test.needs import must_run_all

LEVEL = Level.CONTROL  # garbage is collected by a controller
LEFT_OUT = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_compaction: the server is made to forget, a real one by its etcd")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot be done to somebody else's cluster."""
    if must_run_all():
        return
    dropped = [item for item in items if _is_forbidden(item)]
    items[:] = [item for item in items if item not in dropped]
    config.stash[LEFT_OUT] = len(dropped)
    if dropped:
        config.hook.pytest_deselected(items=dropped)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if _is_forbidden(item):
        pytest.fail(f"it compacts an etcd, which is not that of {KUBECONFIG}", pytrace=False)


def _is_forbidden(item: pytest.Item) -> bool:
    """Whether a test would compact the etcd of somebody else's cluster."""
    marks = ("needs_compaction", "needs_cluster")
    return named() is not None and all(item.get_closest_marker(mark) is not None for mark in marks)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if count := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(f"not run: {count} tests that compact an etcd, which is not that of {KUBECONFIG}")


@pytest.fixture(
    scope="module",
    params=[EMBEDDED, pytest.param(KUBERNETES, marks=pytest.mark.needs_cluster(LEVEL.value))],
)
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Each server in turn; in the network of the real one while it has its turn."""
    if request.param == EMBEDDED:
        with held(embedded()) as made:
            yield made
        return
    keeper: Keeper = request.getfixturevalue("keeper")
    with keeper.joined(LEVEL) as target, held(kubernetes(target)) as made:
        yield made


@pytest.fixture(scope="module")
def widgets(cluster: Cluster) -> Iterator[Resource]:
    """A kind of a group that nobody else uses."""
    group = f"t{secrets.token_hex(4)}.example.com"
    crd = definition(group)
    block(install(cluster, crd))
    yield Resource(group, "v1", "widgets", "Widget")
    block(remove_definition(cluster, crd))


@pytest.fixture(scope="module")
def definitions(cluster: Cluster) -> Iterator[None]:
    """isoproxy's own definitions; those that were there before stay."""
    made = [crd for crd in crds.load() if block(install(cluster, crd))]
    yield
    for crd in made:
        block(remove_definition(cluster, crd))


@pytest.fixture
def space(cluster: Cluster, widgets: Resource) -> Iterator[Space]:
    with held(new_space(cluster, widgets)) as made:
        yield made


@pytest.fixture
def neighbour(cluster: Cluster, widgets: Resource) -> Iterator[Space]:
    """Another namespace of the same server."""
    with held(new_space(cluster, widgets)) as made:
        yield made
