"""The wall as a policy engine enforces it, around real containers: what the table promises is what happens."""

from collections.abc import Iterator

import pytest

from test.cluster.target import Target
from test.walls.enforced import CASES, SETTINGS, SHOWN, Stage
from test.walls.terms import Case, Promise, Setting

pytestmark = pytest.mark.needs_cluster("node")


@pytest.fixture(scope="module")
def stage(kubernetes: Target) -> Iterator[Stage]:
    assert kubernetes.cluster is not None
    with Stage(kubernetes.cluster) as stage:
        yield stage
        stage.stop()


@pytest.fixture(scope="module")
def through(stage: Stage) -> set[Case]:
    """Every case that gets through, each tried in its setting."""
    found: set[Case] = set()
    for setting in SETTINGS:
        stage.use(setting)
        cases = {case for case in CASES if case.setting is setting}
        found |= stage.passing(cases, expected={case for case in cases if case.passes})
    return found


@pytest.mark.parametrize("promise", SHOWN, ids=lambda promise: promise.name)
def test_is_kept(promise: Promise, through: set[Case]) -> None:
    cases = set(promise.cases())
    assert cases & through == {case for case in cases if case.passes}


def test_without_walls_everything_passes_and_they_are_put_up_again(stage: Stage, through: set[Case]) -> None:
    """So what is refused, a policy refuses."""
    cases = {case for case in CASES if case.setting is Setting.CLOSED}
    with stage.without_walls():
        assert stage.passing(cases, expected=cases) == cases
    stage.use(Setting.CLOSED)
