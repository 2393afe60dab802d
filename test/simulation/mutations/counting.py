"""Bugs by which something leaks, is made too often, or stands where it should not."""

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from isoproxy.operator import standing
from isoproxy.operator.actions import EndReason
from isoproxy.operator.expectations import Expectations
from isoproxy.operator.leftovers import Leftovers
from isoproxy.operator.pool import Pool
from test.simulation.mutations.mutation import Mutation, swap


def _forget_expectations(stack: ExitStack) -> None:
    swap(stack, Expectations, "overlay", lambda self, seen, now: list(seen))


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
    def everything(self: Leftovers) -> list[Any]:
        return [*ends(replace(self, children=[])), *self.children]

    ends = Leftovers.ends
    swap(stack, Leftovers, "ends", everything)


MUTATIONS = (
    Mutation("what was just written is forgotten", ("I4",), _forget_expectations, "one_pod_at_most_that_ends_slowly"),
    Mutation("an IsolationPod without its Pod stays", ("I4",), _keep_half_made),
    Mutation(
        "pods that end are not counted against maxPods",
        ("I4",),
        _ignore_ending_pods,
        "one_pod_at_most_that_ends_slowly",
    ),
    Mutation(
        "the wall of a deleted service falls before its pods have ended",
        ("wall",),
        _wall_falls_first,
        "a_service_made_anew_among_its_remains",
    ),
)
