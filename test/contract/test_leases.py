"""Leases: their times are exact, and what is no time is refused."""

import pytest
import pytest_twisted

from isoproxy.kube.errors import ApiError, Invalid
from isoproxy.kube.resources import LEASES, Json
from test.contract.cluster import Space

SPEC = {"holderIdentity": "me", "leaseDurationSeconds": 15, "renewTime": "2024-01-01T00:00:00.000001Z"}


@pytest_twisted.ensureDeferred
async def test_a_lease_keeps_its_microseconds(space: Space) -> None:
    await space.create(LEASES, {"metadata": {"name": "l"}, "spec": SPEC}, strict=True)
    patch = {"spec": {"renewTime": "2024-01-01T00:00:05.123456Z"}, "metadata": {"annotations": {"soh.re/queued": "3"}}}
    assert (await space.patch(LEASES, "l", patch))["spec"]["renewTime"] == "2024-01-01T00:00:05.123456Z"


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("time", ["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5Z", "yesterday"])
async def test_a_time_that_is_not_exact_is_none(space: Space, time: str) -> None:
    with pytest.raises(ApiError) as caught:
        await space.create(LEASES, {"metadata": {"name": "l"}, "spec": SPEC | {"renewTime": time}})
    assert caught.value.status == 400
    await space.create(LEASES, {"metadata": {"name": "l"}, "spec": SPEC})
    with pytest.raises(Invalid):
        await space.patch(LEASES, "l", {"spec": {"renewTime": time}})


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"leaseDurationSeconds": 0}, "spec.leaseDurationSeconds"),
        ({"leaseTransitions": -1}, "spec.leaseTransitions"),
    ],
)
async def test_a_lease_that_cannot_be_is_refused(space: Space, spec: Json, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        await space.create(LEASES, {"metadata": {"name": "l"}, "spec": SPEC | spec})
    assert caught.value.details["causes"][0]["field"] == field
