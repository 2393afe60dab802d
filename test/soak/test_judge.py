"""The judge sees what is wrong, and lets pass what is not."""

from dataclasses import replace
from typing import Any

import pytest

from test.running.accesslog import Entry
from test.soak import judge
from test.soak.doings import Deed
from test.soak.gauge import MIB, Reading, grown
from test.soak.seat import Run
from test.soak.visits import End, Manner, Visit

RUN = Run(process=None, began=0.0)  # type: ignore[arg-type]  # the judge does not look at it
KILLED = replace(RUN, ended=30.0)
DRAINED = replace(RUN, ended=15.0, clean=True)


def visit(**changes: Any) -> Visit:
    made = Visit("s", "s-0", Manner.STAYS, began=10.0, run=RUN, port=4000, pod="s-a", serial=1, ended=20.0)
    made.end = End.AS_MEANT
    return replace(made, **changes)


def entry(**changes: str) -> Entry:
    return {"client": "127.0.0.1:4000", "pod": "s-a", "outcome": "completed"} | changes


def wrong(visits: list[Visit], *entries: Entry, deeds: tuple[Deed, ...] = ()) -> list[str]:
    run = visits[0].run or RUN
    return [found.partition(":")[0] for found in judge.broken(visits, deeds, {"s-0": [(run, entries)]})]


def test_a_good_visit_passes() -> None:
    assert wrong([visit()], entry()) == []


def test_a_pod_that_meets_two_is_found() -> None:
    assert wrong([visit(serial=2)], entry()) == ["I1"]
    assert wrong([visit(), visit(port=5000)], entry(), entry(client="127.0.0.1:5000")) == ["I1"]


def test_who_is_cut_off_for_nothing_is_found() -> None:
    assert wrong([visit(end=End.CUT)], entry(outcome="backend_reset")) == ["I2"]


@pytest.mark.parametrize(
    ("deed", "excused"),
    [
        (Deed("pod", "s-a", 19.0), True),
        (Deed("pod", "s-b", 19.0), False),
        (Deed("pod", "s-a", 21.0), False),
        (Deed("service", "s", 19.0), True),
        (Deed("service", "other", 19.0), False),
        (Deed("service", "s", 21.0), False),
    ],
)
def test_who_is_cut_off_is_excused_by_what_was_done_to_its_own_before(deed: Deed, excused: bool) -> None:
    cut = visit(end=End.CUT)
    assert wrong([cut], entry(outcome="backend_reset"), deeds=(deed,)) == ([] if excused else ["I2"])


def test_the_visitors_of_a_dead_proxy_are_excused_and_untold() -> None:
    assert wrong([visit(end=End.CUT, run=KILLED, ended=31.0)]) == []
    assert wrong([visit(run=KILLED)]) == []
    assert wrong([visit(end=End.CUT, run=DRAINED)], entry(outcome="drained")) == []


def test_who_leaves_just_when_its_proxy_has_drained_passes_and_no_other_is_drained() -> None:
    assert wrong([visit(run=DRAINED)], entry(outcome="drained")) == []
    assert wrong([visit()], entry(outcome="drained")) == ["I3"]


@pytest.mark.parametrize(
    ("deed", "outcome"), [(Deed("pod", "s-a", 19.0), "backend_reset"), (Deed("service", "s", 19.0), "drained")]
)
def test_who_leaves_just_when_its_own_is_ended_passes(deed: Deed, outcome: str) -> None:
    assert wrong([visit()], entry(outcome=outcome), deeds=(deed,)) == []
    assert wrong([visit()], entry(outcome="client_reset"), deeds=(deed,)) == ["I3"]
    assert wrong([visit(ended=18.0)], entry(outcome=outcome), deeds=(deed,)) == ["I3"]


def test_a_connection_that_is_not_told_or_told_twice_is_found() -> None:
    assert wrong([visit()]) == ["I3"]
    assert wrong([visit()], entry(), entry()) == ["I3"]
    assert wrong([visit(run=DRAINED)]) == ["I3"]
    assert wrong([visit(run=KILLED, ended=13.0)]) == ["I3"]


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (visit(), {"outcome": "error"}),
        (visit(), {"outcome": "client_reset"}),
        (visit(), {"pod": "s-b"}),
        (visit(manner=Manner.RESETS), {"outcome": "completed"}),
        (visit(end=End.TURNED_AWAY, pod=""), {"outcome": "completed"}),
    ],
)
def test_an_end_that_is_told_as_another_is_found(seen: Visit, told: dict[str, str]) -> None:
    assert wrong([seen], entry(**told)) == ["I3"]


def test_waiting_for_ever_and_garbled_bytes_are_found() -> None:
    assert wrong([visit(end=End.TOO_LONG)], entry()) == ["I5"]
    assert wrong([visit(end=End.GARBLED)], entry()) == ["I6"]


def test_memory_that_grows_is_found_and_a_warm_up_is_none() -> None:
    flat = [Reading((50 if at < 10 else 80) * MIB, 10, 5) for at in range(100)]
    leak = [Reading((80 + at) * MIB, 10, 5) for at in range(100)]
    assert grown(flat) == ""
    assert "memory has grown" in grown(leak)
