"""The wall as a second opinion sees it: the policies that the operator writes, judged by cyclonus' matcher."""

from pathlib import Path

import jsonpatch
import pytest

from test.cluster.programs import build
from test.walls.cases import PROMISES
from test.walls.flaws import FLAWS, Flaw
from test.walls.matcher import passing, policies
from test.walls.terms import Case, Promise, Setting

pytestmark = pytest.mark.needs_program("go")

CASES = {case for promise in PROMISES for case in promise.cases()}


@pytest.fixture(scope="module")
def program() -> Path:
    return build("cyclonus") / "cyclonus"


@pytest.fixture(scope="module")
def through(program: Path) -> set[Case]:
    """Every case that gets through the walls as they are."""
    return passing(program, {setting: policies(setting) for setting in Setting}, CASES)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.name)
def test_is_kept(promise: Promise, through: set[Case]) -> None:
    cases = set(promise.cases())
    assert cases & through == {case for case in cases if case.passes}


def test_without_walls_everything_passes(program: Path) -> None:
    """So what is refused, a policy refuses."""
    assert passing(program, {setting: [] for setting in Setting}, CASES) == CASES


@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: flaw.name)
def test_a_flaw_breaks_a_promise(flaw: Flaw, program: Path) -> None:
    """So the table would tell."""
    ours, others = policies(flaw.setting)
    flawed = jsonpatch.apply_patch(ours, flaw.patch)
    cases = {case for case in CASES if case.setting is flaw.setting}
    through = passing(program, {flaw.setting: [flawed, others]}, cases)
    assert flaw.breaks in {case.promise.name for case in cases if (case in through) != case.passes}
