"""Looking for listeners: when, how often, and whose."""

from collections.abc import Collection
from itertools import pairwise

from twisted.internet.task import Clock

from isoproxy.local.runtime.facts import CannotRun
from isoproxy.local.runtime.listeners import Listeners, Target
from isoproxy.local.runtime.readiness import ListenWatch

TARGET = ("127.64.0.1", 8080)
PID = 7


class Table:
    """A table that a test writes; it takes down when it was looked at, and for what."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.found: dict[Target, Listeners] = {}
        self.looks: list[tuple[float, list[Target]]] = []
        self.fault: OSError | None = None

    def look(self, targets: Collection[Target]) -> dict[Target, Listeners]:
        self.looks.append((round(self.clock.seconds(), 3), list(targets)))
        if self.fault is not None:
            raise self.fault
        return {target: self.found[target] for target in targets if target in self.found}


class Stage:
    """A watch on a clock, and what it said."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.table = Table(self.clock)
        self.sockets: dict[int, set[int] | None] = {PID: {1, 2}}
        self.cpu = 0.0
        self.said: list[str] = []
        self.watch = ListenWatch(
            self.clock, self.table, sockets=lambda pid: self.sockets[pid], cpu_seconds=lambda: self.cpu
        )

    def add(self, target: Target = TARGET, pid: int = PID) -> None:
        self.cancel = self.watch.add(target, pid, lambda: self.said.append("listening"), self.refused)

    def refused(self, error: CannotRun) -> None:
        self.said.append(error.reason)

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([0.001] * round(seconds * 1000))


def listeners(*inodes: int, wildcard: bool = False) -> Listeners:
    return Listeners(frozenset(inodes), wildcard)


def test_the_first_look_is_early_and_later_ones_grow_rare() -> None:
    stage = Stage()
    stage.add()
    stage.pass_time(20.0)
    times = [time for time, _ in stage.table.looks]
    gaps = [round(later - earlier, 2) for earlier, later in pairwise(times)]
    assert times[0] == 0.01
    assert gaps == sorted(gaps)
    assert 0.9 < gaps[-1] < 1.1
    assert len(times) < 45


def test_what_is_found_is_told_once_and_not_looked_at_again() -> None:
    stage = Stage()
    stage.add()
    stage.table.found[TARGET] = listeners(1)
    stage.pass_time(1.0)
    assert stage.said == ["listening"]
    assert len(stage.table.looks) == 1
    assert stage.clock.getDelayedCalls() == []


def test_somebody_elses_listener_does_not_count() -> None:
    stage = Stage()
    stage.add()
    stage.table.found[TARGET] = listeners(99)
    stage.pass_time(1.0)
    assert stage.said == []
    stage.table.found[TARGET] = listeners(2, wildcard=True)
    stage.pass_time(2.0)
    assert stage.said == ["listening"]


def test_a_port_shared_with_a_stranger_is_refused() -> None:
    stage = Stage()
    stage.add()
    stage.table.found[TARGET] = listeners(1, 99, wildcard=True)
    stage.pass_time(1.0)
    assert stage.said == ["PortShared"]
    assert stage.clock.getDelayedCalls() == []


def test_where_we_may_not_look_only_an_address_of_its_own_counts() -> None:
    stage = Stage()
    stage.sockets[PID] = None
    stage.add()
    stage.table.found[TARGET] = listeners(1, wildcard=True)
    stage.pass_time(1.0)
    assert stage.said == []
    stage.table.found[TARGET] = listeners(1)
    stage.pass_time(2.0)
    assert stage.said == ["listening"]


def test_many_pods_share_a_look() -> None:
    stage = Stage()
    targets = [(f"127.64.0.{number}", 8080) for number in range(50)]
    for target in targets:
        stage.add(target)
        stage.pass_time(0.001)
    stage.table.looks.clear()
    stage.pass_time(1.0)
    assert len(stage.table.looks) < 60
    assert {target for _, looked in stage.table.looks for target in looked} == set(targets)


def test_a_newcomer_is_looked_at_soon_whatever_the_others_wait_for() -> None:
    stage = Stage()
    stage.add()
    stage.pass_time(10.0)
    stage.table.looks.clear()
    stage.add(("127.64.0.2", 8080))
    stage.pass_time(0.012)
    assert ("127.64.0.2", 8080) in stage.table.looks[0][1]


def test_looking_takes_a_small_share_of_the_time() -> None:
    stage = Stage()
    look = stage.table.look

    def costly(targets: Collection[Target]) -> dict[Target, Listeners]:
        stage.cpu += 0.005
        return look(targets)

    stage.table.look = costly  # type: ignore[method-assign]  # dearer from now on
    for number in range(100):
        stage.add((f"127.64.0.{number}", 8080))
        stage.pass_time(0.01)
    assert stage.cpu <= 0.06  # in a second


def test_who_cancels_hears_nothing() -> None:
    stage = Stage()
    stage.add()
    stage.cancel()
    stage.cancel()
    stage.table.found[TARGET] = listeners(1)
    stage.pass_time(1.0)
    assert stage.said == []


def test_a_table_that_fails_is_asked_again() -> None:
    stage = Stage()
    stage.add()
    stage.table.fault = OSError("out of something")
    stage.pass_time(1.0)
    stage.table.fault = None
    stage.table.found[TARGET] = listeners(1)
    stage.pass_time(1.0)
    assert stage.said == ["listening"]


def test_after_a_stop_nothing_is_scheduled() -> None:
    stage = Stage()
    stage.add()
    stage.watch.stop()
    stage.watch.stop()
    assert stage.clock.getDelayedCalls() == []
