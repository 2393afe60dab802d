"""``python -m test.simulation.mutations``: which seed finds each deliberate bug, and as what; no scenario is played."""

import argparse

from test.simulation.hashseed import keep_to_one
from test.simulation.mutations import MUTATIONS, Mutation, put_in
from test.simulation.run import run_seed


def _first(mutation: Mutation, seeds: int, *, show: bool) -> str:
    with put_in(mutation):
        for seed in range(seeds):
            result = run_seed(seed)
            if result.wrong:
                history = result.history.text() + "\n" if show else ""
                return f"{history}seed {seed}: {result.wrong.splitlines()[0]}"
    return "not found"


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(prog="python -m test.simulation.mutations")
    parser.add_argument("--seeds", type=int, default=200, help="how many, from 0 on")
    parser.add_argument("--only", default="", metavar="PART", help="bugs whose name has this in it")
    parser.add_argument("--show", action="store_true", help="tell the history by which each is found")
    options = parser.parse_args()
    keep_to_one()
    for mutation in MUTATIONS:
        if options.only in mutation.name:
            print(f"{mutation.name}: {_first(mutation, options.seeds, show=options.show)}", flush=True)


if __name__ == "__main__":
    main()
