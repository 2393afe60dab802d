"""The Lease by which operators agree on who of them acts."""

from datetime import datetime
from typing import Final

from pydantic import Field

from isoproxy.model.metadata import ObjectMeta
from isoproxy.model.parsing import Json, model
from isoproxy.model.timestamps import rfc3339

LEASE_NAME: Final = "isolation-proxy-operator"
"""What it is called unless operators are told otherwise: all of one namespace agree on one leader then."""
LEASE_SECONDS: Final = 15
"""For how long others wait once they see the Lease no longer change."""


@model
class LeaderSpec:
    """``coordination.k8s.io/v1`` LeaseSpec, without its times: no process decides by another one's clock."""

    holder_identity: str = ""
    lease_duration_seconds: int = LEASE_SECONDS
    lease_transitions: int = 0


@model
class LeaderLease:
    """The Lease as last seen."""

    metadata: ObjectMeta
    spec: LeaderSpec = Field(default_factory=LeaderSpec)

    @property
    def holder(self) -> str:
        """Who holds it, ``""`` for nobody."""
        return self.spec.holder_identity


def manifest(identity: str, now: datetime, name: str = LEASE_NAME) -> Json:
    """Return the Lease called ``name`` as its first holder creates it."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name},
        "spec": _held(identity, now) | {"acquireTime": _micro(now), "leaseTransitions": 0},
    }


def hold(lease: LeaderLease, identity: str, now: datetime) -> Json:
    """Return the patch that takes the Lease, or renews it where ``identity`` holds it; it fails if ``lease`` is old."""
    spec = _held(identity, now)
    if lease.holder != identity:
        spec |= {"acquireTime": _micro(now), "leaseTransitions": lease.spec.lease_transitions + 1}
    return _guarded(lease, spec)


def release(lease: LeaderLease, now: datetime) -> Json:
    """Return the patch that leaves the Lease to whoever comes next; it fails if ``lease`` is old."""
    return _guarded(lease, {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _micro(now)})


def _held(identity: str, now: datetime) -> Json:
    return {"holderIdentity": identity, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": _micro(now)}


def _guarded(lease: LeaderLease, spec: Json) -> Json:
    return {"metadata": {"resourceVersion": lease.metadata.resource_version}, "spec": spec}


def _micro(now: datetime) -> str:
    return rfc3339(now, digits="microseconds")
