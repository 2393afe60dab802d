"""The cache, in flat scripts, and against a model of an API server's history."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoproxy.kube.api import EventType, WatchEvent
from isoproxy.kube.cache import Cache, Change, Key, Version, is_newer
from isoproxy.kube.resources import Json

A: Key = ("x", "a")
B: Key = ("x", "b")


@dataclass(frozen=True)
class Thing:
    uid: str
    version: str


def parse(item: Json) -> Thing:
    if item.get("broken"):
        raise ValueError("broken")
    return Thing(item["metadata"]["uid"], item["metadata"]["resourceVersion"])


def item(key: Key, version: int | str, uid: str = "u", *, broken: bool = False) -> Json:
    metadata = {"namespace": key[0], "name": key[1], "uid": uid, "resourceVersion": str(version)}
    return {"metadata": metadata, "broken": broken}


class Script:
    """A cache, with what it told since last asked."""

    def __init__(self) -> None:
        self.refused: list[tuple[Key, Version]] = []
        self.cache: Cache[Thing] = Cache(parse, lambda key, version, error: self.refused.append((key, version)))

    def listed(self, version: int, *items: Json) -> list[Change[Thing]]:
        return list(self.cache.replace([*map(self.cache.read, items)], str(version)))

    def event(self, kind: EventType, item: Json) -> list[Change[Thing]]:
        return list(self.cache.apply(WatchEvent(kind, item)))

    @property
    def versions(self) -> dict[Key, str]:
        return {key: thing.version for key, thing in self.cache.items.items()}


def added(key: Key, version: int, uid: str = "u") -> Change[Thing]:
    return Change(key, None, Thing(uid, str(version)))


def changed(key: Key, old: int, new: int) -> Change[Thing]:
    return Change(key, Thing("u", str(old)), Thing("u", str(new)))


def gone(key: Key, version: int, uid: str = "u") -> Change[Thing]:
    return Change(key, Thing(uid, str(version)), None)


def test_a_list_then_events() -> None:
    script = Script()
    assert script.listed(10, item(A, 5), item(B, 7)) == [added(A, 5), added(B, 7)]
    assert script.cache.cursor == "10"
    assert script.event("MODIFIED", item(A, 11)) == [changed(A, 5, 11)]
    assert script.event("DELETED", item(B, 12)) == [gone(B, 7)]
    assert script.event("ADDED", item(B, 13, "v")) == [added(B, 13, "v")]
    assert script.event("BOOKMARK", {"metadata": {"resourceVersion": "20"}}) == []
    assert (script.versions, script.cache.cursor) == ({A: "11", B: "13"}, "20")


def test_a_relist_tells_the_differences_only() -> None:
    script = Script()
    c = ("x", "c")
    script.listed(10, item(A, 5), item(B, 7))
    assert script.listed(20, item(c, 15), item(B, 7)) == [gone(A, 5), added(c, 15)]
    assert script.listed(30, item(c, 25), item(B, 7)) == [changed(c, 15, 25)]
    assert script.listed(31, item(c, 25), item(B, 7)) == []
    assert script.cache.cursor == "31"


def test_a_relist_does_not_parse_again_what_did_not_change() -> None:
    parsed: list[Json] = []

    def counting(item: Json) -> Json:
        parsed.append(item)
        return item

    cache = Cache(counting, lambda *refused: None)
    for version in ("10", "20"):
        list(cache.replace([cache.read(item(A, 5)), cache.read(item(B, version))], version))
    assert len(parsed) == 3


def test_the_items_are_as_they_are_right_after_each_change() -> None:
    script = Script()
    script.listed(10, item(A, 5))
    changes = script.cache.replace([script.cache.read(item(B, 11))], "12")
    assert next(changes) == gone(A, 5)
    assert script.versions == {}
    assert next(changes) == added(B, 11)
    assert script.versions == {B: "11"}
    assert script.cache.cursor == "10"  # half taken in: not to be watched from
    assert list(changes) == []
    assert script.cache.cursor == "12"


@pytest.mark.parametrize("by", ["list", "event"])
def test_another_object_of_the_same_name_is_a_deletion_and_an_addition(by: str) -> None:
    script = Script()
    script.listed(10, item(A, 5, "old"))
    new = item(A, 12, "new")
    changes = script.listed(20, new) if by == "list" else script.event("MODIFIED", new)
    assert changes == [gone(A, 5, "old"), added(A, 12, "new")]


def test_an_event_that_comes_twice_is_taken_once() -> None:
    script = Script()
    script.listed(10)
    assert script.event("ADDED", item(A, 11)) == [added(A, 11)]
    assert script.event("ADDED", item(A, 11)) == []
    assert script.event("DELETED", item(A, 12)) == [gone(A, 11)]
    assert script.event("DELETED", item(A, 12)) == []


def test_late_news_does_not_bring_a_deleted_object_back() -> None:
    script = Script()
    script.listed(10, item(A, 5))
    script.event("DELETED", item(A, 12))
    assert script.event("MODIFIED", item(A, 11)) == []
    assert script.versions == {}


def test_late_news_of_an_earlier_object_does_not_touch_the_one_there_is() -> None:
    script = Script()
    script.listed(10)
    script.event("ADDED", item(A, 15, "new"))
    assert script.event("DELETED", item(A, 12, "old")) == []
    assert script.event("MODIFIED", item(A, 11, "old")) == []
    assert script.versions == {A: "15"}


def test_the_deletion_of_an_object_never_seen_ends_the_earlier_one_of_its_name() -> None:
    script = Script()
    script.listed(10, item(A, 5, "old"))
    assert script.event("DELETED", item(A, 12, "unseen")) == [gone(A, 5, "old")]


def test_a_server_that_was_set_back_is_believed() -> None:
    script = Script()
    script.listed(100, item(A, 90))
    assert script.listed(10, item(A, 5)) == [changed(A, 90, 5)]
    assert script.cache.cursor == "10"
    assert script.event("MODIFIED", item(A, 11)) == [changed(A, 5, 11)]


def test_an_object_that_cannot_be_parsed_is_told_once_for_each_version() -> None:
    script = Script()
    bad = item(A, 5, broken=True)
    for version in (10, 20):
        assert script.listed(version, bad, item(B, 7)) == ([added(B, 7)] if version == 10 else [])
    assert script.refused == [(A, Version("u", "5"))]
    assert dict(script.cache.unparsed) == {A: Version("u", "5")}
    script.event("MODIFIED", item(A, 21, broken=True))
    assert len(script.refused) == 2
    assert script.event("MODIFIED", item(A, 22)) == [added(A, 22)]
    assert not script.cache.unparsed


def test_an_object_that_can_no_longer_be_parsed_stays_as_it_was() -> None:
    script = Script()
    script.listed(10, item(A, 5))
    assert script.event("MODIFIED", item(A, 11, broken=True)) == []
    assert script.versions == {A: "5"}
    assert dict(script.cache.unparsed) == {A: Version("u", "11")}
    assert script.listed(12, item(A, 11, broken=True)) == []
    assert script.event("DELETED", item(A, 13)) == [gone(A, 5)]
    assert not script.cache.unparsed


def test_an_object_replaced_by_one_that_cannot_be_parsed_is_gone() -> None:
    script = Script()
    script.listed(10, item(A, 5, "old"))
    assert script.event("ADDED", item(A, 11, "new", broken=True)) == [gone(A, 5, "old")]
    assert script.event("DELETED", item(A, 12, "new")) == []
    assert not script.cache.unparsed


def test_what_cannot_be_parsed_and_is_listed_no_more_is_forgotten() -> None:
    script = Script()
    script.listed(10, item(A, 5, broken=True))
    script.listed(11)
    assert not script.cache.unparsed


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [("2", "1", True), ("1", "1", False), ("1", "2", False), ("10", "9", True), ("b", "a", True), ("a", "a", False)],
)
def test_versions_are_compared_as_numbers(one: str, other: str, newer: bool) -> None:
    assert is_newer(one, other) is newer


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[EventType, Json]]:
    """What an API server goes through: each step has the next version; names are used again with new uids."""
    live: dict[str, str] = {}
    history: list[tuple[EventType, Json]] = []
    for version in range(1, draw(st.integers(1, 25)) + 1):
        name = draw(st.sampled_from("abc"))
        broken = draw(st.integers(0, 4)) == 0
        if name not in live:
            live[name] = f"{name}-{version}"
            kind: EventType = "ADDED"
        elif draw(st.booleans()):
            kind = "MODIFIED"
        else:
            kind = "DELETED"
        uid = live.pop(name) if kind == "DELETED" else live[name]
        history.append((kind, item(("x", name), version, uid, broken=broken)))
    return history


def state_after(history: list[tuple[EventType, Json]]) -> dict[str, Json]:
    state: dict[str, Json] = {}
    for kind, each in history:
        state[each["metadata"]["name"]] = each
        if kind == "DELETED":
            del state[each["metadata"]["name"]]
    return state


@settings(deadline=None)
@given(history=histories(), data=st.data())
def test_whatever_is_listed_repeated_or_lost_it_ends_with_the_truth(
    history: list[tuple[EventType, Json]], data: Any
) -> None:
    """Any mix of lists and watches, resumed anywhere up to the cursor: nothing is missed, all changes add up."""
    script = Script()
    told: dict[Key, Thing] = {}

    def follow(changes: list[Change[Thing]]) -> None:
        for change in changes:
            assert change.old == told.get(change.key)
            assert change.old is not None or change.new is not None
            if change.old and change.new:
                assert change.old.uid == change.new.uid
                assert int(change.new.version) > int(change.old.version)
            told.pop(change.key) if change.new is None else told.update({change.key: change.new})

    seen = 0
    while seen < len(history):
        if script.cache.cursor is None or data.draw(st.integers(0, 3)) == 0:
            seen = data.draw(st.integers(seen, len(history)))
            follow(script.listed(seen, *state_after(history[:seen]).values()))
        start = data.draw(st.integers(0, seen))  # repeats what came before the cursor
        end = data.draw(st.integers(min(seen + 1, len(history)), len(history)))
        for kind, each in history[start:end]:
            follow(script.event(kind, each))
        seen = end
    truth = state_after(history)
    assert told == dict(script.cache.items)
    assert {key[1] for key in script.cache.unparsed} == {name for name, each in truth.items() if each["broken"]}
    for name, each in truth.items():
        if not each["broken"]:
            assert told["x", name] == parse(each)
    assert {key[1] for key in told} <= truth.keys()
