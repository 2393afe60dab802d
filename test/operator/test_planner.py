"""Whole passes: what comes first, what goes together, and that a plan is a function of what it is made from."""

import pytest

from isoproxy.model.isolationpod import Phase
from isoproxy.operator import planner
from isoproxy.operator.actions import (
    ApplyChild,
    Assign,
    DeleteOrphan,
    End,
    EndReason,
    MakePod,
    Recall,
    RecordLost,
)
from isoproxy.operator.liveness import Verdict
from isoproxy.operator.planner import ORPHAN_SECONDS, STARVED_SECONDS
from isoproxy.operator.pool import SURPLUS_SECONDS
from isoproxy.operator.standing import Standing
from test.operator.builders import Scene, ended, made, orphans, pod, touched


def busy() -> Scene:
    """Something of everything."""
    scene = Scene(replicas=6, max_pods=40).proxy("a", queued=3, held=2).proxy("b").proxy("dead", Verdict.LOST)
    scene.stocked("a", 3)
    scene.stocked("b", 1)
    scene.stocked("dead", 2)
    scene.in_use("a", 2)
    scene.in_use("dead", 1)
    scene.warm(2)
    scene.starting(1)
    scene.recalled("b", 1)
    scene.bring(1, proxy="b", phase=Phase.RELEASED)
    scene.put("stray", pod("stray", owner="long-gone"))
    return scene


def test_the_same_is_planned_for_the_same_whatever_was_planned_before() -> None:
    scene = busy()
    observed = scene.observed()
    first = planner.plan(observed, 5.0, 0.5)
    for _ in range(3):
        planner.plan(observed, 5.0, 0.5)
        assert planner.plan(observed, 5.0, 0.5) == first
    assert observed == scene.observed()


def test_the_order_in_which_objects_are_listed_changes_nothing_but_which_of_equals_are_chosen() -> None:
    scene = busy()
    forward = planner.plan(scene.observed(), 5.0, 0.5)
    scene.records = dict(reversed(scene.records.items()))
    scene.pods = dict(reversed(scene.pods.items()))
    backward = planner.plan(scene.observed(), 5.0, 0.5)
    kinds = [type(action).__name__ for action in forward.actions]
    assert kinds == [type(action).__name__ for action in backward.actions]
    assert ended(forward) == ended(backward)


def test_no_pod_is_dealt_with_twice_in_one_plan() -> None:
    scene = busy()
    scene.plan()
    for _ in range(3):
        planned = scene.wait(SURPLUS_SECONDS).plan()
        handled = [a.record.metadata.uid for a in planned.actions if isinstance(a, Assign | Recall | RecordLost | End)]
        assert len(handled) == len(set(handled))


def test_clients_come_before_making_and_making_before_clearing_away() -> None:
    scene = busy()
    scene.plan()
    order = [type(action) for action in scene.wait(ORPHAN_SECONDS).plan().actions]
    ranks = [[ApplyChild, RecordLost, Assign, MakePod, End, DeleteOrphan].index(kind) for kind in order]
    assert ranks == sorted(ranks)
    assert set(order) == {RecordLost, Assign, MakePod, End, DeleteOrphan}


def test_every_record_has_its_standing_in_the_plan() -> None:
    scene = busy()
    entries = scene.plan().entries
    assert [entry.record for entry in entries] == list(scene.records.values())
    assert {entry.standing for entry in entries} >= {
        Standing.STARTING,
        Standing.WARM,
        Standing.STOCKED,
        Standing.RECALLED,
        Standing.IN_USE,
        Standing.LOST,
        Standing.OVER,
    }
    assert all((entry.reason is not None) == (entry.standing is Standing.OVER) for entry in entries)


def test_an_end_names_the_pod_s_uid_as_assigned_or_as_seen() -> None:
    scene = Scene(replicas=0)
    (assigned_one,) = scene.bring(1, proxy="a", phase=Phase.RELEASED)
    (seen_one,) = scene.warm(deleting=True)
    (unseen_one,) = scene.bring(1, proxy="a", phase=Phase.RELEASED)
    scene.put(unseen_one, None)
    uids = {a.record.metadata.name: a.pod_uid for a in scene.plan().actions if isinstance(a, End)}
    assert uids == {name: f"pod-{name}" for name in (assigned_one, seen_one, unseen_one)}


class TestOrphans:
    def test_a_pod_without_its_record_is_deleted_once_that_has_lasted(self) -> None:
        scene = Scene(replicas=0)
        scene.put("stray", pod("stray", owner="long-gone"))
        assert not orphans(scene.plan())
        assert not orphans(scene.wait(ORPHAN_SECONDS - 1).plan())
        assert orphans(scene.wait(1).plan()) == {"stray"}

    def test_one_that_lost_its_owner_altogether_is_too(self) -> None:
        """As after a deletion of the record that was told to leave the pod."""
        scene = Scene(replicas=0)
        scene.put("stray", pod("stray", owner=""))
        assert orphans(scene.plan_after(ORPHAN_SECONDS)) == {"stray"}

    def test_one_that_ends_already_is_left_to_end(self) -> None:
        scene = Scene(replicas=0)
        scene.put("stray", pod("stray", owner="long-gone", ending=True))
        assert not orphans(scene.plan_after(3600))

    def test_one_whose_record_turns_up_in_time_is_kept(self) -> None:
        scene = Scene(replicas=1)
        (name,) = scene.warm()
        late = scene.records.pop(name)
        scene.plan()
        scene.records[name] = late
        assert not orphans(scene.wait(ORPHAN_SECONDS).plan())
        del scene.records[name]
        assert not orphans(scene.wait(ORPHAN_SECONDS).plan())


class TestStarved:
    def test_a_pool_that_is_empty_for_a_moment_is_not(self) -> None:
        scene = Scene(replicas=1).proxy("a")
        scene.in_use("a")
        assert not scene.plan_after(STARVED_SECONDS - 1).starved
        assert scene.wait(1).plan().starved
        scene.warm()
        assert not scene.plan().starved


class TestWakeUp:
    def test_nothing_is_waited_for_where_all_is_as_wanted(self) -> None:
        scene = Scene(replicas=2).proxy("a")
        scene.stocked("a", 2)
        scene.in_use("a", 1)
        assert scene.plan_after(60).wake_after == float("inf")

    @pytest.mark.parametrize("seconds", [0.0, 1.0, 2.5])
    def test_the_next_moment_at_which_time_alone_changes_something_is_told(self, seconds: float) -> None:
        scene = Scene(replicas=0)
        scene.warm()
        scene.plan()
        assert scene.wait(seconds).plan().wake_after == SURPLUS_SECONDS - seconds
        assert ended(scene.wait(SURPLUS_SECONDS - seconds).plan())


def test_a_mass_expiry_ends_nothing_and_replaces_the_stock() -> None:
    scene = Scene(replicas=4).proxy("a", Verdict.EXPIRED).proxy("b", Verdict.EXPIRED)
    tainted = [*scene.stocked("a", 2), *scene.stocked("b", 2)]
    used = scene.in_use("a", 3)
    planned = scene.plan()
    assert made(planned) == 4
    for _ in range(10):
        assert not touched(scene.wait(300).plan()) & {*tainted, *used}


def test_a_lost_proxy_takes_its_unused_pods_with_it_and_nobody_else_s() -> None:
    scene = Scene(replicas=4).proxy("a", Verdict.LOST).proxy("b")
    doomed = scene.stocked("a", 2)
    others = [*scene.stocked("b", 2), *scene.in_use("b", 2)]
    planned = scene.plan()
    assert ended(planned) == dict.fromkeys(doomed, EndReason.PROXY_GONE)
    assert not touched(planned) & set(others)
