"""A watch: a place in the history of one kind, read at the watcher's own pace. Pure.

There is no queue per watcher: the history is the queue. A watcher that falls out of it has to begin again.
"""

from collections.abc import Callable
from typing import NamedTuple

from isoproxy.local.apiserver.errors import StatusError, expired
from isoproxy.local.apiserver.history import Change
from isoproxy.local.apiserver.selectors import Selection
from isoproxy.local.apiserver.store import Bucket, Stored


class WatchEvent(NamedTuple):
    type: str  # ADDED, MODIFIED, DELETED
    stored: Stored


class Watch:
    """The changes of one kind after some version, filtered. Close it when done.

    `wake` is called, possibly several times, when there may be more to `take`; it must not call back into the server.
    """

    def __init__(
        self, bucket: Bucket, namespace: str | None, selection: Selection, *, since: int, wake: Callable[[], None]
    ) -> None:
        """Begin with the changes after version `since`. Raises 410 if some of them are gone."""
        position = bucket.history.position_after(since)
        if position is None:
            raise too_old(since, bucket.history.floor)
        self._bucket = bucket
        self._namespace = namespace
        self._selection = selection
        self._position = position
        self._wake = wake
        self._initial: list[Stored] = []
        bucket.listeners[wake] = None

    def begin_with_state(self) -> None:
        """Show what exists now as ADDED first (a watch that names no version); call before anything is taken."""
        found = (stored for _, stored in self._bucket.select(self._namespace))
        self._initial = [stored for stored in found if self._selection.matches(stored.object)]
        self._position = self._bucket.history.end

    def take(self, most: int = 500) -> list[WatchEvent]:
        """The next events; fewer than `most` changes looked at means that there are no more for now.

        Raises 410 when the watcher was too slow, and its next changes are gone.
        """
        if self._initial:
            initial, self._initial = self._initial[:most], self._initial[most:]
            return [WatchEvent("ADDED", stored) for stored in initial]
        changes = self._bucket.history.read(self._position, most)
        if changes is None:
            raise too_old(0, self._bucket.history.floor)
        self._position += len(changes)
        events = (self._event(change) for change in changes)
        return [event for event in events if event is not None]

    @property
    def caught_up(self) -> bool:
        """Whether everything was taken that there is: then a bookmark may say so."""
        return not self._initial and self._position == self._bucket.history.end

    @property
    def lost(self) -> bool:
        """Whether changes that were not taken yet are already gone: `take` will raise."""
        return not self._initial and self._bucket.history.read(self._position, 0) is None

    def _event(self, change: Change) -> WatchEvent | None:
        """What the watcher sees: an object that comes to match is ADDED, one that ceases to is DELETED."""
        if self._namespace is not None and change.key.namespace != self._namespace:
            return None
        matches = self._selection.matches
        before = change.before is not None and matches(change.before.object)
        after = change.after is not None and matches(change.after.object)
        if after and change.after is not None:
            return WatchEvent("MODIFIED" if before else "ADDED", change.after)
        if not before or change.before is None:
            return None
        if change.last is not None:
            return WatchEvent("DELETED", change.last)
        # It still exists: the watcher sees it as it last matched, with the version of the change.
        metadata = change.before.object["metadata"] | {"resourceVersion": str(change.version)}
        return WatchEvent("DELETED", Stored(change.before.object | {"metadata": metadata}, change.version))

    def close(self) -> None:
        """Hear of nothing any more; harmless when repeated."""
        self._bucket.listeners.pop(self._wake, None)


def too_old(asked: int, floor: int) -> StatusError:
    return expired(f"too old resource version: {asked} ({floor})")
