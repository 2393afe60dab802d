"""Writes what became of each pod onto its IsolationPod, off the hot path: late is fine, lost or twice told is not.

Every write is guarded by resourceVersion. A conflict means to look again and decide anew; a reply that never came, too.
What cannot be written is tried again without end, but the number of stories is bounded by the pods that were held.
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import txaio
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from isoproxy.kube.api import KubeApi
from isoproxy.kube.errors import ApiError, Conflict, KubeError, NotFound, TooManyRequests, Unauthorized
from isoproxy.kube.resources import ISOLATION_PODS, Json
from isoproxy.kube.retry import full_jitter
from isoproxy.model.isolationpod import IsolationPod, Phase
from isoproxy.model.parsing import parse
from isoproxy.observe.outcomes import Outcome
from isoproxy.proxy.backend import Backend
from isoproxy.proxy.recording import FINAL, Story, further, next_patch
from isoproxy.proxy.timeouts import Aging
from isoproxy.timesource import TimeSource

log = txaio.make_logger()

CONCURRENCY = 16
IN_USE_AFTER_SECONDS = 1.0
"""A connection that is over sooner costs one write less."""
CALM_SECONDS = 0.005
"""Writes wait until for so long no client has come: a crowd is let through before anything is written about it."""
LONGEST_COURTESY_SECONDS = 0.25
"""But a crowd without end is not waited for longer than this."""
LONGEST_PAUSE_SECONDS = 30.0
ROUNDS = 4
"""How often one visit looks again after a conflict, before others have their turn."""


@dataclass(slots=True, eq=False)
class _Record:
    """One pod's story, and what is known of how much of it was told."""

    story: Story
    told: bool = False  # that the pod left the stock has been acknowledged, or nobody needs to know any more
    gone: bool = False  # the object is
    newest: IsolationPod | None = None  # from a reply to us
    doubtful: bool = False  # a write may have happened: ask before the next one
    busy: bool = False  # being written, or in the line
    since: float = 0.0  # when it took its place in the line
    failures: int = 0
    timer: IDelayedCall | None = None


class Records:
    """The stories of all pods that left the stock, until they are told to the end."""

    def __init__(
        self,
        *,
        api: KubeApi,
        instance: str,
        time: TimeSource,
        newest: Callable[[Backend], IsolationPod | None],
        on_told: Callable[[], None],
        on_final: Callable[[str], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """``newest`` looks into the watch's cache. ``on_told`` is called when ``untold`` went down, ``on_final`` with
        the uid whose story is told."""
        self._api = api
        self._instance = instance
        self._time = time
        self._newest = newest
        self._on_told = on_told
        self._on_final = on_final
        self._jitter = jitter
        self._records: dict[str, _Record] = {}
        self._line: deque[_Record] = deque()
        self._writes: dict[Deferred[None], None] = {}  # a set, in order
        self._aging: Aging[_Record] = Aging(time=time, seconds=IN_USE_AFTER_SECONDS, due=self._grew_old)
        self._pause: IDelayedCall | None = None
        self._failures = 0  # of the API server, in a row
        self._claimed_at = -CALM_SECONDS
        self._next: IDelayedCall | None = None
        self._stopped = False
        self._flushing: list[Deferred[None]] = []
        self.untold = 0
        """Pods that left the stock without the API server knowing it yet."""

    def claimed(self, pod: Backend, client: str, at: datetime) -> None:
        """A connection was given the pod."""
        self._claimed_at = self._time.monotonic()
        record = self._begin(Story(pod, Phase.IDLE, client=client, started=at))
        self._aging.add(record)

    def released(self, pod: Backend, outcome: Outcome, at: datetime) -> None:
        """The pod that was claimed is done with."""
        record = self._records[pod.uid]
        record.story.ended = at
        record.story.outcome = outcome
        self._tell(record, Phase.RELEASED)

    def returned(self, pod: Backend) -> None:
        """The pod left the stock unused."""
        self._tell(self._begin(Story(pod, Phase.IDLE)), Phase.RETURNED)

    async def flush(self, within: float) -> bool:
        """Wait until every story is told; False if that took longer than ``within`` seconds."""
        if not self._records:
            return True
        flushed: Deferred[None] = Deferred()
        self._flushing.append(flushed)
        try:
            await flushed.addTimeout(within, self._time.reactor)
        except DeferredTimeoutError:
            self._flushing.remove(flushed)
            log.warn("{count} pods could not be recorded", count=len(self._records))
            return False
        return True

    def stop(self) -> None:
        """Write no more; idempotent."""
        self._stopped = True
        self._aging.stop()
        for timer in (self._next, self._pause):
            if timer is not None:
                timer.cancel()
        self._next = self._pause = None
        for record in self._records.values():
            if record.timer is not None:
                record.timer.cancel()
                record.timer = None
        for write in list(self._writes):
            write.cancel()

    def _begin(self, story: Story) -> _Record:
        record = self._records[story.pod.uid] = _Record(story)
        self.untold += 1
        return record

    def _grew_old(self, record: _Record) -> None:
        if record.story.wanted is Phase.IDLE:
            self._tell(record, Phase.IN_USE)

    def _tell(self, record: _Record, phase: Phase) -> None:
        record.story.wanted = phase
        self._queue(record)

    def _queue(self, record: _Record) -> None:
        if record.busy:
            return  # whoever holds it sees the change
        record.busy = True
        self._line_up(record)
        self._work()

    def _line_up(self, record: _Record) -> None:
        record.since = self._time.monotonic()
        self._line.append(record)

    def _work(self) -> None:
        """Have one more write begun in the reactor's next turn, if one may run; not now, because clients may wait."""
        if self._next is None and self._may_write():
            self._next = self._time.call_later(0.0, self._begin_write)

    def _may_write(self) -> bool:
        return bool(self._line) and len(self._writes) < CONCURRENCY and self._pause is None and not self._stopped

    def _begin_write(self) -> None:
        self._next = None
        if not self._may_write():
            return
        if self._clients_come_first():
            self._next = self._time.call_later(CALM_SECONDS, self._begin_write)
            return
        record = self._line.popleft()
        write = Deferred.fromCoroutine(self._write(record))
        self._writes[write] = None
        args = (write, record, record.story.wanted)
        write.addCallbacks(self._wrote, self._failed, callbackArgs=args, errbackArgs=args)
        write.addErrback(lambda failure: log.failure("recording a pod failed", failure=failure))
        self._work()

    def _clients_come_first(self) -> bool:
        now = self._time.monotonic()
        return now - self._claimed_at < CALM_SECONDS and now - self._line[0].since < LONGEST_COURTESY_SECONDS

    def _wrote(self, _: None, write: Deferred[None], record: _Record, wanted: Phase) -> None:
        self._writes.pop(write, None)
        self._failures = record.failures = 0
        self._acknowledged(record, wanted)
        self._work()

    def _failed(self, failure: Failure, write: Deferred[None], record: _Record, wanted: Phase) -> None:
        self._writes.pop(write, None)
        if failure.check(CancelledError):
            return  # by stop()
        if failure.check(NotFound):
            record.gone = True
            self._acknowledged(record, wanted)
        else:
            self._put_off(record, failure.value)
        self._work()

    async def _write(self, record: _Record) -> None:
        """Make the object show what the story tells; returns when it does."""
        if record.gone:
            return
        seen = None if record.doubtful else further(self._newest(record.story.pod), record.newest)
        for _ in range(ROUNDS):
            if seen is None:
                seen = await self._get(record)
            patch = next_patch(record.story, seen, self._instance)
            if patch is None:
                return
            try:
                seen = record.newest = await self._patch(record, patch)
            except Conflict:
                seen = None
            except KubeError as error:
                record.doubtful = error.may_have_happened
                raise
        raise Conflict(409, message="others keep changing it")

    async def _get(self, record: _Record) -> IsolationPod:
        pod = record.story.pod
        seen = parse(IsolationPod, await self._api.get(ISOLATION_PODS, pod.name, namespace=pod.namespace))
        if seen.metadata.uid != pod.uid:
            raise NotFound(404, message="another object has its name")
        record.doubtful = False
        return seen

    async def _patch(self, record: _Record, patch: Json) -> IsolationPod:
        pod = record.story.pod
        reply = await self._api.patch(ISOLATION_PODS, pod.name, patch, namespace=pod.namespace, subresource="status")
        return parse(IsolationPod, reply)

    def _acknowledged(self, record: _Record, wanted: Phase) -> None:
        """The object shows ``wanted``, or is no more."""
        story = record.story
        record.busy = False
        if not record.told:
            record.told = True
            self.untold -= 1
            self._on_told()
        if story.wanted is not wanted:
            self._queue(record)
        elif wanted in FINAL:
            del self._records[story.pod.uid]
            self._on_final(story.pod.uid)
            if not self._records:
                self._flushed()

    def _flushed(self) -> None:
        flushing, self._flushing = self._flushing, []
        for flushed in flushing:
            flushed.callback(None)

    def _put_off(self, record: _Record, error: BaseException | None) -> None:
        """Try again later: this story alone if it is about its object, else all of them."""
        pod = record.story.pod
        if _is_about_the_object(error):
            record.failures += 1
            if record.failures == 1:
                log.warn("{pod} cannot be recorded: {error!r}; trying on", pod=pod.name, error=error)
            record.timer = self._time.call_later(self._delay(record.failures, error), self._again, record)
            return
        self._line_up(record)
        if self._pause is None and not self._stopped:
            self._failures += 1
            if self._failures == 1:
                log.warn("pods cannot be recorded: {error!r}; trying on", error=error)
            self._pause = self._time.call_later(self._delay(self._failures, error), self._resume)

    def _delay(self, failures: int, error: BaseException | None) -> float:
        delay = full_jitter(failures, self._jitter, ceiling=LONGEST_PAUSE_SECONDS)
        asked = (error.retry_after if isinstance(error, ApiError) else None) or 0.0
        return max(delay, min(asked, LONGEST_PAUSE_SECONDS))

    def _again(self, record: _Record) -> None:
        record.timer = None
        self._line_up(record)
        self._work()

    def _resume(self) -> None:
        self._pause = None
        self._work()


def _is_about_the_object(error: BaseException | None) -> bool:
    """Whether other objects may well do better: neither the server nor the way to it is the trouble."""
    if isinstance(error, ApiError):
        return error.status < 500 and not isinstance(error, TooManyRequests | Unauthorized)
    return not isinstance(error, KubeError)
