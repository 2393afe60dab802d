from typing import Any

import pytest

from isoproxy.local.apiserver.patches.jsonpatches import apply
from test.local.apiserver.objects import refused

TARGET: dict[str, Any] = {"spec": {"size": 1, "tags": ["a"]}}


def patched(*operations: Any) -> Any:
    return apply(TARGET, list(operations), max_copied=1_000, depth=64)


def test_operations_are_done_in_order_and_the_target_stays_as_it_was() -> None:
    result = patched(
        {"op": "test", "path": "/spec/size", "value": 1},
        {"op": "replace", "path": "/spec/size", "value": 2},
        {"op": "add", "path": "/spec/tags/-", "value": "b"},
        {"op": "copy", "from": "/spec/size", "path": "/spec/was"},
        {"op": "remove", "path": "/spec/tags/0"},
    )
    assert result == {"spec": {"size": 2, "was": 2, "tags": ["b"]}}
    assert TARGET == {"spec": {"size": 1, "tags": ["a"]}}


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "test", "path": "/spec/size", "value": 5}, 422),
        ({"op": "remove", "path": "/spec/none"}, 422),
        ({"op": "replace", "path": "/none/none", "value": 1}, 422),
        ({"op": "replace", "path": "/spec/tags/1", "value": 1}, 422),
        ({"op": "add", "path": "/spec/tags/9", "value": 1}, 422),
        ({"op": "copy", "from": "/none", "path": "/spec/x"}, 422),
        ({"op": "dance", "path": "/spec"}, 422),
        ({"op": "add", "path": "/spec/x"}, 422),
        ({"path": "/spec/x", "value": 1}, 422),
        ({"op": "copy", "path": "/x"}, 422),
        ({"op": "add", "path": "spec", "value": 1}, 422),
        ({"op": "add", "path": 5, "value": 1}, 400),
        ("remove", 400),
    ],
)
def test_an_operation_that_does_not_apply_is_refused(operation: Any, code: int) -> None:
    assert refused(patched, operation).code == code


def test_a_replacement_also_sets_what_was_not_there() -> None:
    assert patched({"op": "replace", "path": "/spec/color", "value": "red"})["spec"]["color"] == "red"


@pytest.mark.parametrize("patch", [{}, "x", 3, None])
def test_a_patch_that_is_no_list_is_refused(patch: Any) -> None:
    assert refused(apply, TARGET, patch, max_copied=1_000, depth=64).code == 400


def test_copies_cannot_grow_without_limit() -> None:
    doubling = [{"op": "copy", "from": "/spec", "path": f"/spec/c{number}"} for number in range(40)]
    assert refused(patched, *doubling).code == 413


def test_operations_are_limited_in_number() -> None:
    assert refused(patched, *[{"op": "test", "path": "/spec/size", "value": 1}] * 10_001).code == 413


def test_a_result_cannot_be_nested_without_limit() -> None:
    deeper = [{"op": "add", "path": "/spec" + "/x" * depth, "value": {}} for depth in range(1, 100)]
    assert refused(patched, *deeper).code == 400
