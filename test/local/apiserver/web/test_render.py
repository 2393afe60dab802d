import json
from typing import Any

import yaml

from isoproxy.local.apiserver.options import ListOptions
from isoproxy.local.apiserver.web.negotiation import YAML, Format
from isoproxy.local.apiserver.web.render import Renderer
from test.local.apiserver.objects import START, Server, config_map, widget

OBJECT, TABLE, PARTIAL = Format(), Format("Table"), Format("PartialObjectMetadata")


def listed(server: Server, plural: str, group: str, form: Format, **options: Any) -> Any:
    kind = server.kind(plural, group)
    page = server.core.list(kind, None, ListOptions(**options))
    body = Renderer(kind, form, START + 5, options.get("include", "Metadata")).list(page)
    return yaml.safe_load(body) if form.media == YAML else json.loads(body)


def test_items_of_a_built_in_list_do_not_repeat_what_they_are(server: Server) -> None:
    server.create(server.config_maps, config_map())
    found = listed(server, "configmaps", "", OBJECT)
    assert (found["kind"], found["apiVersion"]) == ("ConfigMapList", "v1")
    assert "kind" not in found["items"][0]
    assert found["items"][0]["data"] == {"key": "value"}
    assert found["metadata"]["resourceVersion"] == str(server.core.store.version)


def test_items_of_a_custom_list_say_what_they_are(server: Server) -> None:
    server.create(server.widgets, widget())
    assert listed(server, "widgets", "example.com", OBJECT)["items"][0]["kind"] == "Widget"


def test_a_page_says_how_to_go_on(server: Server) -> None:
    for name in ("a", "b", "c"):
        server.create(server.config_maps, config_map(name))
    metadata = listed(server, "configmaps", "", OBJECT, limit=1)["metadata"]
    assert metadata["continue"]
    assert metadata["remainingItemCount"] == 2


def test_a_table_has_columns_and_rows(server: Server) -> None:
    server.create(server.config_maps, config_map())
    found = listed(server, "configmaps", "", TABLE)
    assert found["kind"] == "Table"
    assert [column["name"] for column in found["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert found["rows"][0]["cells"] == ["one", 1, "5s"]
    assert found["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


def test_a_row_carries_as_much_of_its_object_as_was_asked(server: Server) -> None:
    server.create(server.config_maps, config_map())
    kind = server.config_maps
    for include, expected in (("None", None), ("Object", {"key": "value"})):
        body = Renderer(kind, TABLE, START, include).list(server.core.list(kind, None))
        obj = json.loads(body)["rows"][0].get("object")
        assert (obj and obj["data"]) == expected


def test_metadata_alone_can_be_had(server: Server) -> None:
    server.create(server.config_maps, config_map())
    found = listed(server, "configmaps", "", PARTIAL)
    assert found["kind"] == "PartialObjectMetadataList"
    assert set(found["items"][0]) == {"kind", "apiVersion", "metadata"}


def test_yaml_can_be_had(server: Server) -> None:
    server.create(server.config_maps, config_map())
    assert listed(server, "configmaps", "", Format(media=YAML))["items"][0]["data"] == {"key": "value"}


def test_a_watch_sends_its_columns_once(server: Server) -> None:
    stored = server.core.create(server.config_maps, "default", config_map()).stored
    renderer = Renderer(server.config_maps, TABLE, START)
    first, second = (json.loads(renderer.event("ADDED", stored, START))["object"] for _ in range(2))
    assert len(first["columnDefinitions"]) == 3
    assert second["columnDefinitions"] is None
    assert second["rows"][0]["cells"][0] == "one"


def test_a_bookmark_is_nothing_but_a_version(server: Server) -> None:
    for form in (OBJECT, TABLE, PARTIAL):
        found = json.loads(Renderer(server.config_maps, form, START).bookmark(7))
        assert found["type"] == "BOOKMARK"
        assert found["object"]["metadata"]["resourceVersion"] == "7"


def test_an_object_is_encoded_once_for_all(server: Server) -> None:
    stored = server.core.create(server.config_maps, "default", config_map()).stored
    one, other = Renderer(server.config_maps, OBJECT, START), Renderer(server.config_maps, OBJECT, START)
    assert one.object(stored) is other.object(stored)


def test_the_same_event_looks_like_its_view_in_each(server: Server) -> None:
    body = {"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"}, "message": "m"}
    stored = server.core.create(server.kind("events"), "default", body).stored
    old = json.loads(Renderer(server.kind("events"), OBJECT, START).object(stored))
    new = json.loads(Renderer(server.kind("events", "events.k8s.io"), OBJECT, START).object(stored))
    assert (old["apiVersion"], old["message"]) == ("v1", "m")
    assert (new["apiVersion"], new["note"]) == ("events.k8s.io/v1", "m")
