"""IsolationPods, by the definition that ships with isoproxy: the server itself holds the rules of their life."""

from typing import Any

import pytest
import pytest_twisted

from isoproxy.kube.errors import Conflict, Invalid, NotFound
from isoproxy.kube.resources import DEDICATED_SERVICES, ISOLATION_PODS, PODS, Json
from test.contract.cluster import Space, until
from test.contract.ours import ASSIGNMENT, record, service
from test.contract.owners import owned_by
from test.contract.tables import TABLE, narrow, row

pytestmark = pytest.mark.usefixtures("definitions")

PHASES = {"Idle", "InUse", "Released", "Returned"}


async def assign(space: Space) -> Json:
    patch = {"metadata": {"labels": {"soh.re/proxy": "proxy-1"}}, "spec": ASSIGNMENT}
    return await space.patch(ISOLATION_PODS, "shop-1", patch)


async def set_phase(space: Space, phase: str) -> Any:
    return await space.patch(ISOLATION_PODS, "shop-1", {"status": {"phase": phase}}, subresource="status")


@pytest_twisted.ensureDeferred
async def test_it_begins_idle_and_assigned_to_nobody(space: Space) -> None:
    made = await space.create(ISOLATION_PODS, record(), strict=True)
    assert made["spec"] == record()["spec"] | {"proxy": "", "podIP": "", "podUID": ""}
    assert made["status"] == {"phase": "Idle", "inUse": False, "client": "", "proxy": "", "outcome": ""}


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("half", [{"proxy": "p"}, {"proxy": "p", "podIP": "10.0.0.1"}, {"proxy": "p", "podUID": "u"}])
async def test_an_assignment_names_its_pod(space: Space, half: Json) -> None:
    with pytest.raises(Invalid, match=r"names its spec\.podIP and spec\.podUID"):
        await space.create(ISOLATION_PODS, record(**half))
    await space.create(ISOLATION_PODS, record())
    with pytest.raises(Invalid, match=r"names its spec\.podIP and spec\.podUID"):
        await space.patch(ISOLATION_PODS, "shop-1", {"spec": half})


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("field", list(ASSIGNMENT))
async def test_an_assignment_is_for_life(space: Space, field: str) -> None:
    await space.create(ISOLATION_PODS, record())
    assigned = await assign(space)
    for value in ("other", "", None):
        with pytest.raises(Invalid, match="is immutable"):
            await space.patch(ISOLATION_PODS, "shop-1", {"spec": {field: value}})
    replacement = assigned | {"spec": assigned["spec"] | {field: "other"}}
    refusal = await space.cluster.refused("PUT", space.path(ISOLATION_PODS, "shop-1"), replacement)
    assert isinstance(refusal, Invalid)
    assert await space.get(ISOLATION_PODS, "shop-1") == assigned


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("spec", [{"serviceName": "other"}, {"podName": "other"}, {"port": 1}])
async def test_what_it_is_the_record_of_never_changes(space: Space, spec: Json) -> None:
    await space.create(ISOLATION_PODS, record())
    with pytest.raises(Invalid, match="serviceName, podName and port are immutable"):
        await space.patch(ISOLATION_PODS, "shop-1", {"spec": spec})


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("way", [("InUse", "Released"), ("Released",), ("Returned",)])
async def test_a_life_goes_forward_only(space: Space, way: tuple[str, ...]) -> None:
    await space.create(ISOLATION_PODS, record())
    for phase in PHASES - {"Idle"}:
        with pytest.raises(Invalid, match="only moves forward"):
            await set_phase(space, phase)  # of nobody yet
    await assign(space)
    for phase in way:
        await set_phase(space, phase)
    for phase in PHASES - {way[-1]}:
        with pytest.raises(Invalid, match="only moves forward"):
            await set_phase(space, phase)


@pytest_twisted.ensureDeferred
async def test_a_proxy_that_may_write_the_status_only_cannot_assign(space: Space) -> None:
    made = await space.create(ISOLATION_PODS, record())
    patch = {"metadata": {"labels": {"a": "b"}}, "spec": ASSIGNMENT, "status": {"client": "192.0.2.1:5"}}
    written = await space.patch(ISOLATION_PODS, "shop-1", patch, subresource="status")
    assert (written["spec"], written["status"]["client"]) == (made["spec"], "192.0.2.1:5")
    assert "labels" not in written["metadata"]


@pytest_twisted.ensureDeferred
async def test_a_record_of_an_old_version_is_not_written(space: Space) -> None:
    made = await space.create(ISOLATION_PODS, record())
    await assign(space)
    guard = {"resourceVersion": made["metadata"]["resourceVersion"]}
    patch = {"metadata": guard, "status": {"phase": "InUse"}}
    with pytest.raises(Conflict):
        await space.patch(ISOLATION_PODS, "shop-1", patch, subresource="status")
    assert (await space.get(ISOLATION_PODS, "shop-1"))["status"]["phase"] == "Idle"


@pytest_twisted.ensureDeferred
async def test_one_that_was_claimed_meanwhile_is_not_deleted(space: Space) -> None:
    await space.create(ISOLATION_PODS, record())
    seen = (await assign(space))["metadata"]
    await set_phase(space, "InUse")
    with pytest.raises(Conflict):
        await space.delete(ISOLATION_PODS, "shop-1", uid=seen["uid"], resource_version=seen["resourceVersion"])
    newest = (await set_phase(space, "Released"))["metadata"]
    await space.delete(ISOLATION_PODS, "shop-1", uid=seen["uid"], resource_version=newest["resourceVersion"])
    with pytest.raises(NotFound):
        await space.get(ISOLATION_PODS, "shop-1")


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("status", "field"),
    [({"phase": "Gone"}, "status.phase"), ({"lastUsedTime": "now"}, "status.lastUsedTime")],
)
async def test_a_status_that_cannot_be_is_refused_and_the_rules_are_not_asked(
    space: Space, status: Json, field: str
) -> None:
    await space.create(ISOLATION_PODS, record())
    with pytest.raises(Invalid, match="some validation rules were not checked") as caught:
        await space.patch(ISOLATION_PODS, "shop-1", {"status": status}, subresource="status")
    assert caught.value.details["causes"][0]["field"] == field
    assert "only moves forward" not in caught.value.message


@pytest_twisted.ensureDeferred
async def test_a_proxy_finds_its_own_and_the_operator_what_is_released(space: Space) -> None:
    for name in ("shop-1", "shop-2"):
        await space.create(ISOLATION_PODS, record(name))
    version = (await space.listed(ISOLATION_PODS)).resource_version
    assert await space.names(ISOLATION_PODS, field_selector="status.phase=Idle") == ["shop-1", "shop-2"]
    await assign(space)
    events = await space.events(ISOLATION_PODS, version, 1, label_selector="soh.re/proxy=proxy-1")
    assert [(event.type, event.object["spec"]["podIP"]) for event in events] == [("ADDED", "10.0.0.1")]
    assert await space.names(ISOLATION_PODS, label_selector="soh.re/proxy=proxy-1") == ["shop-1"]
    await set_phase(space, "Released")
    assert await space.names(ISOLATION_PODS, field_selector="status.phase=Released") == ["shop-1"]
    assert await space.names(ISOLATION_PODS, field_selector="status.phase=Idle") == ["shop-2"]


@pytest_twisted.ensureDeferred
async def test_a_table_shows_who_is_connected(space: Space) -> None:
    await space.create(ISOLATION_PODS, record())
    await assign(space)
    status = {"phase": "InUse", "inUse": True, "client": "192.0.2.1:5"}
    await space.patch(ISOLATION_PODS, "shop-1", {"status": status}, subresource="status")
    table = (await space.cluster.raw("GET", space.path(ISOLATION_PODS), Accept=TABLE)).body
    assert narrow(table) == ["Name", "Service", "Pod", "In-Use", "Phase", "Client", "Age"]
    shown = row(table, "shop-1")
    assert shown.pop("Age").endswith("s")
    assert shown == {
        "Name": "shop-1",
        "Service": "shop",
        "Pod": "shop-1",
        "In-Use": True,
        "Phase": "InUse",
        "Proxy": "proxy-1",
        "Client": "192.0.2.1:5",
    }


@pytest_twisted.ensureDeferred
async def test_all_that_was_made_for_a_service_goes_with_it(space: Space) -> None:
    owner = await space.create(DEDICATED_SERVICES, service())
    owned = await space.create(ISOLATION_PODS, record() | owned_by(owner, "shop-1"))
    other = await space.create(ISOLATION_PODS, record("other-1"))
    pod: Json = {"spec": {"schedulerName": "nobody", "containers": [{"name": "main", "image": "registry.invalid/a:1"}]}}
    await space.create(PODS, pod | owned_by(owned, "shop-1"))
    await space.create(PODS, pod | owned_by(other, "other-1"))
    await space.delete(DEDICATED_SERVICES, "shop")

    async def gone() -> bool:
        left = [await space.names(kind) for kind in (ISOLATION_PODS, PODS)]
        return left == [["other-1"], ["other-1"]]

    await until(gone, 90.0)  # a garbage collector may take half a minute to hear of a new kind
