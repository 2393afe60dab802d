"""Pods are made slowly until some have proved to work, and ever more rarely while they fail."""

from itertools import pairwise

import pytest

from isoproxy.model.isolationpod import Phase
from isoproxy.operator import pacing
from isoproxy.operator.pacing import (
    FIRST_WINDOW,
    MOST_DELAY,
    MOST_DELAY_REFUSED,
    PROOF_SECONDS,
    PROVEN_WINDOW,
    Pacing,
    Refusals,
)
from test.operator.builders import Scene, made, pod

NOW = 1000.0


def learn(
    before: Pacing,
    *,
    failed: str = "",
    working: str = "",
    other: str = "",
    template: str = "t",
    now: float = NOW,
    jitter: float = 0.0,
    taken: bool = False,
    refused: str = "",
) -> Pacing:
    """What the pods seen now teach; each letter is the uid of one."""
    return pacing.update(
        before,
        template=template,
        seen=frozenset(failed + working + other),
        failed=dict.fromkeys(failed, "Error"),
        working=frozenset(working),
        taken=taken,
        refused=refused,
        now=now,
        jitter=jitter,
    )


class TestBackOff:
    def test_a_first_window_bounds_what_starts_at_once_and_a_wider_one_does_once_some_work(self) -> None:
        fresh = learn(Pacing())
        assert [fresh.allowance(starting, 0, NOW) for starting in (0, 5, 8, 20)] == [FIRST_WINDOW, 3, 0, 0]
        proven = learn(fresh, working="a")
        assert proven.allowance(0, 0, NOW) == PROVEN_WINDOW

    def test_after_a_failure_one_is_tried_at_a_time_after_a_while(self) -> None:
        failed = learn(Pacing(), failed="a")
        assert failed.allowance(0, 0, NOW) == 0
        assert failed.allowance(0, 0, failed.retry_at) == 1
        assert failed.allowance(1, 0, failed.retry_at) == 0
        assert failed.trouble == "Error"

    def test_each_failure_in_a_row_is_waited_for_longer_up_to_a_bound(self) -> None:
        known, delays = Pacing(), []
        for uid in "abcdefghijklmnop":
            known = learn(known, failed=uid)
            delays.append(known.retry_at - NOW)
        assert all(later >= earlier for earlier, later in pairwise(delays))
        assert delays[:3] == [0.5, 1.0, 2.0]
        assert delays[-1] == MOST_DELAY / 2

    def test_retries_are_spread_by_jitter(self) -> None:
        delays = {learn(Pacing(), failed="a", jitter=jitter).retry_at - NOW for jitter in (0.0, 0.5, 0.999)}
        assert len(delays) == 3
        assert all(0.5 <= delay <= 1.0 for delay in delays)

    def test_one_failure_is_counted_once_however_long_it_is_seen(self) -> None:
        once = learn(Pacing(), failed="a")
        assert learn(once, failed="a", now=NOW + 100) == once

    def test_failures_of_one_batch_count_as_one_even_when_they_are_seen_one_after_another(self) -> None:
        known = learn(Pacing(), failed="a", other="bcdefgh")
        known = learn(known, failed="ab", other="cdefgh")
        known = learn(known, failed="bcde", other="fgh")
        known = learn(known, failed="fgh")
        assert known.failures == 1
        assert learn(known, failed="z").failures == 2

    def test_one_that_works_ends_the_back_off(self) -> None:
        known = learn(learn(Pacing(), failed="a"), failed="b")
        works = learn(known, working="c")
        assert (works.failures, works.retry_at, works.trouble) == (0, 0.0, "")
        assert works.allowance(0, 0, NOW) == PROVEN_WINDOW

    def test_those_that_worked_before_prove_nothing_about_those_that_fail_now(self) -> None:
        known = learn(Pacing(), working="xyz")
        for uid in "abc":
            known = learn(known, failed=uid, working="xyz")
            known = learn(known, working="xyz")
        assert known.failures == 3

    def test_a_pod_that_worked_and_ends_later_is_not_a_failure_to_start(self) -> None:
        known = learn(Pacing(), working="a")
        assert learn(known, failed="a").failures == 0

    def test_a_changed_template_begins_anew(self) -> None:
        known = learn(learn(Pacing(), failed="a"), failed="b")
        assert learn(known, template="u", other="c") == Pacing(template="u")

    def test_what_is_gone_is_forgotten(self) -> None:
        known = learn(learn(Pacing(), failed="ab", other="c"), working="d")
        known = learn(known, other="z")
        assert known.counted == known.proved == frozenset()


def tries(known: Pacing) -> int:
    """How many may be begun as soon as any may."""
    return known.allowance(0, 0, max(NOW, known.refusals.until))


class TestRefusals:
    def test_of_refusals_one_that_works_proves_nothing(self) -> None:
        known = learn(learn(Pacing(), working="a"), refused="quota")
        known = learn(known, working="ab")
        assert (known.failures, known.in_a_row, known.why) == (0, 1, "quota")
        assert (known.allowance(0, 0, NOW), tries(known)) == (0, 1)

    def test_one_that_is_being_made_is_waited_for_and_one_that_starts_is_not(self) -> None:
        known = learn(learn(Pacing(), working="a"), refused="quota")
        assert known.allowance(0, 1, known.refusals.until) == 0
        assert known.allowance(5, 0, known.refusals.until) == 1

    def test_the_bound_on_what_starts_at_once_stands_beside_that_on_what_is_refused(self) -> None:
        known = learn(Pacing(), refused="quota")
        assert known.allowance(FIRST_WINDOW, 0, known.refusals.until) == 0

    def test_each_refusal_in_a_row_is_waited_for_longer_up_to_a_bound(self) -> None:
        known, now, delays = Pacing(), NOW, []
        for _ in range(12):
            known = learn(known, refused="quota", now=now)
            delays.append(known.refusals.until - now)
            now = known.refusals.until
        assert delays[:3] == [0.5, 1.0, 2.0]
        assert delays[-1] == MOST_DELAY_REFUSED / 2

    def test_refusals_are_spread_by_jitter(self) -> None:
        delays = {learn(Pacing(), refused="quota", jitter=jitter).refusals.until for jitter in (0.0, 0.5, 0.999)}
        assert len(delays) == 3

    def test_refusals_of_one_batch_count_as_one(self) -> None:
        once = learn(Pacing(), refused="quota")
        assert learn(once, refused="quota", now=once.refusals.until - 0.1) == once

    def test_after_one_that_is_taken_twice_as_many_are_tried_until_there_is_no_bound_any_more(self) -> None:
        known = learn(learn(Pacing(), working="a"), refused="quota")
        counts = [tries(known := learn(known, taken=True)) for _ in range(4)]
        assert counts == [2, 4, 8, PROVEN_WINDOW]
        assert known.refusals == Refusals()

    def test_a_refusal_after_one_that_was_taken_is_the_first_again(self) -> None:
        known, now = Pacing(), NOW
        for _ in range(5):
            known = learn(known, refused="quota", now=now)
            now = known.refusals.until
        known = learn(learn(known, taken=True, now=now), taken=True, refused="quota", now=now)
        assert (known.refusals.count, known.refusals.window) == (1, 1)
        assert known.refusals.until - now == 0.5

    def test_a_late_refusal_of_a_batch_that_was_taken_in_part_leaves_one_try(self) -> None:
        known = learn(Pacing(), taken=True, refused="quota")
        known = learn(known, taken=True, refused="quota")
        assert tries(known) == 1

    def test_refusals_are_of_any_template(self) -> None:
        known = learn(Pacing(), refused="quota")
        assert learn(known, template="u") == Pacing(template="u", refusals=known.refusals)

    def test_what_was_refused_is_over_when_all_is_there_and_the_last_one_was_taken(self) -> None:
        scene = Scene(replicas=2)
        scene.refused = "quota"
        assert scene.plan().pacing.why == "quota"
        scene.refused = ""
        scene.warm(2)
        assert scene.plan().pacing.why == "quota", "who asks for fewer has not been given any"
        scene.taken = True
        assert scene.plan().pacing.refusals == Refusals()


class TestWhatCounts:
    def test_a_program_that_ends_unused_is_a_failure(self) -> None:
        scene = Scene(replicas=1)
        (name,) = scene.starting()
        scene.put(name, pod(name, phase="Failed", ready=False, trouble="Error"))
        planned = scene.plan()
        assert planned.pacing.failures == 1
        assert planned.pacing.trouble == "Error"
        assert made(planned) == 0

    def test_a_pod_that_could_not_be_made_is_a_failure(self) -> None:
        """Its record is there, but the API server refused the Pod: a quota, a webhook, a field it does not like."""
        scene = Scene(replicas=1)
        (name,) = scene.starting()
        scene.put(name, None)
        assert scene.plan_after(10).pacing.failures == 1

    def test_a_program_that_ended_after_it_served_is_none(self) -> None:
        scene = Scene(replicas=1).proxy("a")
        (name,) = scene.in_use("a")
        scene.put(name, pod(name, phase="Succeeded", ready=False))
        assert scene.plan_after(100).pacing.failures == 0

    def test_a_pod_that_was_deleted_is_none(self) -> None:
        scene = Scene(replicas=1)
        (name,) = scene.warm()
        scene.put(name, pod(name, ending=True))
        assert scene.plan().pacing.failures == 0

    @pytest.mark.parametrize("proxy", ["", "a"])
    def test_a_pod_proves_its_template_by_staying_ready(self, proxy: str) -> None:
        scene = Scene(replicas=1).proxy("a")
        scene.bring(1, proxy=proxy)
        assert not scene.plan_after(PROOF_SECONDS - 1).pacing.proven
        assert scene.wait(1).plan().pacing.proven

    def test_a_pod_proves_its_template_by_serving(self) -> None:
        scene = Scene(replicas=1).proxy("a")
        scene.in_use("a")
        assert scene.plan().pacing.proven

    @pytest.mark.parametrize(
        ("outcome", "proves"),
        [("completed", True), ("client_reset", True), ("proxy_lost", True), ("dial_failed", False), ("error", False)],
    )
    def test_a_pod_that_is_done_with_proves_it_if_it_served(self, outcome: str, proves: bool) -> None:
        scene = Scene(replicas=1).proxy("a")
        scene.bring(1, proxy="a", phase=Phase.RELEASED, outcome=outcome)
        assert scene.plan().pacing.proven is proves

    def test_pods_of_an_older_template_prove_nothing(self) -> None:
        scene = Scene(replicas=1).proxy("a")
        scene.in_use("a")
        assert not scene.respec(image="chess:2").plan().pacing.proven

    def test_a_broken_image_does_not_storm_the_cluster_even_beside_pods_that_work(self) -> None:
        scene = Scene(replicas=10).proxy("a")
        scene.stocked("a", 5)
        scene.plan_after(PROOF_SECONDS)
        begun = 0
        for _ in range(600):
            count = made(scene.wait(1).plan())
            begun += count
            scene.remove(*[name for name, found in scene.pods.items() if not found.ready])
            for name in scene.starting(count):
                scene.put(name, pod(name, phase="Failed", ready=False, trouble="Error"))
        assert 5 < begun < 25

    def test_a_plan_asks_to_be_woken_for_the_retry_and_not_after_it(self) -> None:
        scene = Scene(replicas=1)
        (name,) = scene.starting()
        scene.put(name, pod(name, phase="Failed", ready=False))
        assert scene.plan().wake_after == 0.5
        scene.remove(name)
        assert scene.plan().wake_after == 0.5
        scene.wait(0.5)
        assert made(scene.plan()) == 1
        scene.starting()
        assert scene.plan().wake_after > 5

    def test_a_plan_makes_one_at_a_time_of_what_is_refused_and_asks_to_be_woken_for_it(self) -> None:
        scene = Scene(replicas=5)
        scene.refused = "exceeded quota"
        planned = scene.plan()
        assert (planned.pacing.why, planned.pacing.in_a_row, made(planned)) == ("exceeded quota", 1, 0)
        assert planned.wake_after == 0.5
        assert scene.plan().pacing.in_a_row == 1
        scene.refused = ""
        assert made(scene.wait(0.5).plan()) == 1

    def test_a_failure_always_has_a_word(self) -> None:
        scene = Scene(replicas=1)
        (name,) = scene.starting()
        scene.put(name, pod(name, phase="Failed", ready=False))
        assert scene.plan().pacing.trouble
