"""When pods are made again that the API server failed to make."""

from datetime import UTC, datetime

import pytest

from isoproxy.kube.errors import ApiError, NotSent, ServerError, UnknownOutcome
from isoproxy.model.dedicatedservice import DedicatedServiceStatus
from isoproxy.operator import status
from isoproxy.operator.backoff import MOST_BACKOFF, MOST_BACKOFF_UNREACHED
from isoproxy.operator.setbacks import Setbacks
from test.operator.builders import Scene, made

BROKEN = ServerError(500, message="failed calling webhook")


def after(
    known: Setbacks, *failures: Exception, now: float = 0.0, taken: bool = False, jitter: float = 0.999
) -> Setbacks:
    return known.after(failures, now, lambda: jitter, taken=taken)


@pytest.mark.parametrize(
    ("error", "most"),
    [
        (BROKEN, MOST_BACKOFF),
        (ApiError(429), MOST_BACKOFF),
        (NotSent("no route"), MOST_BACKOFF_UNREACHED),
        (UnknownOutcome("no reply"), MOST_BACKOFF_UNREACHED),
    ],
)
def test_each_in_a_row_is_waited_for_longer_up_to_a_bound(error: Exception, most: float) -> None:
    known, now, delays = Setbacks(), 1000.0, []
    for _ in range(15):
        known = after(known, error, now=now)
        delays.append(round(known.left(now), 6))
        now = known.until
    assert delays == sorted(delays)
    assert delays[0] < 0.11
    assert most * 0.9 < delays[-1] <= most


def test_those_of_one_batch_count_as_one() -> None:
    once = after(Setbacks(), BROKEN, BROKEN, now=10.0)
    assert once.count == 1
    assert after(once, BROKEN, now=10.01) == after(once, now=10.01, taken=True) == once


def test_one_that_is_taken_ends_it_and_beside_others_that_fail_it_does_not() -> None:
    known = after(after(Setbacks(), BROKEN), BROKEN, now=1.0)
    assert after(known, BROKEN, now=2.0, taken=True).count == 3
    assert after(known, now=2.0) == known
    assert after(known, now=2.0, taken=True) == Setbacks()


def test_while_none_is_to_be_made_all_else_is_done_and_the_pool_is_not_said_to_be_full() -> None:
    scene = Scene(replicas=4).proxy("a")
    scene.warm(2)
    scene.paused = True
    planned = scene.plan()
    assert made(planned) == 0
    assert len(planned.actions) == 2
    assert planned.lacks
    conditions = status.status(scene.observed(), planned, DedicatedServiceStatus(), datetime.now(UTC)).conditions
    [progressing] = [condition for condition in conditions if condition.type == "Progressing"]
    assert progressing.reason == "PoolFilling"
