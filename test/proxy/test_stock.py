"""No pod is claimed twice, whatever lists and watches show, and whoever waits is served in order."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from isoproxy.model.isolationpod import IsolationPod, Phase
from isoproxy.model.parsing import parse
from isoproxy.proxy.backend import Backend
from isoproxy.proxy.stock import Return, Serve, Stock
from test.proxy.operator import INSTANCE, assigned


def record(
    name: str,
    *,
    proxy: str = INSTANCE,
    phase: str = "Idle",
    recalled: bool = False,
    ip: str = "10.0.0.1",
    pod_uid: str | None = None,
) -> IsolationPod:
    item = assigned(name, proxy=proxy, ip=ip)
    item["status"]["phase"] = phase
    if pod_uid is not None:
        item["spec"]["podUID"] = pod_uid
    if recalled:
        item["metadata"]["annotations"] = {"soh.re/recall": "true"}
    return parse(IsolationPod, item)


def ending(name: str) -> IsolationPod:
    item = assigned(name, ip="10.0.0.1")
    item["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return parse(IsolationPod, item)


def pod(name: str) -> Backend:
    return Backend.of(record(name))


def new_stock(**options: int) -> Stock[str]:
    return Stock(INSTANCE, **options)


def test_a_pod_is_claimed_once_however_often_it_is_shown() -> None:
    stock = new_stock()
    assert stock.see(record("a")) is None
    assert stock.see(record("a")) is None
    assert len(stock) == 1
    assert stock.claim() == pod("a")
    assert stock.see(record("a")) is None
    assert stock.claim() is None


def test_the_pod_that_has_been_unused_longest_is_claimed_first() -> None:
    stock = new_stock()
    for name in "abc":
        stock.see(record(name, ip="10.0.0.2"))
    assert [claimed.name for claimed in (stock.claim(), stock.claim(), stock.claim()) if claimed] == ["a", "b", "c"]


def test_who_waits_longest_is_served_first() -> None:
    stock = new_stock()
    assert stock.wait("first", limit=9)
    assert stock.wait("second", limit=9)
    assert stock.see(record("a")) == Serve("first", pod("a"))
    assert stock.see(record("b")) == Serve("second", pod("b"))
    assert stock.see(record("c")) is None
    assert (len(stock), stock.queued) == (1, 0)


def test_who_got_a_dead_pod_waits_in_front_and_beyond_the_limit() -> None:
    stock = new_stock()
    stock.wait("patient", limit=1)
    assert not stock.wait("late", limit=1)
    assert stock.wait("unlucky", limit=1, front=True)
    assert stock.see(record("a")) == Serve("unlucky", pod("a"))
    assert stock.see(record("b")) == Serve("patient", pod("b"))


def test_who_leaves_the_queue_costs_no_pod() -> None:
    stock = new_stock()
    stock.wait("gone", limit=9)
    stock.leave("gone")
    stock.leave("gone")
    assert stock.see(record("a")) is None
    assert len(stock) == 1


def test_nobody_waits_while_there_is_a_pod() -> None:
    stock = new_stock()
    stock.see(record("a"))
    with pytest.raises(RuntimeError):
        stock.wait("confused", limit=9)


@pytest.mark.parametrize(
    "other",
    [
        record("a", proxy="another-instance"),
        record("a", proxy=""),
        record("a", phase="InUse"),
        record("a", phase="Released"),
        record("a", phase="Returned"),
        record("a", ip=""),
        record("a", pod_uid=""),
    ],
)
def test_what_is_not_idle_and_assigned_to_us_concerns_us_not(other: IsolationPod) -> None:
    stock = new_stock()
    assert stock.see(other) is None
    assert len(stock) == 0
    # It is not remembered either: the assignment may still be to come.
    assert stock.see(record("a")) is None
    assert len(stock) == 1


@pytest.mark.parametrize("unwanted", [record("a", recalled=True), ending("a")])
def test_a_recalled_pod_is_returned_if_it_is_not_claimed(unwanted: IsolationPod) -> None:
    stock = new_stock()
    stock.see(record("a"))
    assert stock.see(unwanted) == Return(pod("a"))
    assert stock.see(unwanted) is None
    assert stock.see(record("a")) is None
    assert stock.claim() is None


@pytest.mark.parametrize("unwanted", [record("a", recalled=True), ending("a")])
def test_a_pod_that_is_recalled_before_it_was_seen_is_returned(unwanted: IsolationPod) -> None:
    stock = new_stock()
    stock.wait("client", limit=9)
    assert stock.see(unwanted) == Return(pod("a"))
    assert stock.see(record("a")) is None
    assert stock.queued == 1


def test_a_claimed_pod_ignores_its_recall() -> None:
    stock = new_stock()
    stock.see(record("a"))
    stock.claim()
    assert stock.see(record("a", recalled=True)) is None


def test_an_unused_pod_whose_record_vanished_is_dropped() -> None:
    stock = new_stock()
    stock.see(record("a"))
    assert stock.gone("uid-a") == Return(pod("a"))
    assert stock.claim() is None
    assert stock.gone("uid-a") is None


def test_a_pod_that_somebody_else_wrote_about_is_not_used() -> None:
    stock = new_stock()
    stock.see(record("a"))
    assert stock.see(record("a", phase="Released")) == Return(pod("a"))
    assert stock.claim() is None


def test_a_fence_drops_everything_for_good_and_later_assignments_may_enter() -> None:
    stock = new_stock()
    stock.see(record("a"))
    stock.see(record("b"))
    assert stock.fence() == [Return(pod("a")), Return(pod("b"))]
    assert stock.see(record("late")) == Return(pod("late"))  # assigned before the fence, seen after it
    stock.reopen()
    for name in ("a", "b", "late"):
        assert stock.see(record(name)) is None
    assert len(stock) == 0
    stock.see(record("new"))
    assert stock.claim() == pod("new")


def test_a_drain_returns_everything_and_whatever_still_arrives() -> None:
    stock = new_stock()
    stock.see(record("a"))
    assert not stock.drained
    assert stock.drain() == [Return(pod("a"))]
    assert stock.drained
    assert stock.see(record("b")) == Return(pod("b"))
    stock.reopen()
    assert stock.see(record("c")) == Return(pod("c"))


def test_a_complete_list_tells_what_is_gone() -> None:
    stock = new_stock()
    for name in "abc":
        stock.see(record(name))
    stock.claim()
    assert stock.retain({"uid-c"}) == [Return(pod("b"))]
    assert stock.claim() == pod("c")


@pytest.mark.parametrize("order", [("gone", "recorded"), ("recorded", "gone")])
def test_a_uid_is_forgotten_only_when_recorded_and_gone_and_not_at_once(order: tuple[str, str]) -> None:
    stock = new_stock(tombstones=1)
    for name in "ab":
        stock.see(record(name))
        stock.claim()
        for what in order:
            getattr(stock, what)(f"uid-{name}")
    assert stock.see(record("b")) is None
    assert len(stock) == 0  # a tombstone is left of b
    assert stock.see(record("a")) is None
    assert len(stock) == 1  # a's was crowded out; by now no server can show it as Idle any more


def test_a_uid_that_is_not_recorded_is_remembered_whatever_it_takes() -> None:
    stock = new_stock(tombstones=0)
    stock.see(record("a"))
    stock.claim()
    stock.gone("uid-a")
    assert stock.see(record("a")) is None
    assert len(stock) == 0


NAMES = st.sampled_from([f"pod-{number}" for number in range(12)])


class StockMachine(RuleBasedStateMachine):
    """Any order of events: nobody ever gets a pod that was given or returned before."""

    def __init__(self) -> None:
        super().__init__()
        self.stock: Stock[int] = Stock(INSTANCE)
        self.left: set[str] = set()  # uids that were handed out, either way
        self.queue: list[int] = []
        self.next_waiter = 0

    def hand_out(self, backend: Backend) -> None:
        assert backend.uid not in self.left
        self.left.add(backend.uid)

    @rule(name=NAMES, phase=st.sampled_from(Phase), recalled=st.booleans(), mine=st.booleans())
    def show(self, name: str, phase: Phase, recalled: bool, mine: bool) -> None:
        proxy = INSTANCE if mine else "another"
        result = self.stock.see(record(name, proxy=proxy, phase=phase.value, recalled=recalled))
        if isinstance(result, Serve):
            assert result.waiter == self.queue.pop(0)
            assert mine
            assert phase is Phase.IDLE
            assert not recalled
        if result is not None:
            self.hand_out(result.pod)

    @rule(name=NAMES)
    def vanish(self, name: str) -> None:
        if result := self.stock.gone(f"uid-{name}"):
            self.hand_out(result.pod)

    @rule(name=NAMES)
    def acknowledge(self, name: str) -> None:
        self.stock.recorded(f"uid-{name}")

    @rule()
    def connect(self) -> None:
        claimed = self.stock.claim()
        if claimed is not None:
            assert not self.queue
            self.hand_out(claimed)
        elif self.stock.wait(self.next_waiter, limit=3):
            self.queue.append(self.next_waiter)
            self.next_waiter += 1

    @precondition(lambda self: self.queue and len(self.stock) == 0)
    @rule()
    def come_back(self) -> None:
        self.stock.wait(self.next_waiter, limit=3, front=True)
        self.queue.insert(0, self.next_waiter)
        self.next_waiter += 1

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def hang_up(self, data: st.DataObject) -> None:
        waiter = data.draw(st.sampled_from(self.queue))
        self.queue.remove(waiter)
        self.stock.leave(waiter)

    @rule(what=st.sampled_from(["fence", "reopen", "retain"]), names=st.sets(NAMES))
    def upheaval(self, what: str, names: set[str]) -> None:
        if what == "reopen":
            self.stock.reopen()
            return
        dropped = self.stock.fence() if what == "fence" else self.stock.retain(f"uid-{name}" for name in names)
        for returned in dropped:
            self.hand_out(returned.pod)

    @invariant()
    def pods_and_waiters_exclude_each_other(self) -> None:
        assert len(self.stock) == 0 or self.stock.queued == 0
        assert self.stock.queued == len(self.queue)
        assert self.stock.longest_waiting() == (self.queue[0] if self.queue else None)


StockMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestStockMachine = StockMachine.TestCase
