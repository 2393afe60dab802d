"""The simulation finds bugs that are put in on purpose: by the scenario about them, or within the first seeds."""

from pathlib import Path

import pytest

from test.simulation.mutations import MUTATIONS, Mutation, put_in
from test.simulation.run import Result, play, run_seed
from test.simulation.scenarios import SCENARIOS

SEEDS = 60
DOCUMENT = Path(__file__).parents[2] / "docs" / "invariants.md"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_deliberate_bug_is_found(mutation: Mutation) -> None:
    with put_in(mutation):
        found = _first_wrong(mutation)
    assert found is not None, "nothing shows it"
    assert found.kind in mutation.breaks, found.wrong


def _first_wrong(mutation: Mutation) -> Result | None:
    if mutation.scenario:
        result = play(*SCENARIOS[mutation.scenario])
        return result if result.wrong else None
    results = (run_seed(seed) for seed in range(SEEDS))
    return next((result for result in results if result.wrong), None)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_table_of_bugs_is_that_of_the_document(mutation: Mutation) -> None:
    by = f"`{mutation.scenario}`" if mutation.scenario else "seeds"
    assert f"| {mutation.name} | {', '.join(mutation.breaks)} | {by} |\n" in DOCUMENT.read_text()
