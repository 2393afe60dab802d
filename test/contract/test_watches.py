"""Watching: from any version, filtered, with bookmarks, and what happens when the version is gone."""

import pytest
import pytest_twisted

from isoproxy.kube.api import Watch, WatchEvent
from isoproxy.kube.errors import Gone, WatchEnded, WatchExpired
from isoproxy.kube.reflector import Change, Reflector
from isoproxy.kube.resources import EVENTS, Json
from test.contract.cluster import Space, reactor, until, within
from test.contract.events import event
from test.contract.tables import TABLE, row


def shown(events: list[WatchEvent]) -> list[tuple[str, str]]:
    return [(event.type, event.object["metadata"]["name"]) for event in events]


@pytest_twisted.ensureDeferred
async def test_every_change_after_a_version_is_seen_in_order(space: Space) -> None:
    version = (await space.listed(space.widgets)).resource_version
    await space.create(space.widgets, space.widget())
    await space.patch(space.widgets, "one", {"spec": {"size": 2}})
    await space.delete(space.widgets, "one")
    events = await space.events(space.widgets, version, 3)
    assert shown(events) == [("ADDED", "one"), ("MODIFIED", "one"), ("DELETED", "one")]
    assert events[2].object["spec"]["size"] == 2
    versions = [int(event.object["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))


@pytest_twisted.ensureDeferred
async def test_a_watch_resumes_from_any_event(space: Space) -> None:
    version = (await space.listed(space.widgets)).resource_version
    for name in ("a", "b", "c"):
        await space.create(space.widgets, space.widget(name))
    events = await space.events(space.widgets, version, 3)
    resumed = await space.events(space.widgets, events[0].object["metadata"]["resourceVersion"], 2)
    assert resumed == events[1:]


@pytest_twisted.ensureDeferred
async def test_what_comes_to_match_is_added_and_what_ceases_to_is_deleted(space: Space) -> None:
    version = (await space.listed(space.widgets)).resource_version
    await space.create(space.widgets, space.widget())
    for label in ("x", "x2", None):
        labels = {"proxy": "p" if label else "q", "step": label}
        await space.patch(space.widgets, "one", {"metadata": {"labels": labels}})
    events = await space.events(space.widgets, version, 3, label_selector="proxy=p")
    assert [event.type for event in events] == ["ADDED", "MODIFIED", "DELETED"]


@pytest_twisted.ensureDeferred
async def test_a_watch_from_nowhere_begins_with_what_there_is(space: Space) -> None:
    for name in ("a", "b"):
        await space.create(space.widgets, space.widget(name))
    events = await space.cluster.streamed(f"{space.path(space.widgets)}?watch=1&timeoutSeconds=3")
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [
        ("ADDED", "a"),
        ("ADDED", "b"),
    ]


@pytest_twisted.ensureDeferred
async def test_a_watched_table_says_its_columns_once(space: Space) -> None:
    version = (await space.create(space.widgets, space.widget(size=1)))["metadata"]["resourceVersion"]
    for size in (2, 3):
        await space.patch(space.widgets, "one", {"spec": {"size": size}})
    url = f"{space.path(space.widgets)}?watch=1&timeoutSeconds=3&resourceVersion={version}"
    first, second = await space.cluster.streamed(url, Accept=TABLE)
    assert row(first["object"], "one")["Size"] == 2
    assert not second["object"].get("columnDefinitions")
    assert second["object"]["rows"][0]["cells"][1] == 3


@pytest_twisted.ensureDeferred
async def test_a_field_selector_filters_a_watch(space: Space) -> None:
    version = (await space.listed(space.widgets)).resource_version
    for name in ("a", "b"):
        await space.create(space.widgets, space.widget(name))
    assert shown(await space.events(space.widgets, version, 1, field_selector="metadata.name=b")) == [("ADDED", "b")]


@pytest_twisted.ensureDeferred
async def test_a_patch_that_changes_nothing_is_no_event(space: Space) -> None:
    version = (await space.listed(space.widgets)).resource_version
    await space.create(space.widgets, space.widget())
    for size in (2, 2, 3):
        await space.patch(space.widgets, "one", {"spec": {"size": size}})
    events = await space.events(space.widgets, version, 3)
    assert [event.object["spec"]["size"] for event in events] == [1, 2, 3]


@pytest_twisted.ensureDeferred
async def test_a_quiet_watch_is_told_how_far_it_is_before_it_ends(space: Space, neighbour: Space) -> None:
    version = (await space.listed(space.widgets)).resource_version
    watch = space.cluster.short.watch(space.widgets, namespace=space.namespace, resource_version=version)
    try:
        await space.create(space.widgets, space.widget())
        assert (await within(watch.next())).type == "ADDED"
        # A real server tells only of changes of the same kind.
        unseen = await neighbour.create(space.widgets, space.widget())
        event = await within(watch.next())
        assert event.type == "BOOKMARK"
        assert int(event.object["metadata"]["resourceVersion"]) >= int(unseen["metadata"]["resourceVersion"])
        with pytest.raises(WatchEnded):
            await only_bookmarks(watch)
    finally:
        watch.close()


async def only_bookmarks(watch: Watch) -> None:
    while True:
        assert (await within(watch.next())).type == "BOOKMARK"


@pytest.mark.needs_compaction
@pytest_twisted.ensureDeferred
async def test_a_version_that_was_forgotten_is_gone(space: Space) -> None:
    version = (await space.create(EVENTS, event("one", space.namespace)))["metadata"]["resourceVersion"]
    await space.cluster.forget(EVENTS, space.namespace, "one")
    watch = space.client.watch(EVENTS, namespace=space.namespace, resource_version=version)
    with pytest.raises(WatchExpired):
        await within(watch.next())
    watch.close()


@pytest.mark.needs_compaction
@pytest_twisted.ensureDeferred
async def test_the_rest_of_a_list_that_was_forgotten_is_gone(space: Space) -> None:
    for name in ("one", "two"):
        await space.create(EVENTS, event(name, space.namespace))
    page = (await space.cluster.raw("GET", f"{space.path(EVENTS)}?limit=1")).body
    await space.cluster.forget(EVENTS, space.namespace, "one")
    rest = f"{space.path(EVENTS)}?limit=1&continue={page['metadata']['continue']}"
    assert isinstance(await space.cluster.refused("GET", rest), Gone)


@pytest_twisted.ensureDeferred
async def test_a_version_from_long_ago_is_gone(space: Space) -> None:
    await space.create(space.widgets, space.widget())
    watch = space.client.watch(space.widgets, namespace=space.namespace, resource_version="1")
    with pytest.raises(WatchExpired):
        await within(watch.next())
    watch.close()


@pytest_twisted.ensureDeferred
async def test_a_reflector_follows(space: Space) -> None:
    changes: list[Change[Json]] = []
    reflector = Reflector(
        api=space.client,
        resource=space.widgets,
        parse=lambda obj: obj,
        clock=reactor,
        on_change=changes.append,
        namespace=space.namespace,
    )
    await space.create(space.widgets, space.widget("a"))
    reflector.start()
    try:
        await until(lambda: reflector.synced and len(reflector.items) == 1)
        await space.create(space.widgets, space.widget("b"))
        await space.delete(space.widgets, "a")
        await until(lambda: [key[1] for key in reflector.items] == ["b"])
    finally:
        await reflector.stop()
