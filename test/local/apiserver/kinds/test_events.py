from typing import Any

import pytest

from isoproxy.local.apiserver.kinds.events import from_core, to_core
from isoproxy.local.apiserver.options import ListOptions, WriteOptions
from test.local.apiserver.objects import START, Server, refused

Json = dict[str, Any]

NEW: Json = {
    "apiVersion": "events.k8s.io/v1",
    "kind": "Event",
    "metadata": {"name": "e"},
    "eventTime": "2023-11-14T22:13:20.000000Z",
    "reportingController": "isoproxy",
    "reportingInstance": "i-1",
    "action": "Assign",
    "reason": "Assigned",
    "type": "Normal",
    "note": "to someone",
    "regarding": {"apiVersion": "v1", "kind": "Pod", "name": "p", "namespace": "default", "uid": "u"},
}


@pytest.fixture
def events() -> Server:
    return Server()


def test_both_views_show_the_same_event(events: Server) -> None:
    core, new = events.kind("events"), events.kind("events", "events.k8s.io")
    made = events.create(new, NEW)
    assert made["involvedObject"]["name"] == "p"  # as stored
    assert from_core(made) | {"metadata": {"name": "e"}} == NEW | {"metadata": {"name": "e"}, "deprecatedSource": {}}
    found = events.core.list(core, None, ListOptions(field_selector="involvedObject.name=p,reason=Assigned")).items
    assert len(found) == 1
    found = events.core.list(
        new, None, ListOptions(field_selector="regarding.name=p,reportingController=isoproxy")
    ).items
    assert len(found) == 1


def test_the_views_are_each_others_inverse() -> None:
    assert from_core(to_core(NEW)) == NEW


def test_an_event_is_patched_in_its_view(events: Server) -> None:
    new = events.kind("events", "events.k8s.io")
    events.create(new, NEW)
    series = {"count": 2, "lastObservedTime": "2023-11-14T22:14:20.000000Z"}
    events.patch(new, "e", {"series": series, "note": "again"})
    stored = events.get(events.kind("events"), "e")
    assert (stored["series"], stored["message"]) == (series, "again")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"eventTime": None}, 422, "eventTime"),
        ({"action": ""}, 422, "action"),
        ({"reportingController": ""}, 422, "reportingController"),
        ({"type": "Odd"}, 422, "type"),
        ({"note": "x" * 1025}, 422, "note"),
        ({"eventTime": "yesterday"}, 400, "eventTime"),
        ({"regarding": {"kind": "Pod", "name": "p", "namespace": "other"}}, 422, "involvedObject.namespace"),
    ],
)
def test_an_event_that_says_too_little_is_refused(events: Server, change: Json, code: int, field: str) -> None:
    refusal = refused(events.create, events.kind("events", "events.k8s.io"), NEW | change)
    assert refusal.code == code
    assert field in refusal.message


def test_the_old_view_asks_for_less(events: Server) -> None:
    old = {
        "metadata": {"name": "e"},
        "involvedObject": {"namespace": "default", "name": "p"},
        "reason": "R",
        "message": "m",
    }
    assert events.create(events.kind("events"), old)["reportingComponent"] == ""


def test_events_go_by_number_and_by_age() -> None:
    events = Server(events=3, event_seconds=60.0)
    kind = events.kind("events", "events.k8s.io")
    for number in range(5):
        events.create(kind, NEW | {"metadata": {"name": f"e{number}"}})
    assert events.names(kind) == ["e2", "e3", "e4"]
    events.now.seconds = START + 61
    events.create(kind, NEW | {"metadata": {"name": "last"}})
    assert events.names(kind) == ["last"]


def test_an_event_that_is_only_tried_takes_nobodys_place() -> None:
    events = Server(events=2)
    kind = events.kind("events", "events.k8s.io")
    for number in range(2):
        events.create(kind, NEW | {"metadata": {"name": f"e{number}"}})
    events.core.create(kind, "default", NEW | {"metadata": {"name": "tried"}}, WriteOptions(dry_run=True))
    assert events.names(kind) == ["e0", "e1"]
