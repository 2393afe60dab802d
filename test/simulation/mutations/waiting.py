"""Bugs by which a pool is not as warm as it should be, or somebody waits who need not, or no longer does."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any

from isoproxy.operator import sharing, standing
from isoproxy.operator.liveness import Liveness, Verdict
from isoproxy.operator.sharing import Share
from isoproxy.operator.standing import Entry
from isoproxy.operator.workqueue import Workqueue
from isoproxy.proxy.backend import Backend
from isoproxy.proxy.presence import Presence
from isoproxy.proxy.session import Session
from isoproxy.proxy.stock import Stock
from test.simulation.mutations.mutation import Mutation, swap

HASTY_SECONDS = 12.0


def _count_the_tainted(stack: ExitStack) -> None:
    assigned = standing._assigned

    def supply(*args: Any) -> standing.Standing:
        found = assigned(*args)
        return standing.Standing.STOCKED if found is standing.Standing.TAINTED else found

    swap(stack, standing, "_assigned", supply)
    verdicts = Liveness.verdicts

    def living(self: Liveness, *services: Any) -> Mapping[Any, Verdict]:
        known = verdicts(self, *services)
        return {key: Verdict.ALIVE if verdict is Verdict.EXPIRED else verdict for key, verdict in known.items()}

    swap(stack, Liveness, "verdicts", living)


def _starve_half(stack: ExitStack) -> None:
    deal = sharing.deal

    def unfair(warm: Iterable[Entry], among: list[Share]) -> list[tuple[Entry, Share]]:
        return deal(warm, among[: (len(among) + 1) // 2])

    swap(stack, sharing, "deal", unfair)


def _assign_nothing(stack: ExitStack) -> None:
    swap(stack, sharing, "deal", lambda warm, among: [])


def _keep_what_is_gone(stack: ExitStack) -> None:
    swap(stack, Stock, "gone", lambda self, uid: None)


def _lose_a_wake_up_in_a_pass(stack: ExitStack) -> None:
    wake = Workqueue.wake

    def deaf(self: Workqueue, key: str, delay: float = 0.0) -> None:
        entry = self._keys.get(key)
        if entry is None or not entry.running:
            wake(self, key, delay)

    swap(stack, Workqueue, "wake", deaf)


def _wake_nobody(stack: ExitStack) -> None:
    """A pod that arrives waits for the next client, whoever waits for a pod."""

    def keep(self: Stock[Any], pod: Backend) -> None:
        self.ever_stocked = True
        self._unused[pod.uid] = pod

    swap(stack, Stock, "_enter", keep)


def _tell_late_that_somebody_waits(stack: ExitStack) -> None:
    """The Lease says it when it is to be renewed anyway."""
    swap(stack, Presence, "demand_changed", lambda self, *, urgent=False: None)


def _serve_who_hung_up(stack: ExitStack) -> None:
    def deaf(self: Session, now: float) -> tuple[()]:
        self.eof = True
        return ()

    swap(stack, Session, "client_eof", deaf)


def _fall_too_soon(stack: ExitStack) -> None:
    def is_fenced(self: Presence) -> bool:
        renewed = self._renewed_at
        if renewed is not None and self._time.monotonic() - renewed <= HASTY_SECONDS:
            return False
        self._fall()
        return True

    swap(stack, Presence, "is_fenced", is_fenced)


MUTATIONS = (
    Mutation(
        "the pods of an expired proxy count as supply",
        ("warm",),
        _count_the_tainted,
        "a_proxy_dies_and_the_pool_is_warm_again",
    ),
    Mutation(
        "a pod whose IsolationPod is gone stays in stock",
        ("I4",),
        _keep_what_is_gone,
        "isolation_pods_deleted_by_hand",
    ),
    Mutation(
        "a proxy's fence falls when its Lease has yet to expire",
        ("warm",),
        _fall_too_soon,
        "all_proxies_parted_at_once",
    ),
    Mutation("a wake-up during a pass is lost", ("I5",), _lose_a_wake_up_in_a_pass, "clients_that_come_during_a_pass"),
    Mutation("a pod that arrives wakes nobody who waits", ("I5",), _wake_nobody, "clients_for_whom_pods_are_made"),
    Mutation(
        "a proxy tells that somebody waits when it renews its Lease",
        ("I5",),
        _tell_late_that_somebody_waits,
        "clients_for_whom_pods_are_made",
    ),
    Mutation(
        "a client that hung up in the queue is served",
        ("I5",),
        _serve_who_hung_up,
        "clients_that_shut_down_while_they_wait",
    ),
    Mutation("half of the proxies are given nothing", ("I4",), _starve_half),
    Mutation("no pod is assigned to anybody", ("I4",), _assign_nothing),
)
