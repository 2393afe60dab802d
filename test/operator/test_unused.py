"""What ends or does not start is told, but nothing that a program may have said of its client."""

from dataclasses import replace

import pytest

from isoproxy.model.isolationpod import Phase
from isoproxy.model.pod import ContainerState, ContainerStatus, StateDetail
from isoproxy.operator.liveness import Verdict
from isoproxy.operator.standing import LOSS_SECONDS, RELEASE_SECONDS, UNHELD_SECONDS
from isoproxy.operator.troubles import troubles
from test.operator.builders import EPOCH, Scene, pod

LAST_WORDS = "bye, alice@example.org"
A_MOMENT = UNHELD_SECONDS + 0.1


def end(scene: Scene, name: str) -> None:
    """Let a program end, and say something in doing so."""
    state = ContainerState(terminated=StateDetail(reason="Error", message=LAST_WORDS, exit_code=1))
    ended = pod(name, phase="Failed", ready=False)
    status = replace(ended.status, container_statuses=(ContainerStatus(state=state),))
    scene.put(name, replace(ended, status=status))


def told(scene: Scene) -> list[str]:
    planned = scene.plan()
    return [trouble.message for trouble in troubles(scene.observed(), planned.entries, EPOCH)]


def test_what_a_program_says_that_ends_before_a_proxy_has_it_is_told() -> None:
    scene = Scene(replicas=1)
    (name,) = scene.starting()
    end(scene, name)
    assert told(scene) == [f"pods do not start: Error: {LAST_WORDS} (exit code 1)"]


def test_a_pod_that_ends_while_its_proxy_may_have_its_record_to_write_is_no_trouble() -> None:
    scene = Scene(replicas=1).proxy("a")
    (name,) = scene.stocked("a")
    end(scene, name)
    for _ in range(2):
        assert told(scene) == []
        scene.wait(A_MOMENT)
    scene.phase(name, Phase.RELEASED)
    for _ in range(2):
        assert told(scene) == []
        scene.wait(RELEASE_SECONDS)


@pytest.mark.parametrize("phase", [Phase.IDLE, Phase.RETURNED])
def test_one_that_ended_unused_at_a_proxy_is_told_without_its_words(phase: Phase) -> None:
    scene = Scene(replicas=1).proxy("a")
    (name,) = scene.stocked("a")
    end(scene, name)
    scene.phase(name, phase)
    planned = scene.plan_after(RELEASE_SECONDS)
    assert planned.pacing.failures == 1
    assert planned.pacing.trouble == "Error (exit code 1)"
    assert told(scene) == ["pods do not start: Error (exit code 1)"]


def test_one_that_ended_at_a_proxy_that_is_silent_may_have_been_used() -> None:
    scene = Scene(replicas=1).proxy("a", Verdict.EXPIRED)
    (name,) = scene.stocked("a")
    end(scene, name)
    planned = scene.plan_after(RELEASE_SECONDS)
    assert planned.pacing.failures == 0
    found = troubles(scene.observed(), planned.entries, EPOCH)
    assert [trouble.reason for trouble in found] == ["ProxyLost"]


def test_one_that_ended_in_use_is_no_trouble_however_late_its_end_is_written() -> None:
    scene = Scene(replicas=1).proxy("a")
    (name,) = scene.in_use("a")
    end(scene, name)
    for _ in range(2):
        assert told(scene) == []
        scene.wait(LOSS_SECONDS)
