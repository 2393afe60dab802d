"""Bugs by which the program does not get what its client sent before it was served, once and in order."""

from contextlib import ExitStack
from typing import Any

from isoproxy.proxy.connection import Connection
from isoproxy.proxy.session import Dial, Retire, Session
from test.simulation.mutations.mutation import Mutation, perform, performed, swap


def _lose_early_bytes(stack: ExitStack) -> None:
    """They go with the pod that was dead."""
    retire = performed(Retire)

    def retire_all(self: Connection, action: Retire) -> None:
        self._early.clear()
        retire(self, action)

    perform(stack, Retire, retire_all)


def _repeat_early_bytes(stack: ExitStack) -> None:
    """They are put down for each dial."""
    dial = performed(Dial)

    def put_down(self: Connection, action: Dial) -> None:
        if self.session.dials > 1:
            self._early *= 2
        dial(self, action)

    perform(stack, Dial, put_down)


def _forget_the_half_close(stack: ExitStack) -> None:
    eof = Session.client_eof

    def forget(self: Session, now: float) -> Any:
        actions = eof(self, now)
        self.eof = False
        return actions

    swap(stack, Session, "client_eof", forget)


MUTATIONS = (
    Mutation("what was sent before a dial that failed is lost", ("I6",), _lose_early_bytes, "pods_that_accept_late"),
    Mutation(
        "what was sent before a dial that failed is passed on twice",
        ("I6",),
        _repeat_early_bytes,
        "pods_that_accept_late",
    ),
    Mutation(
        "a half-close before a client is served is forgotten",
        ("I6",),
        _forget_the_half_close,
        "clients_that_shut_down_while_they_wait",
    ),
)
