"""A proxy's unused pods, and the connections that wait for one. Pure.

That no pod is ever claimed twice rests on this file alone: every IsolationPod uid enters the stock at most once, and
what left it, in whatever way, never comes back. At any time there are unused pods or waiting connections, never both.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from isoproxy.model.isolationpod import IsolationPod, Phase
from isoproxy.proxy.backend import Backend

W = TypeVar("W", bound=Hashable)

TOMBSTONES = 10_000


@dataclass(frozen=True, slots=True)
class Serve(Generic[W]):
    """The connection that waited longest has claimed the pod."""

    waiter: W
    pod: Backend


@dataclass(frozen=True, slots=True)
class Return:
    """The pod will not be used, and is to be recorded as Returned."""

    pod: Backend


@dataclass(slots=True)
class _Fate:
    """Why a uid that left the stock must still be remembered: it is forgotten when both hold."""

    recorded: bool = False
    gone: bool = False


class Stock(Generic[W]):
    """What one proxy instance has, had, and is asked for. ``W`` identifies a waiting connection."""

    def __init__(self, instance: str, *, tombstones: int = TOMBSTONES) -> None:
        """``tombstones``: how many uids are remembered even after everything about them is settled."""
        self._instance = instance
        self._max_tombstones = tombstones
        self._unused: OrderedDict[str, Backend] = OrderedDict()
        self._left: dict[str, _Fate] = {}
        self._tombstones: OrderedDict[str, None] = OrderedDict()
        self._waiting: OrderedDict[W, None] = OrderedDict()
        self._fenced = False
        self._drained = False
        self.ever_stocked = False
        """Whether a pod has ever entered."""

    def __len__(self) -> int:
        """The number of unused pods."""
        return len(self._unused)

    @property
    def queued(self) -> int:
        """How many connections wait."""
        return len(self._waiting)

    @property
    def drained(self) -> bool:
        """Whether no pod can ever be had here again."""
        return self._drained

    def claim(self) -> Backend | None:
        """Take the pod that has been unused longest, for good; None when there is none."""
        if not self._unused:
            return None
        uid, pod = self._unused.popitem(last=False)
        self._left[uid] = _Fate()
        return pod

    def wait(self, waiter: W, *, limit: int, front: bool = False) -> bool:
        """Queue up for the next pod; False if ``limit`` connections wait already. The front is for those who had their
        turn and got a dead pod: they are let in beyond the limit, being no more than the pods that were claimed."""
        if self._unused:
            raise RuntimeError("there are unused pods: claim one")
        if not front and len(self._waiting) >= limit:
            return False
        self._waiting[waiter] = None
        if front:
            self._waiting.move_to_end(waiter, last=False)
        return True

    def leave(self, waiter: W) -> None:
        """Give up the place in the queue, if it has one."""
        self._waiting.pop(waiter, None)

    def longest_waiting(self) -> W | None:
        """Return who is served next."""
        return next(iter(self._waiting), None)

    def see(self, record: IsolationPod) -> Serve[W] | Return | None:
        """Take in an IsolationPod as it is now, and say what follows from it."""
        uid = record.metadata.uid
        if uid in self._left or uid in self._tombstones:
            return None
        usable = not (self._fenced or self._drained) and _is_offered(record)
        if uid in self._unused:
            return None if usable else self._take_out(uid)
        if not self._concerns_us(record):
            return None
        pod = Backend.of(record)
        if not usable:
            self._left[uid] = _Fate()
            return Return(pod)
        return self._enter(pod)

    def gone(self, uid: str) -> Return | None:
        """An IsolationPod is seen no more: deleted, or out of the proxy's sight. It cannot be used then."""
        returned = self._take_out(uid) if uid in self._unused else None
        if fate := self._left.get(uid):
            fate.gone = True
            self._settle(uid, fate)
        return returned

    def recorded(self, uid: str) -> None:
        """The final record of a pod that left was acknowledged, or needs none any more."""
        if fate := self._left.get(uid):
            fate.recorded = True
            self._settle(uid, fate)

    def retain(self, uids: Iterable[str]) -> list[Return]:
        """Take in a complete list: what is not in ``uids`` is gone."""
        there = set(uids)
        absent = [uid for uid in (*self._unused, *self._left) if uid not in there]
        return [returned for uid in absent if (returned := self.gone(uid))]

    def fence(self) -> list[Return]:
        """Drop everything, for good: these pods may belong to another by now. Nothing enters until ``reopen``."""
        self._fenced = True
        return self._drop_all()

    def reopen(self) -> None:
        """Let in what is assigned from now on; to be called when all that was assigned before has been seen."""
        self._fenced = False

    def drain(self) -> list[Return]:
        """Drop everything and never let anything in again."""
        self._drained = True
        return self._drop_all()

    def _concerns_us(self, record: IsolationPod) -> bool:
        """Whether it is an assignment to this instance that nobody has acted on."""
        spec = record.spec
        mine = spec.proxy == self._instance and spec.pod_ip != "" and spec.pod_uid != ""
        return mine and record.status.phase is Phase.IDLE

    def _enter(self, pod: Backend) -> Serve[W] | None:
        self.ever_stocked = True
        if self._waiting:
            waiter, _ = self._waiting.popitem(last=False)
            self._left[pod.uid] = _Fate()
            return Serve(waiter, pod)
        self._unused[pod.uid] = pod
        return None

    def _take_out(self, uid: str) -> Return:
        self._left[uid] = _Fate()
        return Return(self._unused.pop(uid))

    def _drop_all(self) -> list[Return]:
        return [self._take_out(uid) for uid in list(self._unused)]

    def _settle(self, uid: str, fate: _Fate) -> None:
        if not (fate.recorded and fate.gone):
            return
        del self._left[uid]
        self._tombstones[uid] = None
        if len(self._tombstones) > self._max_tombstones:
            self._tombstones.popitem(last=False)


def _is_offered(record: IsolationPod) -> bool:
    """Whether a pod that was assigned is still meant to be used."""
    return record.status.phase is Phase.IDLE and not is_withdrawn(record)


def is_withdrawn(record: IsolationPod) -> bool:
    """Whether a pod is asked back, or about to go: it is not to be used, unless it is in use already."""
    return record.recalled or record.metadata.deletion_timestamp is not None
