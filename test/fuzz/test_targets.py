"""Every target holds for its seeds, and for as many inputs made of them as a run of the tests has time for."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from test.fuzz.mutation import mutated
from test.fuzz.targets import NAMES, seeds, target

BOUNDED = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
SEEDS = [(name, seed) for name in NAMES for seed in seeds(name)]


@pytest.mark.parametrize(("name", "seed"), SEEDS, ids=map("-".join, SEEDS))
def test_it_holds_for_what_broke_it_once(name: str, seed: str) -> None:
    target(name)(seeds(name)[seed])


@pytest.mark.parametrize("name", NAMES)
def test_it_holds_for_what_is_made_of_its_seeds(name: str) -> None:
    run = target(name)

    @BOUNDED
    @given(st.sampled_from(list(seeds(name).values())), st.randoms(use_true_random=False))
    def holds(seed: bytes, chance: Random) -> None:
        run(mutated(seed, chance))

    holds()


@pytest.mark.parametrize("name", NAMES)
def test_it_holds_for_any_bytes(name: str) -> None:
    BOUNDED(given(st.binary())(target(name)))()
