"""The columns of `kubectl get pods`: what a pod's state comes down to. Pure."""

from typing import Any

from isoproxy.local.apiserver.kinds.columns import AGE, NAME, NONE
from isoproxy.local.apiserver.kinds.durations import since
from isoproxy.local.apiserver.kinds.kind import Column, dig

Json = dict[str, Any]


def _statuses(pod: Json, key: str = "containerStatuses") -> list[Json]:
    return dig(pod, ("status", key)) or []


def _ready(pod: Json, _: float) -> Any:
    total = len(dig(pod, ("spec", "containers")) or ())
    return f"{sum(bool(status.get('ready')) for status in _statuses(pod))}/{total}"


def _status(pod: Json, _: float) -> Any:
    status = pod.get("status") or {}
    reason: str = status.get("reason") or status.get("phase") or "Unknown"
    waiting = _init_reason(pod)
    if waiting is not None:
        reason = waiting
    else:
        reason = _container_reason(pod) or reason
        if reason == "Completed" and any((item.get("state") or {}).get("running") for item in _statuses(pod)):
            reason = "Running" if _is_ready(pod) else "NotReady"
    if pod["metadata"].get("deletionTimestamp"):
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return reason


def _init_reason(pod: Json) -> str | None:
    """Why the pod is still initialising, None if it is not."""
    statuses = _statuses(pod, "initContainerStatuses")
    for index, status in enumerate(statuses):
        state = status.get("state") or {}
        ended = state.get("terminated")
        if ended and not ended.get("exitCode"):
            continue
        if ended:
            return f"Init:{_exit_word(ended)}"
        why = (state.get("waiting") or {}).get("reason")
        return f"Init:{why}" if why and why != "PodInitializing" else f"Init:{index}/{len(statuses)}"
    return None


def _container_reason(pod: Json) -> str | None:
    """The last container that has something to say speaks for the pod."""
    for status in _statuses(pod):
        state = status.get("state") or {}
        if (state.get("waiting") or {}).get("reason"):
            return str(state["waiting"]["reason"])
        if state.get("terminated"):
            return _exit_word(state["terminated"])
    return None


def _exit_word(ended: Json) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"


def _is_ready(pod: Json) -> bool:
    conditions = dig(pod, ("status", "conditions")) or ()
    return any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)


def _restarts(pod: Json, now: float) -> Any:
    statuses = _statuses(pod)
    count = sum(status.get("restartCount") or 0 for status in statuses)
    ends = [dig(status, ("lastState", "terminated", "finishedAt")) for status in statuses]
    latest = max((end for end in ends if end), default=None)
    return f"{count} ({since(latest, now)} ago)" if count and latest else str(count)


def _gates(pod: Json, _: float) -> Any:
    gates = dig(pod, ("spec", "readinessGates"))
    if not gates:
        return NONE
    met = {item.get("type") for item in dig(pod, ("status", "conditions")) or () if item.get("status") == "True"}
    return f"{sum(gate.get('conditionType') in met for gate in gates)}/{len(gates)}"


PODS = (
    NAME,
    Column("Ready", _ready),
    Column("Status", _status),
    Column("Restarts", _restarts),
    AGE,
    Column("IP", lambda pod, _: dig(pod, ("status", "podIP")) or NONE, priority=1),
    Column("Node", lambda pod, _: dig(pod, ("spec", "nodeName")) or NONE, priority=1),
    Column("Nominated Node", lambda pod, _: dig(pod, ("status", "nominatedNodeName")) or NONE, priority=1),
    Column("Readiness Gates", _gates, priority=1),
)
