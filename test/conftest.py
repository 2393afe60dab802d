"""Tests that need more than Python say so, see ``needs.py``.

On a user's machine such a test is left out where something is absent, and the end of the run says which, why, and what
to install. Where everything must run (``CI`` or ``ISOPROXY_REQUIRE_ALL`` set), the test fails instead.
"""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from test.cluster import ahead
from test.cluster.level import Level
from test.cluster.target import Keeper, Target
from test.needs import dockerfile, hint, levels, missing, modules, must_run_all

# How long anything takes says nothing on a machine that is busy otherwise; on CI hypothesis knows that by itself.
settings.register_profile("any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

LEFT_OUT = pytest.StashKey[dict[str, int]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out: dict[str, int] = {}
    config.stash[LEFT_OUT] = left_out
    if must_run_all():
        return
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        absent = missing(item)
        (dropped if absent else kept).append(item)
        for name in absent:
            left_out[name] = left_out.get(name, 0) + 1
    items[:] = kept
    if dropped:
        config.hook.pytest_deselected(items=dropped)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Make what the tests need of a cluster before they begin: it takes longer than any of them may."""
    if session.config.option.collectonly:
        return
    try:
        images = Level.NODE in levels(session.items)
        for _ in ahead.make(modules(session.items), images=images, dockerfile=dockerfile(session.items)):
            pass
    except ahead.FAILURES as error:  # the tests that need it will fail with it
        print(f"not to be had here: {error}", file=sys.stderr)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if absent := missing(item):
        pytest.fail(f"not to be had here: {', '.join(absent)}", pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, count in sorted(config.stash.get(LEFT_OUT, {}).items()):
        tests = "1 test" if count == 1 else f"{count} tests"
        terminalreporter.write_line(f"not run: {tests} without {name} ({hint(name)})")


@pytest.fixture(scope="session")
def keeper() -> Iterator[Keeper]:
    """Keep the cluster of this run."""
    kept = Keeper()
    yield kept
    kept.end()


@pytest.fixture(scope="module")
def kubernetes(keeper: Keeper, request: pytest.FixtureRequest) -> Iterator[Target]:
    """A real cluster, of the level that the module's mark says; this process is in its network meanwhile."""
    mark = request.node.get_closest_marker("needs_cluster")
    assert mark is not None, "a test of a cluster says what it needs: @pytest.mark.needs_cluster"
    with keeper.joined(Level(mark.args[0])) as target:
        yield target
