"""Bugs by which somebody waits too long, among too many, or is turned away who might have waited."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from isoproxy.proxy import sessions
from isoproxy.proxy.session import Limits
from isoproxy.proxy.stock import Stock
from test.simulation.mutations.mutation import Mutation, swap

_wait = Stock.wait


def _limit_by(change: Callable[[int], int], stack: ExitStack) -> None:
    def wait(self: Stock[Any], waiter: Any, *, limit: int, front: bool = False) -> bool:
        return _wait(self, waiter, limit=change(limit), front=front)

    swap(stack, Stock, "wait", wait)


def _wait_for(share: float, stack: ExitStack) -> None:
    def limits(**given: Any) -> Limits:
        return Limits(**(given | {"queue_timeout": given["queue_timeout"] * share}))

    swap(stack, sessions, "Limits", limits)


MUTATIONS = (
    Mutation("one more waits than may", ("I5",), partial(_limit_by, lambda limit: limit + 1)),
    Mutation("one is turned away where there is a place", ("I5",), partial(_limit_by, lambda limit: max(0, limit - 1))),
    Mutation("a client waits twice as long as it may", ("I5",), partial(_wait_for, 2.0)),
    Mutation("a client is turned away before its time", ("I5",), partial(_wait_for, 0.5)),
)
