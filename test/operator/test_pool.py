"""Supply against demand: what is made, how much of it at once, and who goes first on the way down."""

import pytest

from isoproxy.model.isolationpod import Phase
from isoproxy.operator.actions import EndReason
from isoproxy.operator.liveness import Verdict
from isoproxy.operator.pacing import FIRST_WINDOW
from isoproxy.operator.pool import OVERDUE_SECONDS, SURPLUS_SECONDS
from test.operator.builders import NAMESPACE, Scene, assigned, ended, made, pod, recalled, record, touched


class TestUp:
    @pytest.mark.parametrize("replicas", [0, 1, 5])
    def test_an_empty_pool_is_filled_to_its_base(self, replicas: int) -> None:
        assert made(Scene(replicas=replicas).plan()) == replicas

    def test_the_base_is_kept_beside_what_is_in_use(self) -> None:
        scene = Scene(replicas=3).proxy("a")
        scene.in_use("a", 5)
        scene.stocked("a", 2)
        assert made(scene.plan()) == 1

    def test_a_queue_raises_what_is_wanted(self) -> None:
        scene = Scene(replicas=3).proxy("a", queued=2)
        scene.starting(3)
        assert made(scene.plan()) == 2

    def test_a_pool_of_none_makes_pods_for_those_who_wait(self) -> None:
        scene = Scene(replicas=0).proxy("a", queued=2)
        assert made(scene.plan()) == 2
        scene.starting(2)
        assert made(scene.plan()) == 0

    def test_a_claim_is_made_up_for_before_it_is_written_down(self) -> None:
        scene = Scene(replicas=3).proxy("a", claimed=2)
        scene.stocked("a", 3)
        assert made(scene.plan()) == 2

    def test_what_is_no_supply_is_made_up_for(self) -> None:
        scene = Scene(replicas=7).proxy("a").proxy("dead", Verdict.EXPIRED)
        scene.bring(1, proxy="a", phase=Phase.RELEASED)
        scene.bring(1, proxy="a", phase=Phase.RETURNED)
        scene.stocked("dead", 1)
        scene.recalled("a", 1)
        scene.in_use("a", 1)
        (gone,) = scene.warm()
        scene.put(gone, pod(gone, ending=True))
        assert made(scene.plan()) == 7

    def test_a_creation_of_unknown_outcome_counts_as_done(self) -> None:
        scene = Scene(replicas=3, max_pods=3)
        scene.unseen_pods = 2
        assert made(scene.plan()) == 1
        scene.unseen_pods = 3
        assert made(scene.plan()) == 0

    def test_many_are_begun_in_slow_steps(self) -> None:
        scene = Scene(replicas=100)
        assert made(scene.plan()) == FIRST_WINDOW
        scene.starting(FIRST_WINDOW - 1)
        scene.unseen_pods = 1
        assert made(scene.plan()) == 0


class TestAskedBack:
    """By a user, who empties a node: pods that no proxy has can be had back at once."""

    @pytest.mark.parametrize("is_ready", [True, False])
    def test_a_pod_that_nobody_has_ends_and_another_is_made(self, is_ready: bool) -> None:
        scene = Scene(replicas=5).proxy("a").proxy("b")
        for proxy in ("a", "b"):
            scene.stocked(proxy, 2)
        back = scene.bring(1, ready=is_ready, recalled=True)
        planned = scene.plan()
        assert ended(planned) == dict.fromkeys(back, EndReason.SURPLUS)
        assert made(planned) == 1

    def test_it_is_given_to_nobody_who_waits(self) -> None:
        scene = Scene(replicas=2).proxy("a", queued=3)
        scene.warm(1, recalled=True)
        planned = scene.plan()
        assert not assigned(planned)
        assert made(planned) == 5


class TestMaxPods:
    def test_what_is_in_use_counts(self) -> None:
        scene = Scene(replicas=3, max_pods=4).proxy("a")
        scene.in_use("a", 3)
        assert made(scene.plan()) == 1

    def test_a_record_whose_pod_is_to_come_counts(self) -> None:
        scene = Scene(replicas=3, max_pods=4).proxy("a", queued=9)
        for name in ("x", "y", "z"):
            scene.add(record(name, template=scene.template), None)
        assert made(scene.plan()) == 1

    def test_the_pod_of_an_assigned_record_that_vanished_is_not_to_come(self) -> None:
        scene = Scene(replicas=1, max_pods=1).proxy("a")
        (name,) = scene.stocked("a")
        scene.put(name, None)
        assert made(scene.plan_after(1)) == 1

    @pytest.mark.parametrize("grace", [1, 300])
    def test_an_ending_pod_counts_until_it_is_long_overdue(self, grace: int) -> None:
        scene = Scene(replicas=1, max_pods=1)
        scene.put("old", pod("old", ending=True, grace=grace))
        assert made(scene.plan()) == 0
        assert made(scene.wait(grace + OVERDUE_SECONDS - 1).plan()) == 0
        assert made(scene.wait(1).plan()) == 1

    def test_a_proxy_s_own_pod_neither_counts_nor_is_touched(self) -> None:
        """The proxies' Deployment carries the service's label as well."""
        scene = Scene(replicas=1, max_pods=1)
        scene.put("proxy", pod("proxy", role="proxy", owner=""))
        planned = scene.plan()
        assert made(planned) == 1
        assert len(planned.actions) == 1
        assert len(scene.wait(3600).plan().actions) == 1

    def test_a_queue_cannot_raise_it(self) -> None:
        scene = Scene(replicas=2, max_pods=6).proxy("a", queued=1000)
        scene.in_use("a", 4)
        assert made(scene.plan()) == 2

    def test_it_is_bounded_where_the_user_sets_no_bound(self) -> None:
        scene = Scene(replicas=0).proxy("a", queued=100_000)
        scene.in_use("a", 999)
        assert made(scene.plan()) == 1

    def test_lowering_it_below_what_exists_ends_nothing(self) -> None:
        scene = Scene(replicas=2, max_pods=2).proxy("a")
        scene.in_use("a", 5)
        scene.stocked("a", 2)
        for _ in range(5):
            assert not scene.wait(10).plan().actions


class TestDown:
    def test_a_surplus_is_ended_once_it_has_lasted(self) -> None:
        scene = Scene(replicas=1)
        scene.warm(3)
        assert not ended(scene.plan())
        assert not ended(scene.wait(SURPLUS_SECONDS - 1).plan())
        assert set(ended(scene.wait(1).plan()).values()) == {EndReason.SURPLUS}
        assert len(ended(scene.plan())) == 2

    def test_only_as_much_as_has_lasted_is_ended(self) -> None:
        """A pod just claimed looks idle until its proxy has said so: under load there is always some surplus."""
        scene = Scene(replicas=1)
        scene.warm(2)
        scene.plan()
        scene.wait(SURPLUS_SECONDS)
        scene.warm(5)
        assert len(ended(scene.plan())) == 1

    def test_who_is_not_ready_goes_first_then_who_is_unassigned_then_recalled_stock(self) -> None:
        scene = Scene(replicas=9).proxy("a")
        unready, warm = scene.starting(2), scene.warm(2)
        stocked, used = scene.stocked("a", 4), scene.in_use("a", 2)
        scene.proxy("a", lease=False)  # so that nothing is assigned meanwhile
        down = {}
        for replicas in range(8, -1, -1):
            scene.since = {}
            planned = scene.respec(replicas=replicas).plan_after(SURPLUS_SECONDS)
            down[replicas] = set(ended(planned)) | recalled(planned)
        assert not down[8]
        assert down[6] == set(unready)
        assert down[4] == set(unready) | set(warm)
        assert set(unready) | set(warm) < down[2] < set(unready) | set(warm) | set(stocked)
        assert not down[0] & set(used)

    def test_stock_is_asked_back_from_the_fullest(self) -> None:
        scene = Scene(replicas=2).proxy("a").proxy("b")
        a, b = scene.stocked("a", 5), scene.stocked("b", 1)
        planned = scene.plan_after(SURPLUS_SECONDS)
        assert len(recalled(planned)) == 4
        assert recalled(planned) <= set(a)
        assert not recalled(planned) & set(b)

    def test_no_more_is_asked_back_than_has_no_connection(self) -> None:
        scene = Scene(replicas=0).proxy("a", claimed=3)
        scene.stocked("a", 5)
        assert len(recalled(scene.plan_after(SURPLUS_SECONDS))) == 2

    def test_what_was_asked_back_is_not_asked_for_again(self) -> None:
        scene = Scene(replicas=0).proxy("a")
        scene.recalled("a", 2)
        for _ in range(5):
            assert not scene.wait(10).plan().actions

    def test_scaled_to_none_nothing_but_connections_is_left(self) -> None:
        scene = Scene(replicas=0).proxy("a")
        used = scene.in_use("a", 3)
        others = [*scene.stocked("a", 3), *scene.starting(2)]
        planned = scene.plan_after(SURPLUS_SECONDS)
        assert touched(planned) == set(others)
        scene.remove(*others)
        assert not scene.wait(3600).plan().actions
        assert set(scene.records) == set(used)

    def test_a_ready_pod_does_not_go_before_enough_others_are_ready(self) -> None:
        scene = Scene(replicas=2).proxy("a", lease=False)
        scene.warm(2)
        starting = scene.starting(3)
        assert set(ended(scene.plan_after(SURPLUS_SECONDS))) == set(starting)


class TestAChangedTemplate:
    def test_pods_of_it_are_made_beside_the_old_ones(self) -> None:
        scene = Scene(replicas=4).proxy("a")
        scene.stocked("a", 4)
        planned = scene.respec(image="chess:2").plan()
        assert made(planned) == 1
        assert not touched(planned)

    def test_a_new_pod_is_given_before_an_old_one_is_asked_back(self) -> None:
        scene = Scene(replicas=1).proxy("a")
        old = scene.stocked("a")
        scene.respec(image="chess:2")
        new = scene.warm()
        planned = scene.plan()
        assert set(assigned(planned)) == set(new)
        assert recalled(planned) == set(old)

    @pytest.mark.parametrize("proxies", [0, 1, 2, 3])
    @pytest.mark.parametrize("replicas", [1, 2, 8])
    @pytest.mark.parametrize("max_pods", [None, 8])
    def test_it_replaces_every_unused_pod_and_keeps_the_pool_warm(
        self, proxies: int, replicas: int, max_pods: int | None
    ) -> None:
        scene = Scene(replicas=replicas, max_pods=max_pods)
        for number in range(proxies):
            scene.proxy(f"proxy{number}")
        old = set(scene.warm(replicas))
        settle(scene)
        scene.respec(image="chess:2")
        least = replicas if max_pods is None or replicas < max_pods else replicas - 1
        settle(scene, at_least_ready=least)
        assert not old & set(scene.records)
        assert len(scene.records) == replicas

    def test_connections_keep_the_pod_they_have(self) -> None:
        scene = Scene(replicas=2).proxy("a")
        used = scene.in_use("a", 3)
        scene.stocked("a", 2)
        settle(scene.respec(image="chess:2"))
        assert set(used) < set(scene.records)
        assert len(scene.records) == 5

    def test_old_pods_that_are_not_ready_go_at_once(self) -> None:
        scene = Scene(replicas=3)
        old = scene.starting(3)
        planned = scene.respec(image="chess:2").plan()
        assert set(ended(planned)) == set(old)

    @pytest.mark.parametrize("max_pods", [None, 4])
    def test_one_that_does_not_start_leaves_the_old_pool_as_it_is(self, max_pods: int | None) -> None:
        scene = Scene(replicas=4, max_pods=max_pods).proxy("a")
        scene.stocked("a", 4)
        settle(scene, passes=5)
        settle(scene.respec(image="broken"), starts="never", passes=200)
        assert ready(scene) >= (4 if max_pods is None else 3)

    @pytest.mark.parametrize("max_pods", [None, 4])
    def test_one_that_fails_at_once_leaves_the_old_pool_as_it_is(self, max_pods: int | None) -> None:
        scene = Scene(replicas=4, max_pods=max_pods).proxy("a")
        scene.stocked("a", 4)
        settle(scene, passes=5)
        settle(scene.respec(image="broken"), starts="fails", passes=200)
        assert ready(scene) >= (4 if max_pods is None else 3)

    def test_those_who_wait_are_served_meanwhile_with_old_pods_if_need_be(self) -> None:
        scene = Scene(replicas=2).proxy("a", queued=2)
        old = scene.warm(2)
        planned = scene.respec(image="chess:2").plan()
        assert set(assigned(planned)) == set(old)
        assert made(planned) == 2

    def test_old_pods_at_a_proxy_that_gets_no_more_do_not_hold_it_up(self) -> None:
        scene = Scene(replicas=2).proxy("a", draining=True).proxy("b")
        scene.stocked("a", 2)
        scene.respec(image="chess:2")
        scene.stocked("b", 2)
        for _ in range(5):
            assert not scene.wait(5).plan().actions


def ready(scene: Scene) -> int:
    """How many unused pods are Ready."""
    return sum(
        scene.pods[name].ready and found.status.phase is Phase.IDLE and not found.recalled
        for name, found in scene.records.items()
    )


def settle(scene: Scene, *, starts: str = "at once", passes: int = 60, at_least_ready: int = 0) -> None:
    """Do what is planned, pass by pass, a second apart; recalled pods are returned in the pass after."""
    for _ in range(passes):
        planned = scene.wait(1.0).plan()
        for name in ended(planned):
            scene.remove(name)
        for name in [name for name, found in scene.records.items() if found.recalled]:
            scene.phase(name, Phase.RETURNED)
        for name in recalled(planned):
            was = scene.records[name]
            scene.records[name] = record(name, template=was.template, proxy=was.spec.proxy, recalled=True)
        for name, instance in assigned(planned).items():
            scene.records[name] = record(name, template=scene.records[name].template, proxy=instance)
        if starts == "fails":
            for name in [name for name, seen in scene.pods.items() if not seen.ready]:
                scene.put(name, pod(name, phase="Failed", ready=False, trouble="Error"))
        elif starts == "at once":
            for name in [name for name, seen in scene.pods.items() if not seen.ready]:
                scene.put(name, pod(name))
        scene.starting(made(planned))
        assert ready(scene) >= at_least_ready, planned.actions
        assert len(scene.pods) <= scene.service.spec.pod_ceiling


def test_the_objects_of_a_scene_are_where_their_service_is() -> None:
    scene = Scene(replicas=1)
    scene.warm()
    assert {found.metadata.namespace for found in scene.records.values()} == {NAMESPACE}
