"""The facts of a Pod that decide what may be done with it."""

from dataclasses import replace
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, Field

from isoproxy.model import names
from isoproxy.model.metadata import ObjectMeta
from isoproxy.model.parsing import Int64, model
from isoproxy.model.text import one_line

MOST_SAID: Final = 512
"""Characters that are kept of what a cluster says: what a program said last can be 4096, of anything."""


def _one_line(text: str) -> str:
    return one_line(text, MOST_SAID)


Said = Annotated[str, AfterValidator(_one_line)]
"""Text that others wrote, and that is shown to people: one line of it."""


@model
class Condition:
    """One entry of ``status.conditions``, of an object of ours or of others."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: AwareDatetime | None = None
    observed_generation: int | None = None


def _said(condition: Condition) -> Condition:
    return replace(condition, reason=_one_line(condition.reason), message=_one_line(condition.message))


SaidCondition = Annotated[Condition, AfterValidator(_said)]
"""One that others wrote."""


@model
class StateDetail:
    """Why a container waits or ended. Of one that ended, ``message`` is what its program chose to say."""

    reason: Said = ""
    message: Said = ""
    exit_code: Int64 | None = None

    @property
    def told(self) -> str:
        """It as ``Reason: message``, with the exit code."""
        return f"{self.reason}: {self.message}{self._code}" if self.message else self.outline

    @property
    def outline(self) -> str:
        """Its reason and exit code alone."""
        return f"{self.reason}{self._code}"

    @property
    def _code(self) -> str:
        return f" (exit code {self.exit_code})" if self.exit_code is not None else ""


@model
class Running:
    """Since when a container runs."""

    started_at: AwareDatetime | None = None


@model
class ContainerState:
    """At most one of the three is set."""

    waiting: StateDetail | None = None
    running: Running | None = None
    terminated: StateDetail | None = None


@model
class ContainerStatus:
    """What the kubelet says of the container."""

    name: str = ""
    restart_count: Int64 = 0
    state: ContainerState = Field(default_factory=ContainerState)
    last_state: ContainerState = Field(default_factory=ContainerState)


@model
class PodStatus:
    """The kubelet's word."""

    phase: str = "Pending"
    pod_ip: str = Field(default="", alias="podIP")
    reason: Said = ""
    message: Said = ""
    conditions: tuple[SaidCondition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


@model
class Pod:
    """One Pod as last seen."""

    metadata: ObjectMeta
    status: PodStatus = Field(default_factory=PodStatus)

    @property
    def isolated(self) -> bool:
        """Whether it is one that connections are given; the pods of its proxies carry the service's uid as well."""
        return self.metadata.labels.get(names.LABEL_ROLE) == names.ROLE_POD

    @property
    def ending(self) -> bool:
        """Whether its deletion has begun."""
        return self.metadata.deletion_timestamp is not None

    @property
    def over(self) -> bool:
        """Whether its program has ended: it failed, finished or restarted."""
        return self.status.phase in ("Failed", "Succeeded") or any(
            container.restart_count > 0 for container in self.status.container_statuses
        )

    @property
    def terminal(self) -> bool:
        """Whether its one life is over, or about to be: it must not be given to anyone any more."""
        return self.ending or self.over

    @property
    def passes_probes(self) -> bool:
        """Whether its node says that it is Ready, whatever became of it before."""
        return any(c.type == "Ready" and c.status == "True" for c in self.status.conditions)

    @property
    def ready(self) -> bool:
        """Whether a connection may be handed to it."""
        return self.passes_probes and self.status.pod_ip != "" and not self.terminal

    @property
    def ailment(self) -> StateDetail | None:
        """Why it does not start or has ended; None where nothing is wrong."""
        for container in self.status.container_statuses:
            detail = container.state.terminated or container.state.waiting
            if detail is not None and detail.reason not in ("", "ContainerCreating", "PodInitializing"):
                return detail
        if self.status.reason:
            return StateDetail(reason=self.status.reason, message=self.status.message)
        for condition in self.status.conditions:
            if condition.type == "PodScheduled" and condition.status == "False":
                return StateDetail(reason=condition.reason, message=condition.message)
        return None

    @property
    def trouble(self) -> str:
        """The same as ``Reason: message``; ``""`` where nothing is wrong."""
        ailment = self.ailment
        return ailment.told if ailment is not None else ""
