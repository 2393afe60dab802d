"""A watch from any cursor leads to what a list shows; what it shows on the way is what its filter lets through."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoproxy.local.apiserver.options import ListOptions
from isoproxy.local.apiserver.watch import Watch
from test.local.apiserver.objects import Server, config_map, copied, refused, widget

Json = dict[str, Any]


def start(server: Server, version: str = "", namespace: str | None = None, **selectors: str) -> Watch:
    return server.core.watch(server.config_maps, namespace, wake=lambda: None, resource_version=version, **selectors)


def seen(watch: Watch) -> list[tuple[str, str]]:
    return [(event.type, event.stored.object["metadata"]["name"]) for event in watch.take()]


def now(server: Server) -> str:
    return str(server.core.store.version)


def test_without_a_version_what_exists_comes_first() -> None:
    server = Server()
    server.create(server.config_maps, config_map("b"))
    server.create(server.config_maps, config_map("a"))
    watch = start(server)
    server.create(server.config_maps, config_map("c"))
    assert seen(watch) == [("ADDED", "a"), ("ADDED", "b")]
    assert seen(watch) == [("ADDED", "c")]


@pytest.mark.parametrize("version", ["", "0"])
def test_no_version_and_zero_both_begin_with_what_exists(version: str) -> None:
    server = Server()
    server.create(server.config_maps, config_map())
    assert seen(start(server, version)) == [("ADDED", "one")]


def test_every_kind_of_change_is_an_event_with_the_version_of_its_write() -> None:
    server = Server()
    watch = start(server, now(server))
    server.create(server.config_maps, config_map())
    server.patch(server.config_maps, "one", {"data": {"a": "b"}})
    server.core.delete(server.config_maps, "default", "one")
    events = watch.take()
    assert [event.type for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(event.stored.object["metadata"]["resourceVersion"]) for event in events]
    assert versions == [server.core.store.version - 2, server.core.store.version - 1, server.core.store.version]
    assert events[2].stored.object["data"] == {"key": "value", "a": "b"}


def test_an_object_that_comes_to_match_is_added_and_one_that_ceases_to_is_deleted() -> None:
    server = Server()
    watch = start(server, now(server), label_selector="proxy=a")
    server.create(server.config_maps, config_map())
    assert seen(watch) == []
    server.patch(server.config_maps, "one", {"metadata": {"labels": {"proxy": "a"}}})
    server.patch(server.config_maps, "one", {"data": {"x": "y"}})
    server.patch(server.config_maps, "one", {"metadata": {"labels": {"proxy": "b"}}})
    server.core.delete(server.config_maps, "default", "one")
    events = watch.take()
    assert [event.type for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    gone = events[2].stored.object
    assert gone["metadata"]["labels"] == {"proxy": "a"}  # as it last matched
    assert int(gone["metadata"]["resourceVersion"]) == server.core.store.version - 1


def test_other_namespaces_and_kinds_are_not_seen() -> None:
    server = Server()
    watch = start(server, now(server), namespace="default")
    server.create(server.config_maps, config_map(), "kube-system")
    server.create(server.kind("secrets"), {"metadata": {"name": "s"}})
    assert seen(watch) == []
    assert watch.caught_up


def test_a_version_that_is_gone_is_refused_and_a_list_shows_where_to_begin() -> None:
    server = Server(history=8)
    cursor = now(server)
    server.forget()
    refusal = refused(start, server, cursor)
    assert (refusal.code, refusal.reason) == (410, "Expired")
    assert "too old resource version" in refusal.message
    fresh = server.core.list(server.config_maps, None).version
    assert seen(start(server, str(fresh))) == []


def test_a_version_of_an_earlier_server_is_too_old() -> None:
    assert refused(start, Server(), "99").code == 410


def test_a_version_that_is_yet_to_come_is_of_an_earlier_server_too() -> None:
    server = Server()
    start(server, now(server))
    refusal = refused(start, server, str(server.core.store.version + 1))
    assert (refusal.code, refusal.reason) == (410, "Expired")


def test_a_watcher_that_falls_out_of_the_history_is_told() -> None:
    server = Server(history=4)
    watch = start(server, now(server))
    for number in range(4):
        server.create(server.config_maps, config_map(f"n{number}"))
    assert not watch.lost
    for number in range(4, 12):
        server.create(server.config_maps, config_map(f"n{number}"))
    assert watch.lost
    assert refused(watch.take).code == 410


def test_watches_are_limited_in_number() -> None:
    server = Server(streams=2)
    watches = [start(server, now(server)) for _ in range(2)]
    refusal = refused(start, server, now(server))
    assert (refusal.code, refusal.details["retryAfterSeconds"]) == (429, 1)
    watches[0].close()
    watches[0].close()
    start(server, now(server))


def test_a_closed_watch_is_not_woken() -> None:
    server = Server()
    woken: list[int] = []
    watch = server.core.watch(server.config_maps, None, wake=lambda: woken.append(1), resource_version=now(server))
    server.create(server.config_maps, config_map("a"))
    watch.close()
    server.create(server.config_maps, config_map("b"))
    assert woken == [1]


def test_a_watch_reads_in_bounded_pieces() -> None:
    server = Server()
    watch = start(server, now(server))
    for number in range(5):
        server.create(server.config_maps, config_map(f"n{number}"))
    assert len(watch.take(2)) == 2
    assert not watch.caught_up
    assert len(watch.take(10)) == 3
    assert watch.caught_up


@pytest.mark.parametrize("version", ["-1", "abc", "1.5", "9" * 30])
def test_a_version_that_is_no_number_is_refused(version: str) -> None:
    assert refused(start, Server(), version).code == 400


# What is done to the store: create, change or delete one of a few objects, or move its label.
ACTIONS = st.lists(st.tuples(st.sampled_from(["create", "change", "label", "delete"]), st.integers(0, 3)), max_size=40)


def act(server: Server, action: str, number: int, step: int) -> None:
    name = f"n{number}"
    exists = name in server.names(server.config_maps)
    doings: dict[str, Callable[[], Any]] = {
        "create": lambda: server.create(server.config_maps, config_map(name)),
        "change": lambda: server.patch(server.config_maps, name, {"data": {"step": str(step)}}),
        "label": lambda: server.patch(server.config_maps, name, {"metadata": {"labels": {"in": str(step % 2)}}}),
        "delete": lambda: server.core.delete(server.config_maps, "default", name),
    }
    if exists is (action != "create"):
        doings[action]()


def follow(state: dict[str, Json], watch: Watch) -> dict[str, Json]:
    while not watch.caught_up:
        for type_, stored in watch.take(3):  # none, if none of three changes was one to see
            obj = copied(stored.object)
            if type_ == "DELETED":
                del state[obj["metadata"]["name"]]
            else:
                assert (obj["metadata"]["name"] in state) is (type_ == "MODIFIED")
                state[obj["metadata"]["name"]] = obj
    return state


@settings(deadline=None)
@given(ACTIONS, st.integers(0, 40), st.sampled_from(["", "in=1", "in!=1"]))
def test_a_watcher_that_resumes_from_any_cursor_sees_what_a_list_sees(
    actions: list[tuple[str, int]], pause: int, selector: str
) -> None:
    server = Server()
    options = ListOptions(label_selector=selector)

    def listed() -> dict[str, Json]:
        items = server.core.list(server.config_maps, None, options).items
        return {item.object["metadata"]["name"]: copied(item.object) for item in items}

    for step, (action, number) in enumerate(actions[:pause]):
        act(server, action, number, step)
    state, cursor = listed(), now(server)
    for step, (action, number) in enumerate(actions[pause:]):
        act(server, action, number, step)
    assert follow(state, start(server, cursor, label_selector=selector)) == listed()


def test_a_field_selector_filters_a_watch(server: Server) -> None:
    watch = server.core.watch(
        server.widgets, None, wake=lambda: None, resource_version=now(server), field_selector="status.phase=Busy"
    )
    server.create(server.widgets, widget())
    server.patch(server.widgets, "one", {"status": {"phase": "Busy"}}, subresource="status")
    server.patch(server.widgets, "one", {"status": {"phase": "Done"}}, subresource="status")
    assert [event.type for event in watch.take()] == ["ADDED", "DELETED"]
