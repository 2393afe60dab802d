"""IsolationPod: the record of one pod's one life, from creation through assignment to its end."""

from enum import Enum
from typing import Annotated

from pydantic import AwareDatetime, Field

from isoproxy.model import names
from isoproxy.model.metadata import ObjectMeta
from isoproxy.model.parsing import model


class Phase(Enum):
    """How far the proxy has got with its pod; Released and Returned are final."""

    IDLE = "Idle"
    IN_USE = "InUse"
    RELEASED = "Released"
    RETURNED = "Returned"


@model
class IsolationPodSpec:
    """What the operator wrote: the pod, and once assigned (immutable) its proxy instance, address and uid."""

    service_name: str
    pod_name: str
    port: Annotated[int, Field(ge=1, le=65535)]
    proxy: str = ""
    pod_ip: str = Field(default="", alias="podIP")
    pod_uid: str = Field(default="", alias="podUID")


@model
class IsolationPodStatus:
    """What the proxy wrote about the one connection."""

    phase: Phase = Phase.IDLE
    in_use: bool = False
    connection_start_time: AwareDatetime | None = None
    last_used_time: AwareDatetime | None = None
    client: str = ""
    proxy: str = ""
    outcome: str = ""


@model
class IsolationPod:
    """One IsolationPod as last seen."""

    metadata: ObjectMeta
    spec: IsolationPodSpec
    status: IsolationPodStatus = Field(default_factory=IsolationPodStatus)

    @property
    def assigned(self) -> bool:
        """Whether a proxy instance owns it; that never changes back."""
        return self.spec.proxy != ""

    @property
    def recalled(self) -> bool:
        """Whether the operator asks for it back."""
        return names.ANNOTATION_RECALL in self.metadata.annotations

    @property
    def template(self) -> str:
        """The hash of the template that its pod was made from."""
        return self.metadata.labels.get(names.LABEL_TEMPLATE, "")
