"""Runs scripts, and finds the shortest that still fails."""

import gc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from twisted.logger import globalLogPublisher

from test.simulation.happenings import LIKELIHOODS, let_happen
from test.simulation.history import History
from test.simulation.rest import come_to_rest
from test.simulation.script import Happening, Script, draw
from test.simulation.world import World


@dataclass(frozen=True, slots=True)
class Result:
    """Of one run; ``wrong`` is the first promise that was broken, or ""."""

    script: Script
    wrong: str
    history: History
    steps: int
    seconds: float
    faults: Counter[str]
    served: int

    @property
    def kind(self) -> str:
        """Which promise it is: what is before the colon."""
        return self.wrong.partition(":")[0]


def run(script: Script) -> Result:
    """Let a script happen; the same script gives the same history, to the letter."""

    def happen(world: World) -> None:
        for happening in sorted(script.happenings):
            world.timeline.after(happening.at, let_happen, world, happening)
        world.run(script.seconds)

    return play(script, happen)


def play(script: Script, happen: Callable[[World], None]) -> Result:
    """Let happen to a world what ``happen`` says, and let it come to rest."""
    # A coroutine that is collected runs its ``finally``: what died in one world must not do so amidst another.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return _play(script, happen)
    finally:
        gc.collect()
        if was_enabled:
            gc.enable()


def _play(script: Script, happen: Callable[[World], None]) -> Result:
    world = World(script)
    globalLogPublisher.addObserver(world.history)
    try:
        happen(world)
        world.await_home()
        if not world.history.wrongs:
            come_to_rest(world)
        world.end()
        gc.collect()  # of an error that nobody can handle any more is told only now; what the world holds stays
    finally:
        globalLogPublisher.removeObserver(world.history)
        world.end()
    faults = Counter(happening.kind for happening in script.happenings)
    for process in (*world.dead, *world.processes()):
        faults.update(process.api.link.met)
    wrongs = world.history.wrongs
    return Result(
        script=script,
        wrong=wrongs[0] if wrongs else "",
        history=world.history.closed(),
        steps=world.timeline.steps,
        seconds=world.timeline.now,
        faults=faults,
        served=world.oracle.counts.get("served", 0),
    )


def run_seed(seed: int) -> Result:
    """Run what is drawn from a seed."""
    return run(draw(seed, LIKELIHOODS))


def shrink(result: Result, most: int = 200, attempt: Callable[[Script], Result] = run) -> Result:
    """Leave out of a failing script what it does not take to break the same promise; at most so many tries."""
    best = result
    size = max(1, len(best.script.happenings) // 2)
    tries = 0
    while tries < most:
        shorter = None
        happenings = best.script.happenings
        for start in range(0, len(happenings), size):
            rest: tuple[Happening, ...] = happenings[:start] + happenings[start + size :]
            tried = attempt(replace(best.script, happenings=rest))
            tries += 1
            if tried.kind == best.kind and tried.wrong:
                shorter = tried
                break
            if tries >= most:
                break
        if shorter is not None:
            best = shorter
        elif size == 1:
            break
        else:
            size = max(1, size // 2)
    return best
