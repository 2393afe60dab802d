"""Who gets a Ready pod, who has to wait, and whose stock is asked back."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given as whenever
from hypothesis import strategies as st

from isoproxy.model.isolationpod import Phase
from isoproxy.operator.actions import Assign
from isoproxy.operator.liveness import Verdict
from isoproxy.operator.observed import Proxy
from isoproxy.operator.pool import SURPLUS_SECONDS
from isoproxy.operator.sharing import ACKNOWLEDGE_SECONDS, Share, deal
from isoproxy.operator.standing import Entry, Standing
from test.operator.builders import Scene, assigned, ended, lease, made, pod, recalled, record

READY = Entry(record("p"), pod("p"), Standing.WARM)


def waiting(queued: int) -> Share:
    """The share of a proxy at which so many clients wait for pods that are not there yet."""
    proxy = Proxy("a", Verdict.ALIVE, lease("a", queued=queued))
    return Share(proxy=proxy, deaf=False, open=True, stocked=0, outdated=0, claimed=0, expected=0, deficit=queued)


def given(scene: Scene) -> dict[str, int]:
    """How many pods each proxy is given in this pass."""
    return dict(Counter(assigned(scene.plan()).values()))


class TestOneProxy:
    def test_all_of_the_pool_is_its_stock(self) -> None:
        scene = Scene(replicas=4).proxy("a")
        scene.warm(4)
        assert given(scene) == {"a": 4}

    def test_a_queue_does_not_take_the_stock_s_place(self) -> None:
        scene = Scene(replicas=2).proxy("a", queued=3)
        scene.warm(5)
        assert given(scene) == {"a": 5}

    def test_it_is_given_no_more_than_it_lacks(self) -> None:
        scene = Scene(replicas=2).proxy("a")
        scene.stocked("a", 1)
        scene.warm(3)
        assert given(scene) == {"a": 1}

    def test_what_is_on_its_way_to_the_queue_is_not_sent_again(self) -> None:
        scene = Scene(replicas=0).proxy("a", queued=3, held=0)
        scene.stocked("a", 2)
        scene.warm(3)
        assert given(scene) == {"a": 1}

    def test_a_pod_with_a_connection_that_is_not_written_down_yet_is_no_stock(self) -> None:
        scene = Scene(replicas=2).proxy("a", claimed=1)
        scene.stocked("a", 2)
        scene.warm(2)
        assert given(scene) == {"a": 1}

    def test_a_connection_that_has_just_been_written_down_is_not_counted_twice(self) -> None:
        """The record says InUse already, while the Lease still counts it among the claims to be written."""
        scene = Scene(replicas=3).proxy("a", held=4, claimed=1)
        scene.stocked("a", 3)
        scene.in_use("a")
        assert not scene.plan().actions

    def test_what_it_is_giving_back_is_not_taken_for_claims_on_the_rest(self) -> None:
        """Its Lease counts both alike: pods that left its stock, which is not written down yet."""
        scene = Scene(replicas=2).proxy("a", held=4, claimed=2)
        scene.stocked("a", 2)
        scene.recalled("a", 2)
        assert not scene.plan().actions

    def test_what_it_was_given_after_its_last_word_is_not_among_what_it_spoke_of(self) -> None:
        """A short connection is over, and its stand-in assigned, before the Lease is written again."""
        scene = Scene(replicas=1).proxy("a", held=1, claimed=1)
        (claimed,) = scene.stocked("a")
        assert made(scene.plan()) == 1
        scene.remove(claimed).wait(0.3)
        scene.stocked("a")
        assert not scene.plan().actions

    def test_exactly_what_is_ready_and_unassigned_is_given(self) -> None:
        scene = Scene(replicas=9).proxy("a")
        ready = scene.warm(2)
        scene.starting(2)
        scene.in_use("a", 1)
        scene.recalled("a", 1)
        scene.warm(1, phase=Phase.RELEASED)
        assert set(assigned(scene.plan())) == set(ready)

    def test_an_assignment_names_the_pod_as_it_was_seen(self) -> None:
        scene = Scene(replicas=1).proxy("a")
        (name,) = scene.warm()
        (action,) = (a for a in scene.plan().actions if isinstance(a, Assign))
        assert (action.record, action.pod) == (scene.records[name], scene.pods[name])


CANNOT: dict[str, tuple[Verdict, dict[str, Any]]] = {
    "drains": (Verdict.ALIVE, {"draining": True}),
    "cannot listen": (Verdict.ALIVE, {"listen_error": "address in use"}),
    "has no Lease": (Verdict.ALIVE, {"lease": False}),
    "expired": (Verdict.EXPIRED, {}),
    "is lost": (Verdict.LOST, {}),
    "ended": (Verdict.ENDED, {"ended": True}),
}


class TestAProxyThat:
    @pytest.mark.parametrize(("verdict", "words"), CANNOT.values(), ids=CANNOT.keys())
    def test_gets_nothing_when_it(self, verdict: Verdict, words: dict[str, Any]) -> None:
        scene = Scene(replicas=2).proxy("a", verdict, **words)
        scene.warm(4)
        assert not assigned(scene.plan())

    @pytest.mark.parametrize(("verdict", "words"), CANNOT.values(), ids=CANNOT.keys())
    def test_asks_for_pods_in_vain_when_it(self, verdict: Verdict, words: dict[str, Any]) -> None:
        scene = Scene(replicas=1).proxy("a", verdict, **({"queued": 5} | words))
        scene.warm(1)
        assert made(scene.plan()) == 0

    @pytest.mark.parametrize("words", [{"draining": True}, {"listen_error": "no"}])
    def test_cannot_take_clients_is_no_reason_to_keep_others_short(self, words: dict[str, Any]) -> None:
        scene = Scene(replicas=4).proxy("a", **words).proxy("b")
        scene.stocked("a", 4)
        assert made(scene.plan()) == 4
        scene.warm(4)
        assert given(scene) == {"b": 4}

    def test_drains_keeps_its_stock_for_the_clients_it_still_gets_and_returns_it_itself(self) -> None:
        scene = Scene(replicas=2).proxy("a", draining=True).proxy("b")
        scene.stocked("a", 2)
        scene.stocked("b", 2)
        for _ in range(5):
            assert not scene.wait(5).plan().actions

    def test_does_not_acknowledge_gets_no_more(self) -> None:
        scene = Scene(replicas=2).proxy("a", held=0)
        scene.stocked("a", 1)
        scene.plan()
        scene.wait(ACKNOWLEDGE_SECONDS)
        scene.warm(2)
        assert given(scene) == {}
        assert given(scene.proxy("a")) == {"a": 1}

    def test_does_not_acknowledge_is_stood_in_for(self) -> None:
        scene = Scene(replicas=2).proxy("a", held=0).proxy("b")
        scene.stocked("a", 1)
        scene.stocked("b", 1)
        assert made(scene.plan_after(ACKNOWLEDGE_SECONDS)) == 1

    def test_is_always_one_behind_under_load_is_not_deaf(self) -> None:
        scene = Scene(replicas=3)
        for turn in range(60):
            scene.proxy("a", held=turn % 3)
            (new,) = scene.stocked("a")
            scene.remove(*[name for name in scene.records if name != new][:-2])
            scene.warm(1)
            assert given(scene.wait(1))

    def test_lost_its_lease_for_a_moment_is_not_replaced(self) -> None:
        """Its Lease was deleted by hand: it makes another within a renewal."""
        scene = Scene(replicas=4).proxy("a", lease=False)
        scene.stocked("a", 4)
        assert not scene.plan().actions
        assert not scene.wait(5).plan().actions


class TestSeveralProxies:
    def test_a_part_stays_unassigned_for_whoever_needs_it(self) -> None:
        scene = Scene(replicas=8).proxy("a").proxy("b")
        scene.warm(8)
        assert given(scene) == {"a": 3, "b": 3}

    @pytest.mark.parametrize(
        ("replicas", "proxies", "each"),
        [(0, 2, 0), (1, 2, 0), (2, 2, 1), (3, 2, 1), (4, 4, 1), (5, 4, 1), (8, 3, 2), (100, 4, 18), (3, 4, 0)],
    )
    def test_shares_are_equal_and_never_more_than_the_pool(self, replicas: int, proxies: int, each: int) -> None:
        scene = Scene(replicas=replicas)
        for number in range(proxies):
            scene.proxy(f"proxy{number}")
        scene.warm(replicas)
        assert scene.plan().actions == scene.plan().actions
        assert set(given(scene).values()) <= {each}
        assert sum(given(scene).values()) == each * proxies <= replicas

    @pytest.mark.parametrize("replicas", [0, 1, 2, 3, 4, 5, 10])
    @pytest.mark.parametrize("proxies", [1, 2, 3, 4])
    def test_a_pool_that_is_dealt_out_stays_as_it_is(self, replicas: int, proxies: int) -> None:
        scene = Scene(replicas=replicas)
        for number in range(proxies):
            scene.proxy(f"proxy{number}")
        scene.warm(replicas)
        for name, instance in assigned(scene.plan()).items():
            scene.remove(name)
            scene.stocked(instance)
        for _ in range(10):
            assert not scene.wait(2).plan().actions

    def test_queues_are_served_in_proportion_to_their_length_then_the_smallest_stock(self) -> None:
        scene = Scene(replicas=4).proxy("a", queued=2).proxy("b", queued=6).proxy("c")
        scene.warm(4)
        assert given(scene) == {"a": 1, "b": 3}
        scene = Scene(replicas=8).proxy("a").proxy("b")
        scene.stocked("a", 2)
        scene.warm(1)
        assert given(scene) == {"b": 1}

    def test_a_queue_is_served_from_what_is_unassigned_before_any_share_is_filled(self) -> None:
        scene = Scene(replicas=8).proxy("a").proxy("b", queued=2)
        scene.warm(2)
        assert given(scene) == {"b": 2}

    def test_a_new_proxy_s_share_is_made_first_and_the_surplus_asked_back_after(self) -> None:
        scene = Scene(replicas=4).proxy("a").proxy("b")
        scene.stocked("a", 4)
        planned = scene.plan()
        assert made(planned) == 3  # one for b, two for whoever needs them
        assert not recalled(planned)
        new = scene.starting(3)
        assert not any(scene.wait(2).plan().actions for _ in range(5)), "nothing is asked back before others are Ready"
        scene.remove(*new)
        scene.warm(3)
        (name, instance), *_ = assigned(scene.plan()).items()
        assert instance == "b"
        scene.remove(name)
        scene.stocked("b")
        planned = scene.plan_after(SURPLUS_SECONDS)
        assert len(recalled(planned)) == 3
        assert not made(planned)
        assert not ended(planned)
        scene.remove(*recalled(planned))
        assert not any(scene.wait(2).plan().actions for _ in range(5))

    def test_when_one_goes_the_others_are_given_what_was_kept_back(self) -> None:
        scene = Scene(replicas=4).proxy("a").proxy("b", Verdict.EXPIRED)
        scene.stocked("a", 1)
        scene.stocked("b", 1)
        scene.warm(2)
        assert given(scene) == {"a": 2}
        assert made(scene.plan()) == 1


class TestQueuesThatFillAsFastAsTheyAreServed:
    """Pods are made as fast as they can, and clients come faster: for each that is served there is another."""

    @staticmethod
    def served(scene: Scene, passes: int) -> Counter[str]:
        """Who is given the one pod that is Ready in each of so many passes."""
        takers: Counter[str] = Counter()
        for _ in range(passes):
            scene.warm(1)
            planned = assigned(scene.wait(0.1).plan())
            takers.update(planned.values())
            scene.remove(*planned)
        return takers

    def test_a_short_one_is_not_passed_over_for_a_long_one(self) -> None:
        scene = Scene(replicas=0).proxy("long", queued=30, held=0).proxy("short", queued=3, held=0)
        assert self.served(scene, 66) == {"long": 60, "short": 6}

    def test_one_that_comes_late_owes_nothing_and_is_owed_nothing(self) -> None:
        scene = Scene(replicas=0).proxy("a", queued=2, held=0)
        assert self.served(scene, 20) == {"a": 20}
        assert self.served(scene.proxy("b", queued=2, held=0), 10) == {"a": 5, "b": 5}

    @whenever(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(1, 3))
    def test_all_are_served_alike_and_each_before_long(self, lengths: list[int], at_once: int) -> None:
        shares = [waiting(length) for length in lengths]
        takers: list[Share] = []
        while len(takers) < 3 * sum(lengths):
            for share, length in zip(shares, lengths, strict=True):
                share.deficit = length
            takers += [taker for _, taker in deal([READY] * at_once, shares)]
        for share, length in zip(shares, lengths, strict=True):
            turns = [number for number, taker in enumerate(takers) if taker is share]
            gaps = [after - before for before, after in pairwise([-1, *turns, len(takers)])]
            assert max(gaps) <= 2 * sum(lengths) / length + len(lengths)
            assert abs(len(turns) - len(takers) * length / sum(lengths)) <= len(lengths)


class TestAtMaxPods:
    def test_a_queue_gets_what_is_idle_elsewhere(self) -> None:
        scene = Scene(replicas=4, max_pods=4).proxy("a").proxy("b", queued=2)
        idle = scene.stocked("a", 4)
        planned = scene.plan()
        assert made(planned) == 0
        assert len(recalled(planned)) == 2
        assert recalled(planned) <= set(idle)

    def test_what_was_asked_back_is_waited_for_before_more_is(self) -> None:
        scene = Scene(replicas=4, max_pods=4).proxy("a").proxy("b", queued=2)
        scene.stocked("a", 2)
        going = scene.recalled("a", 2)
        for _ in range(5):
            assert not scene.wait(1).plan().actions
        scene.phase(going[0], Phase.RETURNED)
        assert set(ended(scene.plan())) == {going[0]}
        scene.remove(*going)
        assert made(scene.plan()) == 2

    def test_a_pod_on_its_way_out_is_waited_for(self) -> None:
        scene = Scene(replicas=2, max_pods=3).proxy("a").proxy("b", queued=1)
        scene.stocked("a", 2)
        scene.bring(1, proxy="a", phase=Phase.RELEASED)
        planned = scene.plan()
        assert not recalled(planned)
        assert len(ended(planned)) == 1

    def test_who_has_a_queue_itself_keeps_its_stock(self) -> None:
        scene = Scene(replicas=2, max_pods=2).proxy("a", queued=1).proxy("b", queued=9)
        scene.stocked("a", 2)
        assert not recalled(scene.plan())

    def test_who_lacks_its_share_gets_only_what_others_have_above_theirs(self) -> None:
        scene = Scene(replicas=4, max_pods=4).proxy("a").proxy("b")
        scene.stocked("a", 4)
        assert len(recalled(scene.plan())) == 1
        scene = Scene(replicas=4, max_pods=4).proxy("a").proxy("b")
        scene.stocked("a", 1)
        scene.in_use("a", 3)
        assert not recalled(scene.plan())

    def test_while_there_is_room_a_pod_is_made_and_nothing_asked_back(self) -> None:
        scene = Scene(replicas=4, max_pods=9).proxy("a").proxy("b", queued=2)
        scene.stocked("a", 4)
        planned = scene.plan()
        assert made(planned) == 5  # two for the queue, one for b's share, two for whoever needs them
        assert not recalled(planned)
