"""What a plan consists of: each action is one promise that ``apply`` carries out, guarded by what was seen."""

import enum
from dataclasses import dataclass

from isoproxy.kube.resources import Resource
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.metadata import ObjectMeta
from isoproxy.model.parsing import Json
from isoproxy.model.pod import Pod
from isoproxy.model.proxylease import ProxyLease


class EndReason(enum.Enum):
    """Why a pod's life may be ended. There is no other reason; the value goes to the log."""

    SURPLUS = "surplus"
    RELEASED = "released"
    RETURNED = "returned"
    POD_ENDED = "pod ended"
    POD_ABSENT = "pod absent"
    SERVICE_GONE = "service gone"
    PROXY_GONE = "proxy gone"


class Child(enum.Enum):
    """The objects that a service has one of; those from PROXY_POLICY on only where the operator deploys its proxies."""

    NETWORK_POLICY = enum.auto()
    SETTINGS = enum.auto()
    PROXY_POLICY = enum.auto()
    SERVICE_ACCOUNT = enum.auto()
    ROLE = enum.auto()
    ROLE_BINDING = enum.auto()
    DEPLOYMENT = enum.auto()
    SERVICE = enum.auto()
    DISRUPTION_BUDGET = enum.auto()


@dataclass(frozen=True, slots=True)
class ApplyChild:
    """Make a child what its manifest says, if it still is as seen; None: if it is not there yet.

    ``repairs`` is whether that is because somebody else changed it, or deleted it.
    """

    child: Child
    manifest: Json
    resource_version: str | None
    repairs: bool = False

    @property
    def title(self) -> str:
        """Its kind and name, as people would say them."""
        return f"{self.manifest['kind']} {self.manifest['metadata']['name']}"


@dataclass(frozen=True, slots=True)
class MakePod:
    """Create an IsolationPod under a new name, and its Pod."""

    service: DedicatedService


@dataclass(frozen=True, slots=True)
class Assign:
    """Give a Ready pod to one proxy instance, for ever."""

    record: IsolationPod
    pod: Pod
    instance: str


@dataclass(frozen=True, slots=True)
class Recall:
    """Ask a proxy to give an unused pod back."""

    record: IsolationPod


@dataclass(frozen=True, slots=True)
class RecordLost:
    """Write the end of a connection whose proxy can no longer write it."""

    record: IsolationPod


@dataclass(frozen=True, slots=True)
class End:
    """Delete an IsolationPod if it still is as seen and then its Pod; an absence is confirmed first."""

    record: IsolationPod
    reason: EndReason
    pod_uid: str


@dataclass(frozen=True, slots=True)
class DeleteOrphan:
    """Delete a Pod whose IsolationPod is gone, once a read has confirmed that it is."""

    pod: Pod


@dataclass(frozen=True, slots=True)
class DeleteChild:
    """Delete a child, and no other object of its name, of a service that is no more."""

    resource: Resource
    metadata: ObjectMeta


@dataclass(frozen=True, slots=True)
class DeleteLease:
    """Delete the Lease of a proxy that is no more, if it still is as seen."""

    lease: ProxyLease


Action = ApplyChild | MakePod | Assign | Recall | RecordLost | End | DeleteOrphan | DeleteChild | DeleteLease
