"""Deliberate bugs, one at a time put into the product: a simulation that does not find them proves nothing.

Each is a patch of the product in this process only, and the promise whose breach is to show it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from isoproxy.kube.resources import ISOLATION_PODS, PODS
from isoproxy.model.isolationpod import IsolationPod, Phase
from isoproxy.operator import leftovers, liveness, standing
from isoproxy.operator.actions import Assign, End, EndReason
from isoproxy.operator.apply import Applier
from isoproxy.operator.expectations import Expectations
from isoproxy.operator.leftovers import Leftovers
from isoproxy.operator.liveness import Liveness, Verdict
from isoproxy.operator.pool import Pool
from isoproxy.proxy import host
from isoproxy.proxy.backend import Backend
from isoproxy.proxy.presence import Presence
from isoproxy.proxy.session import Session
from isoproxy.proxy.stock import Return, Stock


@dataclass(frozen=True, slots=True)
class Mutation:
    """``breaks`` are the promises of which a run must find one broken; ``apply`` puts the bug in while the stack lasts.

    ``scenario`` is the one that shows it; without one it takes seeds.
    """

    name: str
    breaks: tuple[str, ...]
    apply: Callable[[ExitStack], None]
    scenario: str = ""


def _swap(owner: object, name: str, value: object) -> Callable[[ExitStack], None]:
    def apply(stack: ExitStack) -> None:
        stack.enter_context(patch.object(owner, name, value))

    return apply


@contextmanager
def put_in(mutation: Mutation) -> Iterator[None]:
    """Have the bug in the product meanwhile."""
    with ExitStack() as stack:
        mutation.apply(stack)
        yield


# The operator


def _end_by_uid_alone(stack: ExitStack) -> None:
    async def end(self: Applier, action: End) -> None:
        record = action.record
        meta = record.metadata
        await self._api.delete(ISOLATION_PODS, meta.name, namespace=meta.namespace, uid=meta.uid)
        self._cluster.records.deleted(record, self._monotonic())
        if action.pod_uid:
            await self._api.delete(PODS, record.spec.pod_name, namespace=meta.namespace, uid=action.pod_uid)

    _redispatch(stack, End, end)


def _redispatch(stack: ExitStack, action: type, function: Callable[..., Any]) -> None:
    dispatcher = Applier.__dict__["_do"].dispatcher
    before = dispatcher.dispatch(action)
    dispatcher.register(action, function)
    stack.callback(dispatcher.register, action, before)


def _assign_what_is_assigned(stack: ExitStack) -> None:
    """No guard, and none of the second lock either: the object that two operators give away goes to both."""

    async def unguarded(self: Applier, action: Assign) -> None:
        spec = {
            "proxy": action.instance,
            "podIP": action.pod.status.pod_ip,
            "podUID": action.pod.metadata.uid,
        }
        labels = {"soh.re/proxy": action.instance}
        meta = action.record.metadata
        await self._api.patch(
            ISOLATION_PODS, meta.name, {"metadata": {"labels": labels}, "spec": spec}, namespace=meta.namespace
        )

    _redispatch(stack, Assign, unguarded)
    stack.enter_context(patch("isoproxy.local.apiserver.admission.check_rules", lambda *_, **__: None))


def _forget_expectations(stack: ExitStack) -> None:
    stack.enter_context(patch.object(Expectations, "overlay", lambda self, seen, now: list(seen)))


def _believe_silence(stack: ExitStack) -> None:
    """And without the second lock, which takes the silence of most for a fault of the network."""
    saw = Liveness.saw

    def looked(self: Liveness, key: Any, lease: Any, now: float) -> None:
        saw(self, key, lease, now)
        evidence = self._evidence[key]
        evidence.first_reply, evidence.last_request = evidence.changed_at, now

    stack.enter_context(patch.object(Liveness, "saw", looked))
    stack.enter_context(patch.object(Liveness, "due", lambda self, now: []))
    stack.enter_context(patch.object(liveness, "_most_expired", lambda verdicts: False))


def _count_the_tainted(stack: ExitStack) -> None:
    assigned = standing._assigned

    def supply(*args: Any) -> standing.Standing:
        found = assigned(*args)
        return standing.Standing.STOCKED if found is standing.Standing.TAINTED else found

    stack.enter_context(patch.object(standing, "_assigned", supply))
    verdicts = Liveness.verdicts

    def living(self: Liveness, *services: Any) -> Mapping[Any, Verdict]:
        known = verdicts(self, *services)
        return {key: Verdict.ALIVE if verdict is Verdict.EXPIRED else verdict for key, verdict in known.items()}

    stack.enter_context(patch.object(Liveness, "verdicts", living))


def _end_unrecorded(stack: ExitStack) -> None:
    over = standing._over

    def at_once(observed: Any, record: IsolationPod, *rest: Any) -> EndReason | None:
        if record.status.phase is Phase.IN_USE and standing._verdict(observed, record).gone:
            return EndReason.PROXY_GONE
        return over(observed, record, *rest)

    stack.enter_context(patch.object(standing, "_over", at_once))


def _keep_half_made(stack: ExitStack) -> None:
    """What a crash, or a lost reply, left between the two creates stays."""
    over = standing._over

    def never(*args: Any) -> EndReason | None:
        reason = over(*args)
        return None if reason is EndReason.POD_ABSENT else reason

    stack.enter_context(patch.object(standing, "_over", never))


def _ignore_ending_pods(stack: ExitStack) -> None:
    def room(self: Pool) -> int:
        counted = sum(pod.isolated and not pod.ending for pod in self._observed.pods.values())
        to_come = sum(entry.pod is None and not entry.record.assigned for entry in self._found)
        return self._observed.service.spec.pod_ceiling - counted - to_come - self._observed.unseen_pods

    stack.enter_context(patch.object(Pool, "_count_room", room))


def _wall_falls_first(stack: ExitStack) -> None:
    def everything(self: Leftovers) -> list[Any]:
        return [*ends(replace(self, children=[])), *self.children]

    ends = Leftovers.ends
    stack.enter_context(patch.object(leftovers.Leftovers, "ends", everything))


# The proxy


def _offer_again(stack: ExitStack) -> None:
    """What left the stock enters it again when it is seen again, as long as its object says Idle."""
    see = Stock.see

    def forgetful(self: Stock[Any], record: IsolationPod) -> Any:
        self._left.pop(record.metadata.uid, None)
        return see(self, record)

    stack.enter_context(patch.object(Stock, "see", forgetful))


def _return_what_is_claimed(stack: ExitStack) -> None:
    see = Stock.see

    def obey(self: Stock[Any], record: IsolationPod) -> Any:
        if record.recalled and record.metadata.uid in self._left and record.status.phase is Phase.IDLE:
            return Return(Backend.of(record))
        return see(self, record)

    stack.enter_context(patch.object(Stock, "see", obey))


def _keep_what_is_gone(stack: ExitStack) -> None:
    stack.enter_context(patch.object(Stock, "gone", lambda self, uid: None))


def _no_fence(stack: ExitStack) -> None:
    stack.enter_context(patch.object(Presence, "is_fenced", lambda self: False))
    stack.enter_context(patch.object(Presence, "_arm_fence", lambda self: None))


def _use_a_name_again(stack: ExitStack) -> None:
    """An instance that is named after its pod alone takes itself for the one before it."""
    stack.enter_context(patch.object(host, "new_instance", lambda home, chance: f"{home}-0"))


def _serve_who_hung_up(stack: ExitStack) -> None:
    def deaf(self: Session, now: float) -> tuple[()]:
        return ()

    stack.enter_context(patch.object(Session, "client_eof", deaf))


def _end_twice(stack: ExitStack) -> None:
    lost = Session.client_lost

    def again(self: Session, now: float) -> Any:
        actions = lost(self, now)
        return actions + actions[-1:]

    stack.enter_context(patch.object(Session, "client_lost", again))


MUTATIONS = (
    Mutation("a pod is assigned without a guard", ("I1",), _assign_what_is_assigned),
    Mutation(
        "an IsolationPod is deleted by uid alone",
        ("I3",),
        _end_by_uid_alone,
        "an_assignment_without_an_answer_beside_a_scale_down",
    ),
    Mutation("what was just written is forgotten", ("I4",), _forget_expectations, "one_pod_at_most_that_ends_slowly"),
    Mutation("a quiet watch is taken for a proxy's death", ("I2",), _believe_silence, "a_watch_of_leases_that_hangs"),
    Mutation(
        "the pods of an expired proxy count as supply",
        ("warm",),
        _count_the_tainted,
        "a_proxy_dies_and_the_pool_is_warm_again",
    ),
    Mutation(
        "a pod in use at a dead proxy is ended before that is recorded",
        ("I3",),
        _end_unrecorded,
        "a_proxy_cut_off_for_longer_than_its_grace",
    ),
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
    Mutation("what is seen again is offered again", ("I1",), _offer_again, "a_relist_between_claim_and_record"),
    Mutation("a recall returns a pod that is claimed", ("I2",), _return_what_is_claimed),
    Mutation(
        "a pod whose IsolationPod is gone stays in stock",
        ("warm",),
        _keep_what_is_gone,
        "isolation_pods_deleted_by_hand",
    ),
    Mutation(
        "a proxy that cannot renew goes on by its stock",
        ("I1",),
        _no_fence,
        "a_proxy_cut_off_for_longer_than_its_grace",
    ),
    Mutation("a proxy takes up the name of the one before it", ("I1",), _use_a_name_again),
    Mutation(
        "a client that hung up in the queue is served",
        ("I5",),
        _serve_who_hung_up,
        "clients_that_shut_down_while_they_wait",
    ),
    Mutation("a connection ends twice", ("I3",), _end_twice, "clients_that_shut_down_while_they_wait"),
)
