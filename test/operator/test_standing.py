"""What may be done to a pod, by what is known of it: ended, asked back, recorded as lost, or left alone."""

from collections.abc import Callable

import pytest

from isoproxy.model.isolationpod import Phase
from isoproxy.operator.actions import EndReason
from isoproxy.operator.liveness import Verdict
from isoproxy.operator.standing import BARE_SECONDS, LOSS_SECONDS, RELEASE_SECONDS, UNHELD_SECONDS
from test.operator.builders import Scene, ended, lost, made, pod, recalled, record, touched

LONG = 3600.0

# Everything that can be known of a connection's own pod, proxy and service while the connection lasts.
WHILE_IN_USE: dict[str, Callable[[Scene, str], object]] = {
    "the service is scaled to nothing": lambda scene, name: scene.respec(replicas=0),
    "the template has changed": lambda scene, name: scene.respec(image="chess:2"),
    "the port has changed": lambda scene, name: scene.respec(port=9999),
    "maxPods is less than what exists": lambda scene, name: scene.respec(replicas=1, max_pods=1),
    "its pod is not Ready any more": lambda scene, name: scene.put(name, pod(name, ready=False)),
    "its pod was told to end and takes its time": lambda scene, name: scene.put(
        name, pod(name, ending=True, grace=3600)
    ),
    "its pod was told to end and its proxy is not heard of": lambda scene, name: scene.put(
        name, pod(name, ending=True, grace=3600)
    ).proxy("a", Verdict.EXPIRED),
    "its proxy is draining": lambda scene, name: scene.proxy("a", draining=True),
    "its proxy cannot listen": lambda scene, name: scene.proxy("a", listen_error="no"),
    "its proxy holds less than it was given": lambda scene, name: scene.proxy("a", held=0),
    "its proxy's Lease has expired": lambda scene, name: scene.proxy("a", Verdict.EXPIRED),
    "its proxy's Lease is not seen": lambda scene, name: scene.proxy("a", lease=False),
    "nothing at all is known of its proxy": lambda scene, name: scene._proxies.clear(),
    "it was asked back before it was claimed": lambda scene, name: scene.add(
        record(name, proxy="a", phase=Phase.IN_USE, recalled=True), scene.pods[name]
    ),
    "its record is being deleted": lambda scene, name: scene.add(
        record(name, proxy="a", phase=Phase.IN_USE, deleting=True), scene.pods[name]
    ),
    "others starve at maxPods": lambda scene, name: scene.respec(max_pods=3).proxy("b", queued=50),
}


@pytest.mark.parametrize("known", WHILE_IN_USE.values(), ids=WHILE_IN_USE.keys())
def test_a_pod_in_use_is_left_alone_when(known: Callable[[Scene, str], object]) -> None:
    scene = Scene(replicas=2).proxy("a")
    scene.stocked("a", 2)
    (name,) = scene.in_use("a")
    known(scene, name)
    for _ in range(20):
        assert name not in touched(scene.wait(30).plan())


@pytest.mark.parametrize("verdict", [Verdict.LOST, Verdict.ENDED])
def test_a_connection_of_a_proxy_that_is_no_more_is_recorded_first_and_its_pod_ended_then(verdict: Verdict) -> None:
    scene = Scene(replicas=0).proxy("a", verdict)
    (name,) = scene.in_use("a")
    planned = scene.plan()
    assert lost(planned) == {name}
    assert name not in ended(planned)
    assert ended(scene.phase(name, Phase.RELEASED).plan()) == {name: EndReason.RELEASED}


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_program_that_ends_with_its_proxy_does_not_take_the_record_of_its_connection_along(phase: str) -> None:
    """A dying proxy's connections break, and their programs end, long before the proxy is known to be dead."""
    scene = Scene(replicas=0).proxy("a")
    (name,) = scene.in_use("a")
    scene.put(name, pod(name, phase=phase, ready=False))
    assert not touched(scene.plan())
    assert not touched(scene.wait(40).plan())
    scene.proxy("a", Verdict.EXPIRED)
    assert lost(scene.plan()) == {name}


def test_a_pod_that_ended_in_use_is_ended_when_its_living_proxy_does_not_write_the_release() -> None:
    scene = Scene(replicas=0).proxy("a")
    (name,) = scene.in_use("a")
    scene.put(name, pod(name, phase="Succeeded", ready=False)).plan()
    assert not touched(scene.wait(LOSS_SECONDS - 1).plan())
    assert ended(scene.wait(1).plan()) == {name: EndReason.POD_ENDED}


def test_the_connection_of_a_pod_whose_address_has_changed_is_over_and_its_proxy_has_time_to_write_so() -> None:
    scene = Scene(replicas=0).proxy("a")
    (name,) = scene.in_use("a")
    scene.put(name, pod(name, ip="10.0.0.2")).plan()
    assert not touched(scene.wait(LOSS_SECONDS - 1).plan())
    assert ended(scene.wait(1).plan()) == {name: EndReason.POD_ENDED}


def test_the_absence_of_a_pod_in_use_is_no_proof_that_an_expired_proxy_lost_it() -> None:
    scene = Scene(replicas=0).proxy("a", Verdict.EXPIRED)
    (name,) = scene.in_use("a")
    scene.put(name, None).plan()
    assert not touched(scene.wait(RELEASE_SECONDS).plan())
    assert ended(scene.wait(LOSS_SECONDS).plan()) == {name: EndReason.POD_ABSENT}


@pytest.mark.parametrize(
    ("phase", "reason"), [(Phase.RELEASED, EndReason.RELEASED), (Phase.RETURNED, EndReason.RETURNED)]
)
@pytest.mark.parametrize("verdict", list(Verdict))
def test_what_its_proxy_has_done_with_is_ended_at_once(phase: Phase, reason: EndReason, verdict: Verdict) -> None:
    scene = Scene(replicas=0).proxy("a", verdict)
    (name,) = scene.stocked("a", phase=phase)
    assert ended(scene.plan()) == {name: reason}


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (Verdict.ALIVE, None),
        (Verdict.EXPIRED, None),
        (Verdict.LOST, EndReason.PROXY_GONE),
        (Verdict.ENDED, EndReason.PROXY_GONE),
    ],
)
def test_an_assigned_pod_is_ended_only_when_its_proxy_is_gone(verdict: Verdict, reason: EndReason | None) -> None:
    scene = Scene(replicas=1).proxy("a", verdict)
    (name,) = scene.stocked("a")
    for _ in range(20):
        assert ended(scene.wait(30).plan()).get(name) is reason


def test_a_tainted_pod_is_no_supply_and_supply_again_when_its_proxy_is_heard_of() -> None:
    scene = Scene(replicas=2).proxy("a", Verdict.EXPIRED)
    scene.stocked("a", 2)
    assert made(scene.plan()) == 2
    assert made(scene.proxy("a").plan()) == 0


def test_a_tainted_pod_that_ended_is_ended() -> None:
    scene = Scene(replicas=1).proxy("a", Verdict.EXPIRED)
    (name,) = scene.stocked("a")
    scene.put(name, pod(name, phase="Failed", ready=False)).plan()
    assert ended(scene.wait(RELEASE_SECONDS).plan()) == {name: EndReason.POD_ENDED}


OVER = {
    "failed": {"phase": "Failed"},
    "finished": {"phase": "Succeeded"},
    "restarted": {"restarts": 1},
    "deleted": {"ending": True},
}

MOVED: dict[str, dict[str, object]] = {"given another address": {"ip": "10.0.0.2"}}
"""The end of a pod of which a proxy was told its address."""


@pytest.mark.parametrize("state", OVER.values(), ids=OVER.keys())
def test_an_unassigned_pod_whose_one_life_is_over_is_ended_at_once(state: dict[str, object]) -> None:
    scene = Scene(replicas=1)
    (name,) = scene.warm()
    scene.put(name, pod(name, **state))  # type: ignore[arg-type]  # a table of keyword arguments
    assert ended(scene.plan()) == {name: EndReason.POD_ENDED}


@pytest.mark.parametrize("state", (OVER | MOVED).values(), ids=(OVER | MOVED).keys())
def test_an_assigned_pod_whose_one_life_is_over_is_asked_back_first_and_ended_then(state: dict[str, object]) -> None:
    """Its proxy may have just claimed it, and is about to write what became of the connection."""
    scene = Scene(replicas=1).proxy("a")
    (name,) = scene.stocked("a")
    scene.put(name, pod(name, **state)).plan()  # type: ignore[arg-type]  # a table of keyword arguments
    planned = scene.wait(UNHELD_SECONDS).plan()
    assert recalled(planned) == {name}
    assert not ended(planned)
    assert made(planned) == 1
    assert ended(scene.wait(RELEASE_SECONDS).plan()) == {name: EndReason.POD_ENDED}


def test_an_assigned_pod_that_is_not_ready_any_more_is_asked_back_and_replaced() -> None:
    scene = Scene(replicas=1).proxy("a")
    (name,) = scene.stocked("a")
    scene.put(name, pod(name, ready=False))
    assert not touched(scene.plan())
    planned = scene.wait(UNHELD_SECONDS).plan()
    assert recalled(planned) == {name}
    assert made(planned) == 1
    assert not ended(scene.wait(LONG).plan())


def test_an_assigned_pod_that_shows_no_address_has_not_changed_it() -> None:
    scene = Scene(replicas=1).proxy("a")
    (name,) = scene.stocked("a")
    scene.put(name, pod(name, ip="")).plan()
    assert recalled(scene.wait(UNHELD_SECONDS).plan()) == {name}
    assert not ended(scene.wait(LONG).plan())


def test_an_unassigned_pod_whose_address_changes_before_anybody_is_told_of_it_is_as_good_as_before() -> None:
    scene = Scene(replicas=1)
    (name,) = scene.warm()
    scene.put(name, pod(name, ip="10.0.0.2"))
    assert not touched(scene.plan())


def test_an_assigned_pod_that_vanished_is_asked_back_at_once_for_its_address_may_be_another_s_now() -> None:
    scene = Scene(replicas=1).proxy("a")
    (name,) = scene.stocked("a")
    scene.put(name, None).plan()
    planned = scene.wait(UNHELD_SECONDS).plan()
    assert recalled(planned) == {name}
    assert not ended(planned)
    assert ended(scene.wait(RELEASE_SECONDS).plan()) == {name: EndReason.POD_ABSENT}


def test_a_pod_under_the_name_that_was_assigned_but_with_another_uid_is_not_the_one() -> None:
    scene = Scene(replicas=1).proxy("a")
    (name,) = scene.stocked("a")
    scene.put(name, pod(name, uid="another")).plan()
    assert recalled(scene.wait(UNHELD_SECONDS).plan()) == {name}
    assert ended(scene.wait(RELEASE_SECONDS).plan()) == {name: EndReason.POD_ABSENT}


def test_a_pod_that_is_owned_by_another_record_of_the_same_name_is_never_assigned() -> None:
    scene = Scene(replicas=1).proxy("a")
    scene.add(record("p", template=scene.template), pod("p", owner="an-older-record"))
    assert not any(touched(scene.plan()) for _ in range(3))
    assert ended(scene.wait(BARE_SECONDS).plan()) == {"p": EndReason.POD_ABSENT}


def test_a_record_without_its_pod_is_given_time_to_be_completed_and_ended_then() -> None:
    scene = Scene(replicas=1)
    scene.add(record("p", template=scene.template), None)
    planned = scene.plan()
    assert made(planned) == 0
    assert not ended(scene.wait(BARE_SECONDS - 1).plan())
    assert ended(scene.wait(1).plan()) == {"p": EndReason.POD_ABSENT}


def test_a_record_whose_pod_came_in_time_is_not_ended_when_it_starts_slowly() -> None:
    scene = Scene(replicas=1)
    scene.add(record("p", template=scene.template), None)
    scene.plan()
    scene.put("p", pod("p", ready=False))
    assert not ended(scene.wait(BARE_SECONDS).plan())
    assert not ended(scene.wait(LONG).plan())


def test_a_record_that_is_being_deleted_is_neither_supply_nor_assigned() -> None:
    """Deletion in the foreground leaves it there for a while."""
    scene = Scene(replicas=1).proxy("a")
    (free,) = scene.warm(deleting=True)
    (held,) = scene.stocked("a", deleting=True)
    planned = scene.plan()
    assert made(planned) == 1
    assert ended(planned) == {free: EndReason.SURPLUS}
    assert held not in touched(planned)  # its proxy sees the same, and returns it
