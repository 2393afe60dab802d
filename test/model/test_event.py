"""Events as API servers want them."""

from datetime import UTC, datetime

import pytest

from isoproxy.model.event import MOST_NOTE_BYTES, EventType, News, Regarding, event, series

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REGARDING = Regarding("soh.re/v1alpha1", "DedicatedService", "games", "chess", "uid-1")


def note_of(note: str) -> str:
    news = News(EventType.WARNING, "PodsFailing", "MakePod", note)
    made: str = event("chess.1", REGARDING, news, instance="op-1", now=NOW)["note"]
    return made


def test_an_event_says_what_happened_to_what_and_who_says_so() -> None:
    news = News(EventType.WARNING, "PodsFailing", "MakePod", "pods do not start")
    assert event("chess.1", REGARDING, news, instance="op-1", now=NOW) == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "chess.1", "namespace": "games"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "soh.re/isoproxy",
        "reportingInstance": "op-1",
        "type": "Warning",
        "reason": "PodsFailing",
        "action": "MakePod",
        "note": "pods do not start",
        "regarding": {
            "apiVersion": "soh.re/v1alpha1",
            "kind": "DedicatedService",
            "namespace": "games",
            "name": "chess",
            "uid": "uid-1",
        },
    }


def test_a_series_says_how_often_and_when_last() -> None:
    assert series(3, NOW) == {"series": {"count": 3, "lastObservedTime": "2026-01-01T00:00:00.000000Z"}}


@pytest.mark.parametrize("note", ["x" * MOST_NOTE_BYTES, "ü" * (MOST_NOTE_BYTES // 2), ""])
def test_a_note_that_fits_is_left_as_it_is(note: str) -> None:
    assert note_of(note) == note


@pytest.mark.parametrize("note", ["x" * 1025, "ü" * 600, "x" + "ü" * 600, "x" + "🂡" * 300, "xx" + "🂡" * 300])
def test_a_note_that_is_too_long_is_cut_between_characters(note: str) -> None:
    cut = note_of(note)
    assert MOST_NOTE_BYTES - 4 <= len(cut.encode()) <= MOST_NOTE_BYTES
    assert cut.endswith("…")
    assert note.startswith(cut[:-1])
