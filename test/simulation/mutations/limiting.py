"""Bugs by which a bound is not kept: connections are cut too early, too late or for nothing; pods are too many."""

from contextlib import ExitStack
from functools import partial
from typing import Any

from isoproxy.model.isolationpod import IsolationPod
from isoproxy.operator.pool import Pool
from isoproxy.proxy import sessions
from isoproxy.proxy.connection import Connection
from isoproxy.proxy.session import Limits
from isoproxy.proxy.sessions import Sessions
from test.simulation.mutations.mutation import Mutation, swap


def _limit_all(stack: ExitStack) -> None:
    """As if there were a default."""

    def limits(**given: Any) -> Limits:
        return Limits(**(given | {"max_duration": given["max_duration"] or 30.0}))

    swap(stack, sessions, "Limits", limits)


def _duration_by(share: float, stack: ExitStack) -> None:
    def limits(**given: Any) -> Limits:
        longest = given["max_duration"]
        return Limits(**(given | {"max_duration": longest and longest * share}))

    swap(stack, sessions, "Limits", limits)


def _count_words_as_silence(stack: ExitStack) -> None:
    """The time counts from the beginning."""

    def forgets_marks(self: Connection, now: float) -> None:
        if self._relay is not None:
            self._quiet_mark = self._relay.last_activity
        cut(self, now)

    cut = Connection.cut_if_idle
    swap(stack, Connection, "cut_if_idle", forgets_marks)


def _sweep_no_more(stack: ExitStack) -> None:
    swap(stack, Sessions, "_end_idle", lambda self, now: None)


def _take_changes_for_the_end(stack: ExitStack) -> None:
    see = Sessions.see

    def tell(self: Sessions, record: IsolationPod) -> None:
        see(self, record)
        if (connection := self._having.get(record.metadata.uid)) is not None:
            connection.pod_gone()

    swap(stack, Sessions, "see", tell)


def _tell_nobody(stack: ExitStack) -> None:
    swap(stack, Connection, "pod_gone", lambda self: None)


def _look_at_no_ceiling(stack: ExitStack) -> None:
    swap(stack, Pool, "_count_room", lambda self: 100)


MUTATIONS = (
    Mutation("maxPods is not looked at", ("I4",), _look_at_no_ceiling, "two_operators_at_the_ceiling"),
    Mutation("a connection without a limit has one", ("I2",), _limit_all),
    Mutation("a connection is cut before its time", ("I2",), partial(_duration_by, 0.8)),
    Mutation("a connection may last longer than it may", ("I5",), partial(_duration_by, 1.5)),
    Mutation(
        "who talks counts as idle",
        ("I2",),
        _count_words_as_silence,
        "a_proxy_stopped_for_longer_than_clients_may_be_silent",
    ),
    Mutation(
        "an idle connection stays", ("I5",), _sweep_no_more, "a_proxy_stopped_for_longer_than_clients_may_be_silent"
    ),
    Mutation(
        "any change of its record is the end of a pod",
        ("I2",),
        _take_changes_for_the_end,
        "clients_that_stay_when_their_pods_are_gone",
    ),
    Mutation(
        "no session is told that its pod is gone", ("I5",), _tell_nobody, "clients_that_stay_when_their_pods_are_gone"
    ),
)
