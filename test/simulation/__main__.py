"""Run seeds: ``python -m test.simulation --seeds 1000 --from 0``. The first that fails is shrunk, and told."""

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable

from test.simulation.coverage import expected
from test.simulation.hashseed import keep_to_one
from test.simulation.run import run_seed, shrink
from test.simulation.tally import Tally, prepare, run_one


def _tell(tally: Tally, took: float) -> None:
    print(
        f"{tally.seeds} seeds in {took:.0f} s: {tally.steps} steps, {tally.seconds:.0f} simulated seconds, "
        f"{tally.served} connections served"
    )
    _list("what happened", tally.faults)
    _list("what was decided", tally.decisions)
    unseen = sorted(expected() - tally.decisions.keys())
    print(f"never decided: {', '.join(unseen) or 'nothing of what there is'}")


def _list(title: str, counts: Counter[str]) -> None:
    print(f"{title}: {', '.join(f'{kind} {count}' for kind, count in sorted(counts.items()))}")


def _run(seeds: Iterable[int], jobs: int, within: float) -> Tally:
    tally, began = Tally(), time.monotonic()
    with multiprocessing.get_context("spawn").Pool(jobs, initializer=prepare) as pool:
        for one in pool.imap(run_one, seeds, chunksize=4):
            tally.add(one)
            for seed, wrong in one.failed:
                print(f"seed {seed}: {wrong}", flush=True)
            if time.monotonic() - began > within:
                print(f"the time is over after {tally.seeds} seeds")
                break
        pool.terminate()
    _tell(tally, time.monotonic() - began)
    return tally


def _show(seed: int) -> None:
    """Tell the history of a seed, shrunk if it fails."""
    prepare()
    result = run_seed(seed)
    if result.wrong:
        result = shrink(result)
        print(f"seed {seed} shrinks to {len(result.script.happenings)} happenings of {result.script}")
    print(result.history.text())


def main() -> int:
    """Run what the command line says; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m test.simulation")
    parser.add_argument("--seeds", type=int, default=100, help="how many")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at the same time")
    parser.add_argument("--within", type=float, default=float("inf"), help="begin no more after so many seconds")
    parser.add_argument("--show", action="store_true", help="tell the history of the first seed, and run no other")
    options = parser.parse_args()
    keep_to_one()
    if options.show:
        _show(options.first)
        return 0
    tally = _run(range(options.first, options.first + options.seeds), options.jobs, options.within)
    if tally.failed:
        _show(min(tally.failed)[0])
    return bool(tally.failed)


if __name__ == "__main__":
    sys.exit(main())
