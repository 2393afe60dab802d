"""One seed is one history, and what fails is cut down to what it takes."""

import ast
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

import isoproxy
from test.simulation.happenings.visits import manner_of
from test.simulation.mutations import MUTATIONS, put_in
from test.simulation.run import play, run, run_seed, shrink
from test.simulation.script import Happening, Script
from test.simulation.visitors import Manner
from test.simulation.world import World

ROOT = Path(isoproxy.__file__).parent
SIMULATED = ("operator", "proxy", "kube", "model")
FORBIDDEN = {
    "time": {"time", "monotonic", "sleep", "perf_counter", "clock_gettime"},
    "random": {"random", "choice", "choices", "randrange", "randint", "uniform", "shuffle", "getrandbits"},
    "uuid": {"uuid1", "uuid4"},
    "os": {"urandom"},
    "secrets": {"token_hex", "token_bytes", "choice"},
    "datetime": {"now", "utcnow", "today"},
}


_TELL = "from test.simulation.run import run_seed\nfor seed in (1, 2, 5, 7, 20): print(run_seed(seed).history.text())"


def test_a_seed_gives_the_same_history_to_the_letter() -> None:
    """In processes of their own: what a set of strings is in the order of differs from one to the next."""
    first, second = (
        subprocess.run(
            [sys.executable, "-c", _TELL],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    )
    assert first == second
    assert first.count("\n") > 1000


def test_other_seeds_give_other_histories() -> None:
    assert run_seed(1).history.lines != run_seed(2).history.lines


def test_what_fails_is_cut_down_to_what_it_takes() -> None:
    [mutation] = [one for one in MUTATIONS if one.name == "a connection ends twice"]
    before = tuple(Happening(float(second), "scale", 0.5, 0.5) for second in range(1, 6))
    after = tuple(replace(one, at=one.at + 7.0) for one in before)
    script = Script(
        seed=3,
        services=({"image": "never:1", "replicas": 1},),
        seconds=15.0,
        happenings=(*before, Happening(6.5, "visit", 0.0, _amount_of(Manner.GIVES_UP)), *after),
    )
    with put_in(mutation):
        failing = run(script)
        shrunk = shrink(failing)
    assert failing.kind == shrunk.kind == "I3"
    assert [one.kind for one in shrunk.script.happenings] == ["visit"]


def test_an_error_that_nobody_handles_is_wrong() -> None:
    """Also where a cycle keeps the Deferred from being forgotten at once, as a traceback does."""

    def fail(world: World) -> None:
        failed: Deferred[None] = Deferred()
        failed.itself = failed  # type: ignore[attr-defined]
        world.timeline.after(1.0, failed.errback, ValueError("lost"))
        world.run(2.0)

    result = play(Script(seed=1, services=(), happenings=()), fail)
    assert result.wrong.startswith("unexpected failure")
    assert "ValueError: lost" in result.wrong


def _amount_of(manner: Manner) -> float:
    """The amount by which a visitor of that manner comes."""
    return next(amount for amount in (n / 1000 for n in range(1000)) if manner_of(amount) is manner)


@pytest.mark.parametrize("part", SIMULATED)
def test_nothing_reads_a_clock_or_draws_a_lot_of_its_own(part: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in sorted((ROOT / part).rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and _is_forbidden(call.func)
    ]
    assert not found, f"called outside a default: {found}"


def _is_forbidden(function: ast.expr) -> bool:
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
        return False
    return function.attr in FORBIDDEN.get(function.value.id, ())
