"""What is relied on in every answer."""

from typing import Any

import pytest

from isoproxy.kube.errors import BadReply
from isoproxy.kube.shape import fault, page_of
from test.kube.requests import POD


def test_an_object_is_told_from_others_by_its_name_uid_and_version() -> None:
    assert fault(POD) == ""
    assert fault({"metadata": {"name": "cluster-scoped", "uid": "u", "resourceVersion": "7"}}) == ""
    assert fault({"metadata": {"resourceVersion": "7"}}, bookmark=True) == ""


@pytest.mark.parametrize(
    ("item", "path"),
    [
        (7, ".metadata"),
        ({}, ".metadata"),
        ({"metadata": []}, ".metadata"),
        ({"metadata": POD["metadata"] | {"name": ""}}, ".metadata.name"),
        ({"metadata": POD["metadata"] | {"name": "a\nb"}}, ".metadata.name"),
        ({"metadata": POD["metadata"] | {"uid": "u" * 2000}}, ".metadata.uid"),
        ({"metadata": POD["metadata"] | {"resourceVersion": 7}}, ".metadata.resourceVersion"),
        ({"metadata": POD["metadata"] | {"namespace": None}}, ".metadata.namespace"),
    ],
)
def test_what_is_wrong_is_told_with_its_path(item: Any, path: str) -> None:
    assert fault(item).startswith(f"{path}: ")


def test_a_page_is_its_items_its_version_and_the_way_on() -> None:
    assert page_of({"metadata": {"resourceVersion": "9"}, "items": [POD]}) == ([POD], "9", "")
    assert page_of({"metadata": {"resourceVersion": "9", "continue": "c"}, "items": None}) == ([], "9", "c")


@pytest.mark.parametrize(
    "answer",
    [
        {"metadata": [1]},
        {"items": {"a": POD}},
        {"items": [POD, {"metadata": {}}]},
        {"metadata": {"resourceVersion": 9}},
        {"metadata": {"continue": {"a": 1}}},
    ],
)
def test_what_is_no_page_is_refused(answer: Any) -> None:
    with pytest.raises(BadReply, match="a list w"):
        page_of(answer)
