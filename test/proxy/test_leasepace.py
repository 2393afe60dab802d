"""When a Lease is written: at once for who waits, seldom for everything else, never later than it must."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoproxy.model.proxylease import RENEW_SECONDS
from isoproxy.proxy.leasepace import COALESCE_SECONDS, Demand, LeasePace, Said

QUIET = Said(demand=Demand(held=3))


def written(said: Said = QUIET, *, at: float = 100.0) -> LeasePace:
    pace = LeasePace()
    pace.began(at, said)
    pace.succeeded(said)
    return pace


def test_the_first_write_is_due_at_once() -> None:
    assert LeasePace().due(QUIET) is None


def test_without_news_it_is_renewed_every_five_seconds() -> None:
    assert written().due(QUIET) == 105.0


@pytest.mark.parametrize(
    "news", [Said(demand=Demand(held=2)), Said(demand=Demand(held=3, queued=0)), Said(demand=Demand(held=4))]
)
def test_news_of_the_stock_are_gathered(news: Said) -> None:
    pace = written()
    assert pace.due(news) == (100.0 + COALESCE_SECONDS if news != QUIET else 105.0)


@pytest.mark.parametrize(
    "news",
    [
        Said(demand=Demand(held=3, queued=1)),
        Said(demand=Demand(held=2, queued=7)),
        Said(demand=Demand(held=3), draining=True),
        Said(demand=Demand(held=0), ended=True),
        Said(demand=Demand(held=3), listen="127.0.0.1:9090"),
        Said(demand=Demand(held=3), listen_error="in use"),
    ],
)
def test_what_somebody_waits_for_is_told_at_once(news: Said) -> None:
    assert written().due(news) is None


def test_a_queue_that_grows_is_no_leading_edge() -> None:
    pace = written(Said(demand=Demand(queued=1)))
    assert pace.due(Said(demand=Demand(queued=2))) == 100.0 + COALESCE_SECONDS


def test_a_queue_that_flutters_makes_four_urgent_writes_a_second_at_most() -> None:
    pace = written()
    busy = replace(QUIET, demand=Demand(held=3, queued=1))
    pace.began(100.1, busy)
    pace.succeeded(busy)
    pace.began(100.2, QUIET)
    pace.succeeded(QUIET)
    assert pace.due(busy) == pytest.approx(100.1 + COALESCE_SECONDS)


def test_after_a_failure_the_pauses_grow_up_to_the_renewal_and_news_do_not_shorten_them() -> None:
    pace = written()
    assert pace.failed(0.0)
    assert pace.due(Said(demand=Demand(queued=1))) == pytest.approx(100.125)
    pauses = []
    for _ in range(8):
        pace.began(200.0, QUIET)
        assert not pace.failed(0.999)
        due = pace.due(QUIET)
        assert due is not None
        pauses.append(due - 200.0)
    assert pauses == sorted(pauses)
    assert 4.9 < pauses[-1] <= RENEW_SECONDS


def test_the_end_of_an_outage_is_told_once() -> None:
    pace = written()
    pace.failed(0.5)
    pace.began(101.0, QUIET)
    assert pace.succeeded(QUIET)
    assert not pace.succeeded(QUIET)
    assert pace.due(QUIET) == 106.0


DEMAND = st.builds(Demand, queued=st.integers(0, 2), held=st.integers(0, 2), claimed=st.integers(0, 2))
SAID = st.builds(Said, demand=DEMAND, draining=st.booleans())


@given(st.lists(st.tuples(SAID, st.booleans(), st.floats(0.0, 0.999), st.floats(0.0, 9.0)), max_size=20), SAID)
def test_the_next_write_is_never_due_later_than_a_renewal(
    tries: list[tuple[Said, bool, float, float]], wanted: Said
) -> None:
    pace, now = LeasePace(), 0.0
    for said, fails, draw, wait in tries:
        now += wait
        pace.began(now, said)
        if fails:
            pace.failed(draw)
        else:
            pace.succeeded(said)
        due = pace.due(wanted)
        assert due is None or due <= now + RENEW_SECONDS


def test_everything_is_said_in_annotations_and_what_is_over_is_taken_away() -> None:
    assert Said(demand=Demand(queued=2, held=3, claimed=1), listen="127.0.0.1:1").annotations(300) == {
        "soh.re/queued": "2",
        "soh.re/held": "3",
        "soh.re/claimed": "1",
        "soh.re/grace-seconds": "300",
        "soh.re/draining": None,
        "soh.re/ended": None,
        "soh.re/listen": "127.0.0.1:1",
        "soh.re/listen-error": None,
    }
    assert Said(draining=True, ended=True).annotations(0)["soh.re/ended"] == "true"
