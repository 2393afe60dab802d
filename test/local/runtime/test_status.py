"""The status of a Pod as a kubelet writes it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from isoproxy.kube.resources import Json
from isoproxy.local.runtime.facts import Exit
from isoproxy.local.runtime.status import PodState, Running, Terminated, Waiting, status, unscheduled

THEN = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
NOW = THEN + timedelta(minutes=1)
STATE = PodState(container="main", image="i", started_at=THEN, ip="127.64.0.1", container_id="process://u/1")
RUNNING = replace(STATE, state=Running(THEN))


def ended(code: int, reason: str = "Error", *, ran: bool = True) -> Terminated:
    return Terminated(Exit(code, 0, reason, "why"), THEN if ran else None, NOW, "process://u/1" if ran else "")


def conditions(written: Json) -> dict[str, Any]:
    return {condition["type"]: condition for condition in written["conditions"]}


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        (replace(STATE, state=Waiting("ContainerCreating")), "Pending"),
        (RUNNING, "Running"),
        (replace(STATE, state=ended(0)), "Succeeded"),
        (replace(STATE, state=ended(1)), "Failed"),
        (replace(STATE, state=ended(128, ran=False)), "Failed"),
        (replace(STATE, state=Waiting("CrashLoopBackOff"), last=ended(1)), "Running"),
        (unscheduled("no room"), "Pending"),
    ],
)
def test_phases(state: PodState, phase: str) -> None:
    assert status(state, [], NOW)["phase"] == phase


def test_ready_is_only_what_runs() -> None:
    ready = status(replace(RUNNING, ready=True), [], NOW)
    assert {type_: condition["status"] for type_, condition in conditions(ready).items()} == {
        "Initialized": "True",
        "Ready": "True",
        "ContainersReady": "True",
        "PodScheduled": "True",
    }
    assert ready["containerStatuses"][0]["ready"] is True
    over = status(replace(STATE, state=ended(1), ready=True), [], NOW)
    assert conditions(over)["Ready"]["status"] == "False"
    assert conditions(over)["Ready"]["reason"] == "PodFailed"
    assert over["containerStatuses"][0]["ready"] is False


def test_why_a_pod_is_not_ready_is_said() -> None:
    condition = conditions(status(RUNNING, [], NOW))["Ready"]
    assert condition["reason"] == "ContainersNotReady"
    assert condition["message"] == "containers with unready status: [main]"


def test_a_condition_moves_its_time_only_when_it_changes() -> None:
    before = status(RUNNING, [], THEN)
    after = status(replace(RUNNING, ready=True), before["conditions"], NOW)
    times = {type_: condition["lastTransitionTime"] for type_, condition in conditions(after).items()}
    assert times["Ready"] == times["ContainersReady"] == "2026-01-01T12:01:00Z"
    assert times["Initialized"] == times["PodScheduled"] == "2026-01-01T12:00:00Z"


def test_how_a_container_ended_is_told_whole() -> None:
    killed = Terminated(Exit(137, 9, "Error", "oh"), THEN, NOW, "process://u/1")
    written = status(replace(STATE, state=killed, last=ended(1), restarts=2), [], NOW)
    container = written["containerStatuses"][0]
    assert container["state"] == {
        "terminated": {
            "exitCode": 137,
            "signal": 9,
            "reason": "Error",
            "message": "oh",
            "startedAt": "2026-01-01T12:00:00Z",
            "finishedAt": "2026-01-01T12:01:00Z",
            "containerID": "process://u/1",
        }
    }
    assert container["lastState"]["terminated"]["exitCode"] == 1
    assert (container["restartCount"], container["started"]) == (2, False)
    assert written["reason"] is None


def test_a_program_that_never_ran_is_the_pods_own_trouble() -> None:
    written = status(replace(STATE, state=ended(128, "CommandRequired", ran=False)), [], NOW)
    assert (written["reason"], written["message"]) == ("CommandRequired", "why")
    assert "containerID" not in written["containerStatuses"][0]["state"]["terminated"]


def test_addresses_and_times_are_written_when_there_are_any() -> None:
    assert status(RUNNING, [], NOW) | {"conditions": [], "containerStatuses": []} == {
        "phase": "Running",
        "reason": None,
        "message": None,
        "conditions": [],
        "containerStatuses": [],
        "hostIP": "127.0.0.1",
        "startTime": "2026-01-01T12:00:00Z",
        "podIP": "127.64.0.1",
        "podIPs": [{"ip": "127.64.0.1"}],
    }


def test_a_pod_without_room_is_unschedulable_and_nothing_else() -> None:
    written = status(unscheduled("no room"), [], NOW)
    assert "containerStatuses" not in written
    assert [(c["type"], c["status"], c["reason"], c["message"]) for c in written["conditions"]] == [
        ("PodScheduled", "False", "Unschedulable", "no room")
    ]
