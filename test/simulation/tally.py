"""What many runs come to, each in a worker of its own."""

import gc
from collections import Counter
from dataclasses import dataclass, field

from twisted.logger import globalLogBeginner

from test.simulation.coverage import observed
from test.simulation.run import run_seed


@dataclass(slots=True)
class Tally:
    """What runs came to."""

    seeds: int = 0
    steps: int = 0
    seconds: float = 0.0
    served: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Take in what another run came to."""
        self.seeds += other.seeds
        self.steps += other.steps
        self.seconds += other.seconds
        self.served += other.served
        self.faults.update(other.faults)
        self.decisions.update(other.decisions)
        self.failed += other.failed


def prepare() -> None:
    """Let nobody print what the product logs, and no collection look at what is loaded by now."""
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    run_one(0)  # what is imported late is loaded by then too; a worker that broke here would be begun anew for ever
    gc.collect()
    gc.freeze()


def run_one(seed: int) -> Tally:
    """Run a seed, and count; one by which the simulation itself breaks has failed."""
    try:
        with observed() as decisions:
            result = run_seed(seed)
    except Exception as error:
        return Tally(1, failed=[(seed, f"the simulation broke: {error!r}")])
    failed = [(seed, result.wrong.partition("\n")[0])] if result.wrong else []
    return Tally(1, result.steps, result.seconds, result.served, result.faults, decisions, failed)
