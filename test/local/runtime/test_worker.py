"""One pod's life, told as flat scripts: a runtime in which nothing runs, an API server in memory, a clock."""

from collections.abc import Iterator

import pytest

from isoproxy.kube.errors import Forbidden, NotSent
from isoproxy.kube.resources import PODS, Json
from isoproxy.local.runtime.facts import CannotRun
from test.faults import Fault
from test.local.runtime.stage import SERVER, Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.agent.stop()


def test_three_writes_bring_a_pod_that_listens_soon_up_and_away(stage: Stage) -> None:
    stage.add()
    stage.pass_time(0.09)
    stage.runtime.listening["pod"]()
    stage.pass_time(0.01)
    assert stage.is_ready()
    stage.delete()
    stage.runtime.end("pod", 143)
    stage.pass_time(0.0)
    assert not stage.user.has_pod("pod")
    writes = [(verb, name) for verb, plural, name in stage.api.requests if plural == "pods" and verb != "list"]
    assert writes == [("create", "pod"), ("patch", "pod"), ("delete", "pod")]  # a binding is created


def test_a_crash_loop_is_waited_out_longer_each_time(stage: Stage) -> None:
    stage.add(restartPolicy="OnFailure")
    starts = []
    for wait in (0.0, 10.0, 20.0, 40.0):
        stage.runtime.end("pod", code=1)
        stage.pass_time(max(0.0, wait - 0.1))
        if wait:
            assert stage.running == set()
            assert stage.container()["state"]["waiting"]["reason"] == "CrashLoopBackOff"
            assert f"back-off {wait:g}s" in stage.container()["state"]["waiting"]["message"]
        stage.pass_time(0.1)
        starts.append(stage.running)
    stage.pass_time(1.0)
    assert starts == [{"pod"}] * 4
    assert stage.container()["restartCount"] == 4
    assert stage.container()["lastState"]["terminated"]["exitCode"] == 1
    assert stage.phase() == "Running"


def test_a_success_is_the_end_for_on_failure_and_not_for_always(stage: Stage) -> None:
    for name, policy in (("a", "OnFailure"), ("b", "Always")):
        stage.add(name, restartPolicy=policy)
        stage.runtime.end(name)
    stage.pass_time(0.2)
    assert stage.phase("a") == "Succeeded"
    assert stage.running == {"b"}


def test_a_pod_deleted_in_its_back_off_goes_at_once(stage: Stage) -> None:
    stage.add(restartPolicy="Always")
    for _ in range(2):
        stage.runtime.end("pod", code=1)
        stage.pass_time(0.1)
    stage.delete()
    assert not stage.user.has_pod("pod")
    stage.pass_time(1000.0)
    assert stage.running == set()


def test_a_lost_pod_that_may_not_restart_has_failed(stage: Stage) -> None:
    stage.add()
    stage.runtime.end("pod", 137, "ContainerStatusUnknown")
    stage.pass_time(0.1)
    assert stage.phase() == "Failed"
    assert stage.container()["state"]["terminated"]["reason"] == "ContainerStatusUnknown"


def test_a_deletion_gives_its_grace_and_a_second_one_may_shorten_it(stage: Stage) -> None:
    stage.add(terminationGracePeriodSeconds=60)
    stage.calls()
    stage.delete(grace=30)
    stage.delete(grace=2)
    assert stage.calls("terminate") == [("terminate", "pod", 30.0), ("terminate", "pod", 2.0)]
    assert stage.user.has_pod("pod")
    stage.runtime.end("pod", 143)
    stage.pass_time(0.0)
    assert not stage.user.has_pod("pod")
    assert stage.calls("finish", "forget") == [("finish", "pod"), ("forget", "pod")]


def test_a_pod_whose_object_vanished_gets_the_grace_of_its_spec(stage: Stage) -> None:
    stage.add(terminationGracePeriodSeconds=7)
    stage.calls()
    stage.delete(grace=0)
    assert stage.calls("terminate", "forget") == [("terminate", "pod", 7.0)]
    stage.runtime.end("pod", 143)
    assert stage.calls("forget") == [("forget", "pod")]


def test_the_output_of_a_pod_that_ended_stays_until_its_object_goes(stage: Stage) -> None:
    stage.add()
    stage.runtime.end("pod")
    assert stage.calls("finish", "forget") == [("finish", "pod")]
    stage.delete(grace=0)
    assert stage.calls("finish", "forget") == [("forget", "pod")]


def test_a_deletion_is_asked_for_until_it_is_answered(stage: Stage) -> None:
    stage.add()
    stage.delete()
    stage.api.faults.order(Fault(NotSent("away")), "delete", times=3)
    stage.runtime.end("pod", 143)
    assert stage.user.has_pod("pod")
    for _ in range(4):
        stage.pass_time(1.0)
    assert not stage.user.has_pod("pod")
    assert stage.calls("forget") == [("forget", "pod")]


def test_a_deletion_that_is_refused_harms_nobody(stage: Stage) -> None:
    stage.add()
    stage.delete()
    stage.fail(Forbidden(403), verb="delete")
    stage.runtime.end("pod", 143)
    stage.pass_time(100.0)
    assert stage.user.has_pod("pod")
    stage.add("another")
    assert stage.running == {"another"}


def test_a_binding_that_is_refused_fails_the_pod_and_says_so(stage: Stage) -> None:
    stage.fail(Forbidden(403, message="no"), verb="create")
    stage.add()
    stage.pass_time(0.1)
    assert stage.user.pod("pod")["status"]["reason"] == "BindingRefused"


@pytest.mark.parametrize(
    ("error", "reason"),
    [(CannotRun("NoAddress", "none left"), "NoAddress"), (ZeroDivisionError("oh"), "InternalError")],
)
def test_whatever_keeps_a_pod_from_starting_is_its_end(stage: Stage, error: Exception, reason: str) -> None:
    stage.runtime.refusal = error
    stage.add()
    stage.pass_time(0.1)
    assert stage.phase() == "Failed"
    assert stage.container()["state"]["terminated"]["reason"] == reason
    stage.runtime.refusal = None
    stage.add("another")
    assert stage.running == {"another"}


def test_a_pod_that_must_not_run_is_killed_and_the_reason_told(stage: Stage) -> None:
    stage.add()
    stage.calls()
    stage.runtime.refused["pod"](CannotRun("PortShared", "others listen there"))
    assert stage.calls("terminate") == [("terminate", "pod", 0.0)]
    stage.runtime.end("pod", 137)
    stage.pass_time(0.1)
    assert stage.container()["state"]["terminated"]["reason"] == "PortShared"


@pytest.mark.parametrize(
    ("was_ready", "code", "message"), [(False, 1, "port taken"), (False, 0, None), (True, 1, None)]
)
def test_a_program_that_could_not_listen_is_explained(
    stage: Stage, was_ready: bool, code: int, message: str | None
) -> None:
    stage.runtime.obstacles[8080] = "port taken"
    stage.add()
    stage.pass_time(0.0)
    if was_ready:
        stage.runtime.listening["pod"]()
    stage.runtime.end("pod", code)
    stage.pass_time(0.1)
    assert stage.container()["state"]["terminated"].get("message") == message


def test_a_thousand_pods_that_fail_in_turn_fail_one_by_one() -> None:
    stage = Stage(starting=1)
    stage.add("first")
    stage.runtime.refusal = CannotRun("NoAddress", "none left")
    for number in range(1000):
        stage.user.add_pod(f"pod-{number}", SERVER)
    stage.runtime.end("first")
    for _ in range(1001):
        stage.pass_time(0.0)
    assert {stage.phase(f"pod-{number}") for number in range(1000)} == {"Failed"}
    stage.agent.stop()


def test_running_and_ready_are_written_together_if_one_follows_the_other(stage: Stage) -> None:
    stage.add()
    stage.pass_time(0.05)
    stage.runtime.listening["pod"]()
    stage.pass_time(0.0)
    assert [status["containerStatuses"][0]["ready"] for status in stage.statuses()] == [True]


def test_a_pod_that_is_slow_to_listen_is_shown_running_first(stage: Stage) -> None:
    stage.add()
    stage.pass_time(0.2)
    stage.runtime.listening["pod"]()
    stage.pass_time(0.0)
    assert [status["containerStatuses"][0]["ready"] for status in stage.statuses()] == [False, True]


def test_a_cluster_that_took_the_node_for_dead_is_told_again_that_a_pod_is_ready(stage: Stage) -> None:
    stage.add()
    stage.runtime.listening["pod"]()
    stage.pass_time(0.0)
    for _ in range(2):  # however often
        unready: Json = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
        stage.user.patch(PODS, "pod", unready, subresource="status")
        stage.pass_time(0.0)
        stage.pass_time(2.0)
        assert stage.is_ready()
    assert len(stage.statuses()) == 3


def test_what_the_watch_shows_late_is_no_contradiction(stage: Stage) -> None:
    stage.add()
    stage.api.hold_watches()
    stage.user.patch(PODS, "pod", {"metadata": {"labels": {"touched": "while-it-starts"}}})
    stage.runtime.listening["pod"]()
    stage.pass_time(0.0)
    assert stage.is_ready()
    stage.api.resume_watches()
    stage.pass_time(10.0)
    assert len(stage.statuses()) == 1


def test_pods_start_in_turn_each_when_one_before_it_is_ready_or_slow() -> None:
    stage = Stage(starting=2)
    for name in "abcd":
        stage.add(name)
    assert stage.running == {"a", "b"}
    stage.runtime.listening["b"]()
    stage.pass_time(0.0)
    assert stage.running == {"a", "b", "c"}
    stage.pass_time(5.0)
    assert stage.running == {"a", "b", "c", "d"}
    stage.pass_time(1.0)
    stage.agent.stop()


def test_a_pod_that_ends_or_goes_makes_way_for_the_next() -> None:
    stage = Stage(starting=1)
    for name in "abcd":
        stage.add(name)
    stage.runtime.end("a", 1)
    stage.pass_time(0.0)
    assert stage.running == {"b"}
    stage.delete("c")  # while it waits for its turn
    stage.delete("b")
    stage.runtime.end("b", 143)
    stage.pass_time(0.0)
    assert stage.running == {"d"}
    stage.agent.stop()
