"""Bugs by which a connection is ended that should go on, or its end is told twice, or not at all."""

from contextlib import ExitStack
from typing import Any

from isoproxy.kube.resources import ISOLATION_PODS, PODS
from isoproxy.model.isolationpod import IsolationPod, Phase
from isoproxy.operator import liveness, standing
from isoproxy.operator.actions import End, EndReason, Recall
from isoproxy.operator.apply import Applier
from isoproxy.operator.liveness import Liveness, Verdict
from isoproxy.proxy.backend import Backend
from isoproxy.proxy.session import Session
from isoproxy.proxy.stock import Return, Stock
from test.simulation.mutations.mutation import Mutation, redispatch, swap


def _end_by_uid_alone(stack: ExitStack) -> None:
    async def end(self: Applier, action: End) -> None:
        record = action.record
        meta = record.metadata
        await self._api.delete(ISOLATION_PODS, meta.name, namespace=meta.namespace, uid=meta.uid)
        self._cluster.records.deleted(record, self._monotonic())
        if action.pod_uid:
            await self._api.delete(PODS, record.spec.pod_name, namespace=meta.namespace, uid=action.pod_uid)

    redispatch(stack, End, end)


def _believe_silence(stack: ExitStack) -> None:
    """And without the second lock, which takes the silence of most for a fault of the network."""
    saw = Liveness.saw

    def looked(self: Liveness, key: Any, lease: Any, now: float) -> None:
        saw(self, key, lease, now)
        evidence = self._evidence[key]
        evidence.first_reply, evidence.last_request = evidence.changed_at, now

    swap(stack, Liveness, "saw", looked)
    swap(stack, Liveness, "due", lambda self, *_: [])
    swap(stack, liveness, "_most_expired", lambda verdicts: False)


def _believe_that_most_are_dead(stack: ExitStack) -> None:
    swap(stack, liveness, "_most_expired", lambda verdicts: False)


def _take_what_ends_for_ended(stack: ExitStack) -> None:
    """And without the patience with the end of what is in use."""
    swap(stack, standing, "_has_ended", lambda record, pod: pod.terminal)
    swap(stack, standing, "LOSS_SECONDS", 0.0)


def _end_unrecorded(stack: ExitStack) -> None:
    over = standing._over

    def at_once(observed: Any, record: IsolationPod, *rest: Any) -> EndReason | None:
        if record.status.phase is Phase.IN_USE and standing.verdict_of(observed, record).gone:
            return EndReason.PROXY_GONE
        return over(observed, record, *rest)

    swap(stack, standing, "_over", at_once)


def _end_in_silence(stack: ExitStack) -> None:
    """Whoever does not renew is taken for dead at once, as far as no use of a pod is written."""
    over = standing._over

    def at_once(observed: Any, record: IsolationPod, *rest: Any) -> EndReason | None:
        if record.status.phase is Phase.IDLE and standing.verdict_of(observed, record) is Verdict.EXPIRED:
            return EndReason.PROXY_GONE
        return over(observed, record, *rest)

    swap(stack, standing, "_over", at_once)


def _end_unasked(stack: ExitStack) -> None:
    async def end(self: Applier, action: Recall) -> None:
        await Applier._end(self, End(action.record, EndReason.RETURNED, action.record.spec.pod_uid))

    redispatch(stack, Recall, end)


def _end_the_pod_alone(stack: ExitStack) -> None:
    """And leave its record to whoever finds that the pod is gone."""

    async def end(self: Applier, action: Recall) -> None:
        meta, spec = action.record.metadata, action.record.spec
        await self._api.delete(PODS, spec.pod_name, namespace=meta.namespace, uid=spec.pod_uid)

    redispatch(stack, Recall, end)


def _return_what_is_claimed(stack: ExitStack) -> None:
    see = Stock.see

    def obey(self: Stock[Any], record: IsolationPod) -> Any:
        if record.recalled and record.metadata.uid in self._left and record.status.phase is Phase.IDLE:
            return Return(Backend.of(record))
        return see(self, record)

    swap(stack, Stock, "see", obey)


def _end_twice(stack: ExitStack) -> None:
    lost = Session.client_lost

    def again(self: Session, now: float) -> Any:
        actions = lost(self, now)
        return actions + actions[-1:]

    swap(stack, Session, "client_lost", again)


MUTATIONS = (
    Mutation(
        "an IsolationPod is deleted by uid alone",
        ("I3",),
        _end_by_uid_alone,
        "an_assignment_without_an_answer_beside_a_scale_down",
    ),
    Mutation("a quiet watch is taken for a proxy's death", ("I2",), _believe_silence, "a_watch_of_leases_that_hangs"),
    Mutation(
        "most proxies are taken for dead where they may be parted",
        ("I2",),
        _believe_that_most_are_dead,
        "all_proxies_parted_for_most_of_an_hour",
    ),
    Mutation(
        "a pod in use that is told to end is taken for one that has ended",
        ("I3",),
        _take_what_ends_for_ended,
        "a_node_parted_with_sessions_open",
    ),
    Mutation(
        "a pod in use at a dead proxy is ended before that is recorded",
        ("I3",),
        _end_unrecorded,
        "a_proxy_cut_off_for_longer_than_its_grace",
    ),
    Mutation(
        "what a silent proxy has not written is not waited for",
        ("I3",),
        _end_in_silence,
        "sessions_that_end_while_their_proxy_is_parted",
    ),
    Mutation(
        "what is not in use is ended without being asked back",
        ("I2",),
        _end_unasked,
        "a_scale_down_of_what_nobody_uses",
    ),
    Mutation("a pod is deleted while it is dialled", ("I2",), _end_the_pod_alone, "a_scale_down_during_a_dial"),
    Mutation("a recall returns a pod that is claimed", ("I3", "I2"), _return_what_is_claimed),
    Mutation("a connection ends twice", ("I3",), _end_twice, "clients_that_shut_down_while_they_wait"),
)
