"""Each case: what there is, what `kubectl apply` or `edit` sends, what comes of it."""

from typing import Any

import pytest

from isoproxy.local.apiserver.patches.strategic import merge
from isoproxy.local.apiserver.schema.models import node
from test.local.apiserver.objects import refused

A = {"name": "a", "image": "one", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}
B = {"name": "b", "image": "two"}


def containers(*found: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(found)}}


@pytest.mark.parametrize(
    ("current", "patch", "expected"),
    [
        pytest.param(
            containers(A, B), containers({"name": "b", "image": "new"}), containers(A, B | {"image": "new"}), id="item"
        ),
        pytest.param(
            containers(A),
            containers({"name": "c", "image": "i"}),
            containers(A, {"name": "c", "image": "i"}),
            id="new item",
        ),
        pytest.param(containers(A, B), containers({"name": "a", "$patch": "delete"}), containers(B), id="delete item"),
        pytest.param(containers(A, B), containers({"$patch": "replace"}, B), containers(B), id="replace list"),
        pytest.param(
            containers(A),
            containers({"name": "a", "env": [{"name": "Y", "value": "3"}, {"name": "X", "$patch": "delete"}]}),
            containers(A | {"env": [{"name": "Y", "value": "3"}]}),
            id="nested lists",
        ),
        pytest.param(
            containers(A),
            containers({"name": "a", "image": None}),
            containers({k: v for k, v in A.items() if k != "image"}),
            id="null",
        ),
        pytest.param(
            {"spec": {"tolerations": [{"key": "a"}]}},
            {"spec": {"tolerations": [{"key": "b"}]}},
            {"spec": {"tolerations": [{"key": "b"}]}},
            id="atomic list",
        ),
        pytest.param(
            {"metadata": {"finalizers": ["a", "b"]}},
            {"metadata": {"finalizers": ["c"], "$deleteFromPrimitiveList/finalizers": ["a"]}},
            {"metadata": {"finalizers": ["b", "c"]}},
            id="set",
        ),
        pytest.param(
            {"metadata": {"finalizers": ["a", "b"]}},
            {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}},
            {"metadata": {"finalizers": ["b"]}},
            id="delete from set alone",
        ),
        pytest.param(
            containers(A, B),
            {
                "spec": {
                    "$setElementOrder/containers": [{"name": "c"}, {"name": "b"}, {"name": "a"}],
                    "containers": [{"name": "c", "image": "i"}],
                }
            },
            containers({"name": "c", "image": "i"}, B, A),
            id="order",
        ),
        pytest.param(
            containers(A, B),
            {"spec": {"$setElementOrder/containers": [{"name": "b"}], "containers": [{"name": "b", "image": "i"}]}},
            containers(A, B | {"image": "i"}),
            id="order keeps what it does not name",
        ),
        pytest.param(
            {"spec": {"nodeSelector": {"a": "b"}}},
            {"spec": {"nodeSelector": {"$patch": "replace", "c": "d"}}},
            {"spec": {"nodeSelector": {"c": "d"}}},
            id="replace map",
        ),
        pytest.param(
            {"spec": {"nodeSelector": {"a": "b"}}},
            {"spec": {"nodeSelector": {"$patch": "delete"}}},
            {"spec": {"nodeSelector": {}}},
            id="delete map",
        ),
        pytest.param(
            {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}},
            {"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/"}, "$retainKeys": ["name", "hostPath"]}]}},
            {"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}},
            id="retain keys",
        ),
    ],
)
def test_merging(current: Any, patch: Any, expected: Any) -> None:
    assert merge(node("V1Pod"), current, patch) == expected


@pytest.mark.parametrize(
    "patch",
    [
        containers({"image": "nameless"}),
        containers("text"),
        {"spec": {"$patch": "dance"}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": 3}},
    ],
)
def test_a_patch_that_cannot_be_meant_is_refused(patch: Any) -> None:
    assert refused(merge, node("V1Pod"), containers(A), patch).code == 400
