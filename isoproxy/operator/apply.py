"""Apply: carry out the actions of a plan. Each write is guarded by what the plan saw: a lost race changes nothing."""

from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial, singledispatchmethod
from typing import Any

import txaio
from twisted.internet.defer import Deferred, gatherResults

from isoproxy.kube.api import KubeApi
from isoproxy.kube.errors import AlreadyExists, ApiError, Conflict, KubeError, NamespaceTerminating, NotFound
from isoproxy.kube.resources import ISOLATION_PODS, LEASES
from isoproxy.model import names
from isoproxy.model.isolationpod import IsolationPod, Phase
from isoproxy.model.parsing import InvalidObject, Json, parse
from isoproxy.model.timestamps import rfc3339
from isoproxy.observe.outcomes import Outcome
from isoproxy.operator import children
from isoproxy.operator.actions import (
    Action,
    ApplyChild,
    Assign,
    Child,
    DeleteChild,
    DeleteLease,
    DeleteOrphan,
    End,
    MakePod,
    Recall,
    RecordLost,
)
from isoproxy.operator.childwrites import ChildWriter, NameTaken, NameToBeFreed
from isoproxy.operator.cluster import Cluster
from isoproxy.operator.observed import ChildObject
from isoproxy.operator.podender import PodEnder
from isoproxy.operator.podmaker import PodMaker
from isoproxy.operator.result import Result
from isoproxy.operator.slots import Slots
from isoproxy.operator.underway import Underway
from isoproxy.timesource import TimeSource

log = txaio.make_logger()

PLACES = 16
"""How many actions are carried out at once, but for what is made."""
MAKING_PLACES = 24
"""How much is made at once. With all of these places taken by whoever has slow webhooks, the client's connections
still have some for everything else."""
PLACES_EACH = 8
"""How many of either one service has; when half of them are taken, only one more."""
PATIENCE_SECONDS = 0.3
"""A pass waits so long for what it makes: nearly always that is done by then, and one pass goes on where all is known.
A client waits so long for a pod that is there, where another is slow to be made."""


class Applier:
    """Carries out actions through the API, so many at once, and records what to expect.

    ``lost`` is told the namespace and service of each connection that went down with its proxy, ``released`` is told
    the record of each that is over, once that is deleted. ``late`` is told the uid of a service that something was made
    for, or could not be, when no pass waited for it any more.
    """

    def __init__(
        self,
        *,
        api: KubeApi,
        cluster: Cluster,
        time: TimeSource,
        suffix: Callable[[], str],
        lost: Callable[[str, str], None],
        released: Callable[[IsolationPod], None],
        late: Callable[[str], None],
    ) -> None:
        self._api = api
        self._cluster = cluster
        self._monotonic = time.monotonic
        self._utcnow = time.utcnow
        self._lost = lost
        self._children = ChildWriter(api=api, cluster=cluster, monotonic=time.monotonic)
        self._pods = PodMaker(api=api, cluster=cluster, monotonic=time.monotonic, suffix=suffix)
        self._ends = PodEnder(api=api, cluster=cluster, monotonic=time.monotonic, released=released)
        self._slots = Slots(total=PLACES, each=PLACES_EACH, spare=PLACES // 2)
        making = Slots(total=MAKING_PLACES, each=PLACES_EACH, spare=MAKING_PLACES // 2)
        self._underway = Underway(time=time, slots=making, late=late)
        self._applying: defaultdict[str, set[Child]] = defaultdict(set)
        self._results: defaultdict[str, Result] = defaultdict(Result)

    async def apply(
        self, actions: Iterable[Action], uid: str = "", seen: Mapping[Child, ChildObject] | None = None
    ) -> Result:
        """Carry out ``actions`` for the service of that uid, side by side; never raises.

        What is made is waited for only for a moment: what came of the rest is in the ``outcome`` of later.
        ``seen`` are the children that the plan was made from.
        """
        actions = list(actions)
        done = [self._start(action, uid) for action in actions if not isinstance(action, ApplyChild | MakePod)]
        makings = (action for action in actions if isinstance(action, ApplyChild | MakePod))
        begun = [self._begin(action, uid, seen or {}) for action in makings if not self._is_applied(action, uid)]
        # Each ends in bounded time, because every request does.
        await gatherResults(done)
        await self._underway.wait(uid, begun, PATIENCE_SECONDS)
        return await self.outcome(uid)

    async def outcome(self, uid: str) -> Result:
        """Return what came of all that has ended since this was asked."""
        if any(isinstance(failure, NamespaceTerminating) for failure in self._results[uid].failures):
            await self._underway.settled(uid)  # such a word counts for nothing beside what was taken
        result = self._results.pop(uid)
        if self.busy(uid):
            self._results[uid].made = result.made
        return result

    def busy(self, uid: str) -> bool:
        """Whether something is being made for a service."""
        return self._underway.busy(uid)

    def being_made(self, uid: str) -> frozenset[str]:
        """Return the names of the pods that are being made for a service: that they are not seen means nothing."""
        return self._pods.being_made(uid)

    async def settled(self, uid: str) -> None:
        """Wait until nothing is being made for a service."""
        await self._underway.settled(uid)

    def forget(self, uid: str) -> None:
        """Drop what is kept of a service that is gone, and that nothing is being made for."""
        self._applying.pop(uid, None)
        self._results.pop(uid, None)

    def stop(self) -> Deferred[Any]:
        """Begin nothing more of what is to be made; fires when what is being made is."""
        return self._underway.stop()

    def _is_applied(self, action: Action, uid: str) -> bool:
        return isinstance(action, ApplyChild) and action.child in self._applying[uid]

    def _start(self, action: Action, uid: str) -> Deferred[None]:
        return self._slots.run(uid, partial(self._attempt, uid, action))

    def _begin(self, action: Action, uid: str, seen: Mapping[Child, ChildObject]) -> Deferred[None]:
        over = seen.get(action.child) if isinstance(action, ApplyChild) else None
        return self._underway.begin(uid, partial(self._attempt, uid, action, over))

    async def _attempt(self, uid: str, action: Action, over: ChildObject | None = None) -> None:
        result = Result()
        try:
            if isinstance(action, ApplyChild):
                await self._apply_child(action, over, uid, result)
            elif isinstance(action, MakePod):
                await self._pods.make(action.service, result)
            else:
                await self._do(action)
        except (AlreadyExists, Conflict, NotFound) as error:
            # Somebody was faster: the watch will show what there is to decide on now.
            log.debug("{action} met {error}", action=type(action).__name__, error=error)
        except Exception as error:
            if not isinstance(error, KubeError | InvalidObject):
                log.failure("{action} failed", action=type(action).__name__)
            if _is_setback(action, error):
                result.setbacks.append(error)
            else:
                result.failures.append(error)
        self._results[uid].add(result)

    async def _apply_child(self, action: ApplyChild, over: ChildObject | None, uid: str, result: Result) -> None:
        """Apply a child. One that cannot be is no failure: it must not slow down what else there is to do."""
        self._applying[uid].add(action.child)
        try:
            applied = await self._children.apply(action)
            result.applied[action.child] = applied
            result.made = applied.created
        except NameToBeFreed as error:
            log.debug("{name} is still that of a service that is gone", name=str(error))
        except NameTaken:
            result.obstacles[action.child] = children.taken(action.title)
        except ApiError as error:
            if not children.is_obstacle(action.child, error):
                raise
            result.obstacles[action.child] = children.refused(action.title, error.message or str(error))
        finally:
            self._applying[uid].discard(action.child)
        result.tried[action.child] = action, over

    @singledispatchmethod
    def _do(self, action: Action) -> Coroutine[Any, Any, None]:
        raise TypeError(f"no such action: {action!r}")

    @_do.register
    async def _assign(self, action: Assign) -> None:
        spec = {"proxy": action.instance, "podIP": action.pod.status.pod_ip, "podUID": action.pod.metadata.uid}
        patch = {"metadata": {"labels": {names.LABEL_PROXY: action.instance}}, "spec": spec}
        await self._patch_record(action.record, patch)

    @_do.register
    async def _recall(self, action: Recall) -> None:
        patch = {"metadata": {"annotations": {names.ANNOTATION_RECALL: self._timestamp()}}}
        await self._patch_record(action.record, patch)

    @_do.register
    async def _record_lost(self, action: RecordLost) -> None:
        status = {
            "phase": Phase.RELEASED.value,
            "inUse": False,
            "lastUsedTime": self._timestamp(),
            "outcome": Outcome.PROXY_LOST.value,
        }
        await self._patch_record(action.record, {"status": status}, subresource="status")
        self._lost(action.record.metadata.namespace, action.record.spec.service_name)

    def _timestamp(self) -> str:
        return rfc3339(self._utcnow())

    async def _patch_record(self, record: IsolationPod, patch: Json, *, subresource: str = "") -> None:
        """Patch an IsolationPod if it still is as seen."""
        guard = {"resourceVersion": record.metadata.resource_version}
        made = await self._api.patch(
            ISOLATION_PODS,
            record.metadata.name,
            patch | {"metadata": patch.get("metadata", {}) | guard},
            namespace=record.metadata.namespace,
            subresource=subresource,
        )
        self._cluster.records.wrote(parse(IsolationPod, made), self._monotonic())

    @_do.register
    async def _end(self, action: End) -> None:
        await self._ends.end(action)

    @_do.register
    async def _delete_orphan(self, action: DeleteOrphan) -> None:
        await self._ends.delete_orphan(action.pod)

    @_do.register
    async def _delete_child(self, action: DeleteChild) -> None:
        await self._children.delete(action)

    @_do.register
    async def _delete_lease(self, action: DeleteLease) -> None:
        meta = action.lease.metadata
        await self._api.delete(
            LEASES, meta.name, namespace=meta.namespace, uid=meta.uid, resource_version=meta.resource_version
        )


def _is_setback(action: Action, error: Exception) -> bool:
    """Whether it is for the next pods alone to wait; that a namespace goes is for all of its service to know."""
    return isinstance(action, MakePod) and isinstance(error, KubeError) and not isinstance(error, NamespaceTerminating)
