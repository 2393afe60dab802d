"""Bugs by which something leaks, is made too often, or stands where it should not."""

import math
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from isoproxy.kube.errors import UnknownOutcome
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.observe.outcomes import Outcome
from isoproxy.operator import children, expectations, liveness, standing
from isoproxy.operator.actions import Child, EndReason
from isoproxy.operator.expectations import Expectations, _behind
from isoproxy.operator.leftovers import Leftovers
from isoproxy.operator.observed import Observed, Wanted
from isoproxy.operator.podmaker import PodMaker
from isoproxy.operator.pool import Pool
from isoproxy.proxy import stock
from isoproxy.proxy.connection import Connection
from isoproxy.proxy.session import Retire
from test.simulation.mutations.mutation import Mutation, perform, performed, swap


def _forget_expectations(stack: ExitStack) -> None:
    swap(stack, Expectations, "overlay", lambda self, seen, now: list(seen))


def _expect_for_ever(stack: ExitStack) -> None:
    """What came and went before the answer to its creation did is waited for, although the watch is past it."""
    swap(stack, expectations, "EXPIRY_SECONDS", math.inf)
    swap(stack, Expectations, "_is_to_come", lambda self, written, shown: shown is None or _behind(written, shown))


def _believe_an_older_watch(stack: ExitStack) -> None:
    """What the watch does not show is not there, although the watch is not as far as the write."""
    swap(stack, Expectations, "_is_to_come", lambda self, written, shown: shown is not None and _behind(written, shown))


def _make_again_at_once(stack: ExitStack) -> None:
    """A creation whose answer is lost is made again under another name, beside the one that may have happened."""
    make = PodMaker.make

    async def twice(self: PodMaker, service: DedicatedService, result: Any) -> None:
        try:
            await make(self, service, result)
        except UnknownOutcome:
            await make(self, service, result)

    swap(stack, PodMaker, "make", twice)


def _keep_half_made(stack: ExitStack) -> None:
    """What a crash, or a lost reply, left between the two creates stays."""
    over = standing._over

    def never(*args: Any) -> EndReason | None:
        reason = over(*args)
        return None if reason is EndReason.POD_ABSENT else reason

    swap(stack, standing, "_over", never)


def _ignore_ending_pods(stack: ExitStack) -> None:
    def room(self: Pool) -> int:
        counted = sum(pod.isolated and not pod.ending for pod in self._observed.pods.values())
        to_come = sum(entry.pod is None and not entry.record.assigned for entry in self._found)
        return self._observed.service.spec.pod_ceiling - counted - to_come - self._observed.unseen_pods

    swap(stack, Pool, "_count_room", room)


def _wall_falls_first(stack: ExitStack) -> None:
    def everything(self: Leftovers, *, walled: bool = False) -> list[Any]:
        return [*ends(replace(self, children=[])), *self.children]

    ends = Leftovers.ends
    swap(stack, Leftovers, "ends", everything)


def _leave_what_is_torn(stack: ExitStack) -> None:
    """A wall that stood once is taken to stand."""

    def due(child: Child, wanted: Wanted, observed: Observed) -> Any:
        if child is Child.NETWORK_POLICY and child in observed.applied and child not in observed.children:
            return None
        return look(child, wanted, observed)

    look = children._due
    swap(stack, children, "_due", due)


def _doubt_for_ever(stack: ExitStack) -> None:
    swap(stack, liveness, "MASS_HOLD_SECONDS", math.inf)


def _keep_who_did_not_answer(stack: ExitStack) -> None:
    """A pod that could not be connected to is not told of any more."""
    retire = performed(Retire)

    def forget(self: Connection, action: Retire) -> None:
        if action.outcome is not Outcome.DIAL_FAILED:
            retire(self, action)

    perform(stack, Retire, forget)


def _keep_what_is_recalled(stack: ExitStack) -> None:
    swap(stack, stock, "_is_offered", lambda record: True)


MUTATIONS = (
    Mutation(
        "what was just written is forgotten",
        ("I4",),
        _forget_expectations,
        "an_operator_that_does_not_hear_of_what_it_makes",
    ),
    Mutation(
        "what a watch does not show is not expected, however far behind it is",
        ("I4",),
        _believe_an_older_watch,
        "an_operator_that_does_not_hear_of_what_it_makes",
    ),
    Mutation(
        "what a watch does not show is expected for ever",
        ("I4",),
        _expect_for_ever,
        "pods_gone_before_the_answer_to_their_creation",
    ),
    Mutation(
        "what was created without an answer is made again at once",
        ("I4",),
        _make_again_at_once,
        "creations_without_an_answer_at_the_ceiling",
    ),
    Mutation(
        "a proxy keeps what it is asked to give back", ("I4",), _keep_what_is_recalled, "every_node_drained_in_turn"
    ),
    Mutation("a pod that did not answer is not released", ("I4",), _keep_who_did_not_answer, "pods_that_accept_late"),
    Mutation("an IsolationPod without its Pod stays", ("I4",), _keep_half_made, "a_crash_between_the_two_creates"),
    Mutation(
        "pods that end are not counted against maxPods",
        ("I4",),
        _ignore_ending_pods,
        "one_pod_at_most_that_ends_slowly",
    ),
    Mutation(
        "proxies that all died at once are waited for without end", ("I4",), _doubt_for_ever, "all_proxies_dead_at_once"
    ),
    Mutation(
        "the wall of a deleted service falls before its pods have ended",
        ("wall",),
        _wall_falls_first,
        "a_service_made_anew_among_its_remains",
    ),
    Mutation("a wall that was deleted is not made again", ("wall",), _leave_what_is_torn),
)
