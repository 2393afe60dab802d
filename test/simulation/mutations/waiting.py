"""Bugs by which a pool is not as warm as it should be, or somebody waits who need not, or no longer does."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from isoproxy.operator import standing
from isoproxy.operator.liveness import Liveness, Verdict
from isoproxy.proxy.session import Session
from isoproxy.proxy.stock import Stock
from test.simulation.mutations.mutation import Mutation, swap


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


def _keep_what_is_gone(stack: ExitStack) -> None:
    swap(stack, Stock, "gone", lambda self, uid: None)


def _serve_who_hung_up(stack: ExitStack) -> None:
    def deaf(self: Session, now: float) -> tuple[()]:
        return ()

    swap(stack, Session, "client_eof", deaf)


MUTATIONS = (
    Mutation(
        "the pods of an expired proxy count as supply",
        ("warm",),
        _count_the_tainted,
        "a_proxy_dies_and_the_pool_is_warm_again",
    ),
    Mutation(
        "a pod whose IsolationPod is gone stays in stock",
        ("warm",),
        _keep_what_is_gone,
        "isolation_pods_deleted_by_hand",
    ),
    Mutation(
        "a client that hung up in the queue is served",
        ("I5",),
        _serve_who_hung_up,
        "clients_that_shut_down_while_they_wait",
    ),
)
