import secrets
from collections import Counter
from collections.abc import Iterator

import pytest

from isoproxy.kube.resources import Resource
from isoproxy.model import crds
from test.contract.cluster import Cluster, Space, block, held, install, new_space, remove_definition
from test.contract.servers import EMBEDDED, KUBERNETES, missing, running
from test.contract.widgets import definition

LEFT_OUT = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_controllers: what is checked is done by controllers")
    config.addinivalue_line("markers", "needs_compaction: the server is made to forget, a real one by its etcd")


def _lacks(item: pytest.Item) -> str | None:
    if item.path.parent.name != "contract" or not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return None
    return missing(str(item.callspec.params.get("cluster")), {mark.name for mark in item.iter_markers()})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the servers at hand cannot show."""
    dropped = {item: lack for item in items if (lack := _lacks(item)) is not None}
    items[:] = [item for item in items if item not in dropped]
    config.stash[LEFT_OUT] = Counter(dropped.values())
    if dropped:
        config.hook.pytest_deselected(items=list(dropped))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for lack, count in sorted(config.stash.get(LEFT_OUT, Counter()).items()):
        terminalreporter.write_line(f"not run: {count} contract tests without {lack}")


@pytest.fixture(scope="module", params=[EMBEDDED, KUBERNETES])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Each server in turn."""
    with held(running(request.param)) as made:
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
