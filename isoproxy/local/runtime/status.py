"""What a kubelet writes into the status of a Pod. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from isoproxy.local.runtime.environment import HOST_IP
from isoproxy.local.runtime.facts import Exit
from isoproxy.model.parsing import Json


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not running, and not ended for good."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """Since when."""

    since: datetime


@dataclass(frozen=True, slots=True)
class Terminated:
    """How and when it ended; `since` is when it had started, None if it had not."""

    exit: Exit
    since: datetime | None
    at: datetime
    container_id: str


ContainerState = Waiting | Running | Terminated


@dataclass(frozen=True, slots=True)
class PodState:
    """All that is known of a pod; the status is a function of it."""

    container: str  # its name
    image: str = ""
    scheduled: bool = True
    unscheduled_message: str = ""
    started_at: datetime | None = None  # when the agent took the pod up
    ip: str = ""
    state: ContainerState = Waiting("ContainerCreating")
    last: Terminated | None = None  # the start before this one
    container_id: str = ""
    restarts: int = 0
    ready: bool = False

    @property
    def phase(self) -> str:
        """A pod has one life: once ended (and not waiting for a restart) it stays so."""
        match self.state:
            case Terminated(exit_):
                return "Succeeded" if exit_.code == 0 else "Failed"
            case Waiting() if self.restarts == 0 and self.last is None:
                return "Pending"
            case _:
                return "Running"


def unscheduled(message: str) -> PodState:
    """The state of a pod for which there is no room."""
    return PodState(container="", scheduled=False, unscheduled_message=message)


def status(state: PodState, before: Sequence[Mapping[str, str]], now: datetime) -> Json:
    """The status to write, whole. `before`: the conditions of the status written last."""
    conditions = _conditions(state)
    for condition in conditions:
        condition["lastTransitionTime"] = _since(condition, before) or timestamp(now)
    result: Json = {"phase": state.phase, "conditions": conditions, "reason": None, "message": None}
    if not state.scheduled:
        return result
    result["hostIP"] = HOST_IP
    if state.started_at is not None:
        result["startTime"] = timestamp(state.started_at)
    if state.ip:
        result["podIP"] = state.ip
        result["podIPs"] = [{"ip": state.ip}]
    if isinstance(state.state, Terminated) and not state.state.container_id:
        # It never ran: say so where a user looks first.
        result["reason"], result["message"] = state.state.exit.reason, state.state.exit.message
    result["containerStatuses"] = [_container_status(state)]
    return result


def timestamp(moment: datetime) -> str:
    """RFC 3339, in whole seconds, as all times of Kubernetes objects are."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _conditions(state: PodState) -> list[Json]:
    if not state.scheduled:
        return [_condition("PodScheduled", False, "Unschedulable", state.unscheduled_message)]
    ready = state.ready and isinstance(state.state, Running)
    reason = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(state.phase, "ContainersNotReady")
    message = "" if state.phase == "Succeeded" else f"containers with unready status: [{state.container}]"
    return [
        _condition("Initialized", True, "PodCompleted" if state.phase == "Succeeded" else "", ""),
        _condition("Ready", ready, reason, message),
        _condition("ContainersReady", ready, reason, message),
        _condition("PodScheduled", True, "", ""),
    ]


def _condition(type_: str, holds: bool, reason: str, message: str) -> Json:
    """Reason and message say why it does not hold."""
    condition: Json = {"type": type_, "status": "True" if holds else "False"}
    if reason and (not holds or reason == "PodCompleted"):
        condition["reason"] = reason
    if message and not holds:
        condition["message"] = message
    return condition


def _since(condition: Mapping[str, str], before: Sequence[Mapping[str, str]]) -> str | None:
    for old in before:
        if old["type"] == condition["type"] and old["status"] == condition["status"]:
            return old.get("lastTransitionTime")
    return None


def _container_status(state: PodState) -> Json:
    container: Json = {
        "name": state.container,
        "image": state.image,
        "imageID": "",
        "ready": state.ready and isinstance(state.state, Running),
        "started": isinstance(state.state, Running),
        "restartCount": state.restarts,
        "state": _container_state(state.state),
    }
    if state.container_id:
        container["containerID"] = state.container_id
    if state.last is not None:
        container["lastState"] = _container_state(state.last)
    return container


def _container_state(state: ContainerState) -> Json:
    match state:
        case Waiting(reason, message):
            return {"waiting": {"reason": reason} | ({"message": message} if message else {})}
        case Running(since):
            return {"running": {"startedAt": timestamp(since)}}
        case Terminated(exit_, since, at, container_id):
            terminated: Json = {
                "exitCode": exit_.code,
                "reason": exit_.reason,
                "startedAt": timestamp(since or at),
                "finishedAt": timestamp(at),
            }
            if exit_.signal:
                terminated["signal"] = exit_.signal
            if exit_.message:
                terminated["message"] = exit_.message
            if container_id:
                terminated["containerID"] = container_id
            return {"terminated": terminated}
