from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from isoproxy.local.apiserver.patches import fieldsets
from isoproxy.local.apiserver.patches.fieldsets import Fields
from isoproxy.local.apiserver.schema.models import node

POD = node("V1Pod")
KEYS = st.sampled_from(["f:a", "f:b", "f:c"])
FIELDS: st.SearchStrategy[Fields] = st.dictionaries(KEYS, st.dictionaries(KEYS, st.just({}), min_size=1))


def paths(fields: Fields) -> set[tuple[str, ...]]:
    return set(fieldsets.leaves(fields))


def test_the_fields_of_a_pod() -> None:
    obj: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one", "uid": "u", "labels": {"a": "b"}, "finalizers": ["x/y"]},
        "spec": {"containers": [{"name": "main", "args": ["1", "2"]}], "nodeSelector": {"k": "v"}},
    }
    assert fieldsets.of_object(POD, obj) == {
        "f:metadata": {"f:labels": {"f:a": {}}, "f:finalizers": {'v:"x/y"': {}}},
        "f:spec": {
            "f:containers": {'k:{"name":"main"}': {".": {}, "f:name": {}, "f:args": {}}},
            "f:nodeSelector": {"f:k": {}},
        },
    }


def test_a_path_reads_well() -> None:
    path = ("f:spec", "f:containers", 'k:{"name":"a"}', "f:image")
    assert fieldsets.readable(path) == '.spec.containers[name="a"].image'


@settings(deadline=None)
@given(FIELDS, FIELDS)
def test_union_difference_and_intersection_are_those_of_sets(one: Fields, other: Fields) -> None:
    assert paths(fieldsets.union(one, other)) == paths(one) | paths(other)
    assert paths(fieldsets.difference(one, other)) == paths(one) - paths(other)
    assert paths(fieldsets.intersection(one, other)) == paths(one) & paths(other)


def test_a_whole_and_its_parts_do_not_hide_each_other() -> None:
    whole: Fields = {"f:a": {}}
    part: Fields = {"f:a": {"f:b": {}}}
    assert fieldsets.difference(whole, part) == whole
    assert fieldsets.difference(part, whole) == part
    assert fieldsets.intersection(whole, part) == part


def test_removing_an_item_of_a_list_map_removes_all_of_it() -> None:
    value = {"containers": [{"name": "a", "image": "x"}, {"name": "b"}], "restartPolicy": "Never"}
    spec = POD.properties["spec"]
    doomed: Fields = {"f:containers": {'k:{"name":"a"}': {".": {}, "f:name": {}}}, "f:restartPolicy": {}}
    assert fieldsets.remove(spec, value, doomed) == {"containers": [{"name": "b"}]}


def test_what_is_emptied_by_a_removal_goes() -> None:
    assert (
        fieldsets.remove(POD, {"spec": {"nodeSelector": {"a": "b"}}}, {"f:spec": {"f:nodeSelector": {"f:a": {}}}})
        is None
    )
