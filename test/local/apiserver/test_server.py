import random

from twisted.internet.task import Clock

from isoproxy.local.apiserver.server import ApiServer
from test.local.apiserver.objects import config_map, owned_by


def started(at: float) -> ApiServer:
    clock = Clock()
    clock.advance(at)
    return ApiServer(clock, chance=random.Random(1))


def test_a_cursor_of_an_earlier_process_is_older_than_all_of_the_next_ones() -> None:
    first, second = started(1_700_000_000.0), started(1_700_000_060.0)
    assert first.core.store.version < second.core.store.bucket("pods").history.floor


def test_the_same_chance_and_clock_make_the_same_server() -> None:
    uids = [
        [
            item.object["metadata"]["uid"]
            for item in server.core.list(server.core.kind("", "v1", "namespaces"), None).items
        ]
        for server in (started(5.0), started(5.0))
    ]
    assert uids[0] == uids[1]


def test_who_writes_without_http_says_so_and_garbage_goes() -> None:
    clock = Clock()
    server = ApiServer(clock)
    maps = server.core.kind("", "v1", "configmaps")
    owner = server.core.create(maps, "default", config_map()).stored.object
    server.core.create(maps, "default", config_map("two", ownerReferences=[owned_by(owner)]))
    server.core.delete(maps, "default", "one")
    server.changed()
    server.changed()
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(0)
    assert server.core.list(maps, None).items == []
    assert not clock.getDelayedCalls()


def test_a_stopped_server_leaves_nothing_to_come() -> None:
    clock = Clock()
    server = ApiServer(clock)
    maps = server.core.kind("", "v1", "configmaps")
    owner = server.core.create(maps, "default", config_map()).stored.object
    server.core.create(maps, "default", config_map("two", ownerReferences=[owned_by(owner)]))
    server.core.delete(maps, "default", "one")
    server.changed()
    server.stop()
    assert not clock.getDelayedCalls()
