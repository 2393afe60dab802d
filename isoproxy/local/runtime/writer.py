"""Writes the status of pods: the newest state of each, as soon as the API server takes it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import txaio
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater

from isoproxy.kube.api import KubeApi
from isoproxy.kube.errors import Conflict, Invalid, KubeError, NotFound
from isoproxy.kube.resources import PODS, Json
from isoproxy.local.runtime.facts import PodId
from isoproxy.local.runtime.persistence import is_final, pause
from isoproxy.local.runtime.status import PodState, status

log = txaio.make_logger()

_AT_ONCE = 16  # requests in flight


@dataclass(slots=True, eq=False)
class _Entry:
    pod: PodId
    state: PodState
    dirty: bool = True  # `state` has not been written
    conditions: list[Json] = field(default_factory=list)  # as written last
    timer: IDelayedCall | None = None
    task: Deferred[None] | None = None
    failures: int = 0
    dropped: bool = False


class StatusWriter:
    """Of each pod it keeps one state, the newest; what came in between is never written.

    A write is repeated, with back-off, until it is answered. It never raises.
    """

    def __init__(
        self, api: KubeApi, clock: IReactorTime, *, now: Callable[[], datetime], jitter: Callable[[], float]
    ) -> None:
        self._api = api
        self._clock = clock
        self._now = now
        self._jitter = jitter
        self._slots = DeferredSemaphore(_AT_ONCE)
        self._entries: dict[str, _Entry] = {}  # by uid

    def put(self, pod: PodId, state: PodState, *, delay: float = 0.0) -> None:
        """Have this state written, in `delay` seconds at the latest; one that follows takes its place."""
        entry = self._entries.setdefault(pod.uid, _Entry(pod, state))
        entry.state = state
        entry.dirty = True
        if entry.task is not None:
            return  # it is being written, and will go on with this
        due = self._clock.seconds() + delay
        if entry.timer is not None:
            if entry.timer.getTime() <= due:
                return
            entry.timer.cancel()
        entry.timer = self._clock.callLater(delay, self._begin, entry)

    def drop(self, pod: PodId) -> None:
        """Begin no write of this pod any more."""
        entry = self._entries.pop(pod.uid, None)
        if entry is not None:
            entry.dropped = True
            if entry.timer is not None:
                entry.timer.cancel()

    def stop(self) -> None:
        """Drop all, and break off what is under way."""
        for entry in list(self._entries.values()):
            self.drop(entry.pod)
            if entry.task is not None:
                entry.task.cancel()

    def _begin(self, entry: _Entry) -> None:
        entry.timer = None
        entry.task = Deferred.fromCoroutine(self._write(entry))
        if entry.task.called:
            entry.task = None

    async def _write(self, entry: _Entry) -> None:
        try:
            while entry.dirty and not entry.dropped:
                delay = await self._write_once(entry)
                if delay > 0.0:
                    await deferLater(self._clock, delay)
        except CancelledError:
            pass  # by stop()
        finally:
            entry.task = None

    async def _write_once(self, entry: _Entry) -> float:
        """Seconds to wait before the next try."""
        await self._slots.acquire()
        try:
            entry.dirty = False
            body = status(entry.state, entry.conditions, self._now())
            await self._api.patch(
                PODS,
                entry.pod.name,
                {"metadata": {"uid": entry.pod.uid}, "status": body},  # the uid guards it
                namespace=entry.pod.namespace,
                subresource="status",
            )
        except KubeError as error:
            if _is_gone(error):
                entry.dirty = False
                return 0.0
            if is_final(error):
                log.error("the status of pod {pod} is refused: {error}", pod=str(entry.pod), error=error)
                return 0.0
            entry.failures += 1
            entry.dirty = True
            return pause(error, entry.failures, self._jitter)
        else:
            entry.conditions = body["conditions"]
            entry.failures = 0
        finally:
            self._slots.release()
        return 0.0


def _is_gone(error: KubeError) -> bool:
    """Whether the pod is no more; another may have its name."""
    if isinstance(error, Invalid):  # as a kube-apiserver calls it when the uid does not fit: it is immutable
        return any(cause.get("field") == "metadata.uid" for cause in error.details.get("causes") or ())
    return isinstance(error, NotFound | Conflict)
