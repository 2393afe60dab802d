"""Server-side apply under a guard, without which an applier merges into whatever has the name."""

from typing import Any

import pytest
import pytest_twisted

from isoproxy.kube.api import ABSENT, PatchKind
from isoproxy.kube.errors import Conflict
from isoproxy.kube.resources import CONFIG_MAPS, Json, Resource
from test.contract.cluster import Space

KINDS = pytest.mark.parametrize("custom", [False, True], ids=["built-in", "custom"])


def manifest(space: Space, custom: bool, resource_version: str, **labels: str) -> Json:
    meta = {"name": "one", "labels": labels, "resourceVersion": resource_version}
    built_in = {"apiVersion": "v1", "kind": "ConfigMap"}
    return (space.widget() if custom else built_in) | {"metadata": meta}


def kind(space: Space, custom: bool) -> Resource:
    return space.widgets if custom else CONFIG_MAPS


async def apply(space: Space, custom: bool, resource_version: str, **labels: str) -> Json:
    config = manifest(space, custom, resource_version, **labels)
    made: Json = await space.patch(kind(space, custom), "one", config, kind=PatchKind.APPLY)
    return made


async def conflict(space: Space, custom: bool, resource_version: str, **labels: str) -> None:
    before = await space.get(kind(space, custom), "one")
    with pytest.raises(Conflict):
        await apply(space, custom, resource_version, **labels)
    assert await space.get(kind(space, custom), "one") == before


@KINDS
@pytest_twisted.ensureDeferred
async def test_one_for_an_absent_object_creates_it_and_leaves_one_that_is_there_alone(
    space: Space, custom: bool
) -> None:
    made = await apply(space, custom, ABSENT, mine="1")
    assert made["metadata"]["resourceVersion"] != ABSENT
    assert made["metadata"]["labels"] == {"mine": "1"}
    await conflict(space, custom, ABSENT, mine="2")


@KINDS
@pytest_twisted.ensureDeferred
async def test_one_for_a_version_changes_that_version_alone(space: Space, custom: bool) -> None:
    first = await apply(space, custom, ABSENT, mine="1")
    second = await apply(space, custom, first["metadata"]["resourceVersion"], mine="2")
    assert second["metadata"]["labels"] == {"mine": "2"}
    await conflict(space, custom, first["metadata"]["resourceVersion"], mine="3")


@KINDS
@pytest_twisted.ensureDeferred
async def test_one_for_a_version_of_an_object_that_was_replaced_leaves_the_new_one_alone(
    space: Space, custom: bool
) -> None:
    first = await apply(space, custom, ABSENT, mine="1")
    await space.delete(kind(space, custom), "one")
    body: dict[str, Any] = manifest(space, custom, "")
    await space.create(kind(space, custom), body)
    await conflict(space, custom, first["metadata"]["resourceVersion"], mine="2")
