"""Server-side apply, through the core: who owns what decides what a configuration changes."""

from typing import Any

from isoproxy.local.apiserver.changes import APPLY
from isoproxy.local.apiserver.options import WriteOptions
from test.local.apiserver.objects import Server, copied, refused, widget

Json = dict[str, Any]


def apply(server: Server, config: Json, manager: str = "a", *, force: bool = False, **more: Any) -> Json:
    options = WriteOptions(field_manager=manager, force=force)
    written = server.core.patch(
        server.widgets, "default", "one", copied(config), content_type=APPLY, options=options, **more
    )
    made: Json = copied(written.stored.object)
    return made


def owners(obj: Json) -> dict[str, Json]:
    return {entry["manager"]: entry["fieldsV1"] for entry in obj["metadata"].get("managedFields", ())}


def test_an_apply_creates_what_is_not_there(server: Server) -> None:
    options = WriteOptions(field_manager="a")
    written = server.core.patch(server.widgets, "default", "one", widget(), content_type=APPLY, options=options)
    assert written.created
    assert owners(copied(written.stored.object)) == {"a": {"f:spec": {"f:size": {}}}}


def test_what_the_applier_stops_saying_is_removed(server: Server) -> None:
    apply(server, widget(selector="x", tags=["a", "b"]))
    made = apply(server, widget(tags=["b"]))
    assert "selector" not in made["spec"]
    assert made["spec"]["tags"] == ["b"]


def test_defaults_come_back_for_what_is_removed(server: Server) -> None:
    apply(server, widget(color="blue"))
    assert apply(server, widget())["spec"]["color"] == "red"


def test_the_same_again_changes_nothing(server: Server) -> None:
    apply(server, widget())
    before = apply(server, widget(parts=[{"name": "x", "weight": 1}]))
    server.now.seconds += 60
    assert apply(server, widget(parts=[{"name": "x", "weight": 1}])) == before


def test_another_value_of_what_another_owns_is_a_conflict(server: Server) -> None:
    apply(server, widget(color="blue"))
    refusal = refused(apply, server, widget(color="green"), "b")
    assert (refusal.code, refusal.reason) == (409, "Conflict")
    assert refusal.message == 'Apply failed with 1 conflict: conflict with "a": .spec.color'
    assert refusal.details["causes"][0]["reason"] == "FieldManagerConflict"
    assert server.get(server.widgets, "one")["spec"]["color"] == "blue"


def test_force_takes_what_another_owns(server: Server) -> None:
    apply(server, widget(color="blue"))
    made = apply(server, widget(color="green"), "b", force=True)
    assert made["spec"]["color"] == "green"
    assert owners(made)["a"] == {"f:spec": {"f:size": {}}}
    assert owners(made)["b"] == {"f:spec": {"f:color": {}, "f:size": {}}}


def test_the_same_value_is_owned_by_both_and_stays_until_neither_wants_it(server: Server) -> None:
    apply(server, widget(selector="x"))
    apply(server, widget(selector="x"), "b")
    assert apply(server, widget())["spec"]["selector"] == "x"
    assert "selector" not in apply(server, widget(), "b")["spec"]


def test_items_of_a_list_map_have_owners_of_their_own(server: Server) -> None:
    apply(server, widget(parts=[{"name": "x", "weight": 1}]))
    made = apply(server, widget(parts=[{"name": "y", "weight": 2}]), "b")
    assert made["spec"]["parts"] == [{"name": "x", "weight": 1}, {"name": "y", "weight": 2}]
    assert apply(server, widget())["spec"]["parts"] == [{"name": "y", "weight": 2}]


def test_an_update_takes_over_what_it_changes(server: Server) -> None:
    apply(server, widget(color="blue"))
    options = WriteOptions(field_manager="editor")
    server.core.patch(server.widgets, "default", "one", {"spec": {"color": "green"}}, options=options)
    refusal = refused(apply, server, widget(color="blue"))
    assert 'conflict with "editor" using example.com/v1: .spec.color' in refusal.message
    assert apply(server, widget(), force=True)["spec"]["color"] == "green"


def test_an_object_that_was_never_applied_belongs_to_whoever_made_it(server: Server) -> None:
    server.create(server.widgets, widget(color="blue"))
    assert "managedFields" not in server.get(server.widgets, "one")["metadata"]
    refusal = refused(apply, server, widget(color="green"))
    assert 'conflict with "before-first-apply" using example.com/v1: .spec.color' in refusal.message
    assert apply(server, widget(color="green"), force=True)["spec"]["color"] == "green"


def test_an_apply_to_the_object_does_not_touch_its_status_and_the_other_way_round(server: Server) -> None:
    made = apply(server, widget() | {"status": {"phase": "Busy"}})
    assert made["status"]["phase"] == "New"
    made = apply(server, widget(size=7) | {"status": {"phase": "Busy"}}, "b", subresource="status")
    assert (made["spec"]["size"], made["status"]["phase"]) == (1, "Busy")
    assert owners(made)["b"] == {"f:status": {"f:phase": {}}}


def test_many_updaters_become_one(server: Server) -> None:
    apply(server, widget())
    for number in range(15):
        server.now.seconds += 1
        options = WriteOptions(field_manager=f"u{number}")
        patch = {"metadata": {"labels": {f"l{number}": "x"}}}
        server.core.patch(server.widgets, "default", "one", patch, options=options)
    found = owners(server.get(server.widgets, "one"))
    assert "ancient-changes" in found
    assert len(found) <= 12


def test_managed_fields_are_forgotten_when_asked(server: Server) -> None:
    apply(server, widget())
    made = server.patch(server.widgets, "one", {"metadata": {"managedFields": [{}]}})
    assert "managedFields" not in made["metadata"]


def test_an_apply_that_says_too_little_or_too_much_is_refused(server: Server) -> None:
    assert refused(apply, server, widget(), "").code == 422
    assert refused(apply, server, widget("two")).code == 400
    with_fields = widget()
    with_fields["metadata"]["managedFields"] = [{"manager": "a"}]
    assert refused(apply, server, with_fields).code == 400
    with_uid = widget()
    with_uid["metadata"]["uid"] = "gone"
    assert refused(apply, server, with_uid).code == 409
    assert refused(server.core.patch, server.widgets, "default", "one", [], content_type=APPLY).code == 400
    assert refused(apply, server, widget() | {"metadata": "odd"}).code == 400
    assert refused(apply, server, {"metadata": {"name": "one"}}).code == 400
