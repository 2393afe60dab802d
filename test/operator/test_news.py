"""What is told of a service, pass by pass."""

from collections.abc import Callable

import pytest

from isoproxy.model.event import EventType
from isoproxy.model.pod import Condition
from isoproxy.observe.outcomes import Outcome
from isoproxy.operator.liveness import Verdict
from isoproxy.operator.news import RECOVERED, Told, news, of_end
from isoproxy.operator.troubles import Trouble, troubles
from test.operator.builders import EPOCH, Scene, pod

EXHAUSTED = Trouble("PoolExhausted", "3 connections wait", gist="connections wait")
FAILING = Trouble("PodsFailing", "pods do not start: ErrImagePull: no such image", cause="ErrImagePull")


def degraded(*of: Trouble) -> list[Condition]:
    """What the object shows of these."""
    message = "; ".join(trouble.message for trouble in of)
    return [
        Condition(type="Ready", status="True", reason="PoolReady"),
        Condition(type="Degraded", status="True" if of else "False", reason="Any", message=message),
    ]


def told(*passes: list[Trouble]) -> list[list[str]]:
    """The reasons told in each pass of an operator that begins with a service that shows nothing."""
    before: Told | None = None
    found = []
    for one in passes:
        made, before = news(one, before, degraded())
        found.append([item.reason for item in made])
    return found


def test_what_is_wrong_is_told_once_while_it_lasts() -> None:
    assert told([FAILING], [FAILING], [FAILING]) == [["PodsFailing"], [], []]


def test_what_comes_to_it_is_told_and_what_was_there_is_not() -> None:
    assert told([FAILING], [FAILING, EXHAUSTED], [EXHAUSTED]) == [["PodsFailing"], ["PoolExhausted"], []]


def test_the_end_of_all_trouble_is_told_once() -> None:
    assert told([FAILING, EXHAUSTED], [EXHAUSTED], [], []) == [["PodsFailing", "PoolExhausted"], [], ["Recovered"], []]


def test_nothing_wrong_is_nothing_to_tell() -> None:
    assert told([], [], []) == [[], [], []]


def test_trouble_that_comes_back_is_told_again() -> None:
    assert told([EXHAUSTED], [], [EXHAUSTED]) == [["PoolExhausted"], ["Recovered"], ["PoolExhausted"]]


def test_another_cause_is_another_fact_and_another_number_is_not() -> None:
    other = Trouble("PodsFailing", "pods do not start: StartError", cause="StartError")
    more = Trouble("PoolExhausted", "9 connections wait", gist="connections wait")
    assert told([FAILING, EXHAUSTED], [other, more]) == [["PodsFailing", "PoolExhausted"], ["PodsFailing"]]


def test_a_warning_says_what_does_not_change_all_the_time() -> None:
    [failing, exhausted], _ = news([FAILING, EXHAUSTED], None, ())
    assert (failing.type, failing.note) == (EventType.WARNING, FAILING.message)
    assert exhausted.note == "connections wait"
    assert RECOVERED.type is EventType.NORMAL


def test_a_restarted_operator_does_not_tell_what_the_object_says_already() -> None:
    shown = degraded(FAILING, Trouble("PoolExhausted", "8 connections wait"))
    found, after = news([FAILING, EXHAUSTED], None, shown)
    assert found == ()
    [late], _ = news([FAILING, EXHAUSTED, Trouble("ProxyLost", "p", cause="p")], after, shown)
    assert late.reason == "ProxyLost"


def test_a_restarted_operator_that_has_not_seen_the_trouble_yet_does_not_tell_its_end() -> None:
    assert news([], None, degraded(FAILING)) == ((), frozenset())


@pytest.mark.parametrize(
    ("outcome", "limit"),
    [(Outcome.IDLE_TIMEOUT, "session.idleTimeoutSeconds"), (Outcome.MAX_DURATION, "session.maxDurationSeconds")],
)
def test_a_connection_that_a_limit_ended_is_no_trouble_and_told(outcome: Outcome, limit: str) -> None:
    found = of_end(outcome.value)
    assert found is not None
    assert (found.type, found.reason) == (EventType.NORMAL, "SessionLimit")
    assert found.note == f"a connection was ended by {limit}"


def test_connections_that_ended_otherwise_are_not_told() -> None:
    ends = {outcome.value for outcome in Outcome} | {""}
    assert {end for end in ends if of_end(end) is not None} == {"idle_timeout", "max_duration"}


def failing(scene: Scene) -> None:
    [name] = scene.starting()
    scene.put(name, pod(name, ready=False, phase="Pending", trouble="ErrImagePull"))


def exhausted(scene: Scene) -> None:
    scene.proxy("a-1", queued=2)
    scene.in_use("a-1", 3)


def lost(scene: Scene) -> None:
    scene.proxy("a-1", Verdict.EXPIRED).proxy("b-1", Verdict.EXPIRED).proxy("c-1").warm(3)


def deaf(scene: Scene) -> None:
    scene.proxy("a-1", listen_error="the port is taken").warm(3)


@pytest.mark.parametrize(
    ("situation", "notes"),
    [
        (failing, {"PodsFailing": ["pods do not start: ErrImagePull"]}),
        (exhausted, {"PoolExhausted": ["connections wait and maxPods is reached"]}),
        (lost, {"ProxyLost": ["proxy a-1 is not heard of", "proxy b-1 is not heard of"]}),
        (deaf, {"ListenFailed": ["the port is taken"]}),
        (lambda scene: None, {}),
    ],
)
def test_what_is_wrong_in_a_pass_is_told_with_its_reason(
    situation: Callable[[Scene], None], notes: dict[str, list[str]]
) -> None:
    scene = Scene(replicas=0, max_pods=3)
    situation(scene)
    found, _ = news(troubles(scene.observed(), scene.plan().entries, EPOCH), None, ())
    by_reason: dict[str, list[str]] = {}
    for one in found:
        by_reason.setdefault(one.reason, []).append(one.note)
    assert by_reason == notes
