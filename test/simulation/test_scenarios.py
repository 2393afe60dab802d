"""The traps that were found on paper: each is played, and nothing that is promised breaks in it."""

import pytest

from test.simulation.run import play
from test.simulation.scenarios import SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_promise_breaks(name: str) -> None:
    script, scenario = SCENARIOS[name]
    result = play(script, scenario)
    assert not result.wrong, f"{result.wrong}\n{result.history.text()}"
