"""What is written about a pod, by what happened to it and how far its record has got."""

from datetime import UTC, datetime

import pytest

from isoproxy.model.isolationpod import IsolationPod, Phase
from isoproxy.model.parsing import parse
from isoproxy.observe.outcomes import Outcome
from isoproxy.proxy.backend import Backend
from isoproxy.proxy.recording import Story, further, next_patch
from test.proxy.operator import INSTANCE, assigned

STARTED = datetime(2026, 11, 2, 10, 0, 0, 123456, tzinfo=UTC)
ENDED = datetime(2026, 11, 2, 10, 0, 7, tzinfo=UTC)


def record(phase: Phase, *, uid: str = "") -> IsolationPod:
    item = assigned("a", uid=uid)
    item["status"]["phase"] = phase.value
    return parse(IsolationPod, item)


POD = Backend.of(record(Phase.IDLE))


@pytest.mark.parametrize(
    ("wanted", "found", "written"),
    [
        (Phase.IDLE, Phase.IDLE, False),
        (Phase.IN_USE, Phase.IDLE, True),
        (Phase.IN_USE, Phase.IN_USE, False),
        (Phase.IN_USE, Phase.RELEASED, False),
        (Phase.IN_USE, Phase.RETURNED, False),
        (Phase.RELEASED, Phase.IDLE, True),
        (Phase.RELEASED, Phase.IN_USE, True),
        (Phase.RELEASED, Phase.RELEASED, False),
        (Phase.RELEASED, Phase.RETURNED, False),
        (Phase.RETURNED, Phase.IDLE, True),
        (Phase.RETURNED, Phase.IN_USE, False),
        (Phase.RETURNED, Phase.RELEASED, False),
        (Phase.RETURNED, Phase.RETURNED, False),
    ],
)
def test_records_only_move_forward_and_final_is_final(wanted: Phase, found: Phase, written: bool) -> None:
    patch = next_patch(Story(POD, wanted), record(found), INSTANCE)
    assert (patch is not None) == written
    if patch is not None:
        assert patch["status"]["phase"] == wanted.value
        assert patch["metadata"] == {"resourceVersion": "1"}


def test_another_object_of_the_same_name_is_not_written_to() -> None:
    assert next_patch(Story(POD, Phase.RETURNED), record(Phase.IDLE, uid="other"), INSTANCE) is None


def test_a_use_is_told_with_its_client() -> None:
    story = Story(POD, Phase.IN_USE, client="192.0.2.7:40312", started=STARTED)
    patch = next_patch(story, record(Phase.IDLE), INSTANCE)
    assert patch is not None
    assert patch["status"] == {
        "phase": "InUse",
        "inUse": True,
        "proxy": INSTANCE,
        "client": "192.0.2.7:40312",
        "connectionStartTime": "2026-11-02T10:00:00.123Z",
    }


def test_a_release_tells_the_whole_story_since_it_may_be_the_only_write() -> None:
    story = Story(POD, Phase.RELEASED, "c" * 99, STARTED, ENDED, Outcome.BACKEND_RESET)
    patch = next_patch(story, record(Phase.IDLE), INSTANCE)
    assert patch is not None
    assert patch["status"] == {
        "phase": "Released",
        "inUse": False,
        "proxy": INSTANCE,
        "client": "c" * 64,
        "connectionStartTime": "2026-11-02T10:00:00.123Z",
        "lastUsedTime": "2026-11-02T10:00:07.000Z",
        "outcome": "backend_reset",
    }


def test_a_return_names_no_client() -> None:
    patch = next_patch(Story(POD, Phase.RETURNED), record(Phase.IDLE), INSTANCE)
    assert patch is not None
    assert patch["status"] == {"phase": "Returned", "inUse": False, "proxy": INSTANCE}


def test_of_two_views_the_one_that_got_further_counts() -> None:
    idle, used = record(Phase.IDLE), record(Phase.IN_USE)
    assert further(idle, used) is used
    assert further(used, idle) is used
    assert further(None, idle) is idle
    assert further(idle, None) is idle
    assert further(None, None) is None
    newer = record(Phase.IDLE)
    assert further(newer, idle) is newer  # the watch's, which is the first
