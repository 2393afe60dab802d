"""The last changes of one kind: what a watch resumes from, and how far back a list can look. Pure."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isoproxy.local.apiserver.store import Key, Stored


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One write: `before` is None for a creation, `after` for a removal, of which `last` is what watches see."""

    version: int
    key: "Key"
    before: "Stored | None"
    after: "Stored | None"
    last: "Stored | None" = None

    @property
    def size(self) -> int:
        """Bytes that it keeps alive, about."""
        stored = self.after or self.before
        return stored.size if stored is not None else 0


class History:
    """A bounded run of changes with an unbroken numbering, the oldest going first.

    Positions count the changes since the beginning, so they stay valid while old changes go.
    """

    def __init__(self, capacity: int, capacity_bytes: int, first_version: int) -> None:
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._bytes = 0
        self._changes: list[Change] = []
        self._versions: list[int] = []
        self._sizes: list[int] = []  # when they came: an object may be shown differently later (Stored.reread)
        self._start = 0  # the position of the first change kept
        self.floor = first_version  # nothing is known of changes up to and including this version

    @property
    def end(self) -> int:
        """The position that the next change will have."""
        return self._start + len(self._changes)

    def add(self, change: Change) -> None:
        self._changes.append(change)
        self._versions.append(change.version)
        self._sizes.append(change.size)
        self._bytes += self._sizes[-1]
        # A quarter at a time: dropping one by one would move the whole list at each write.
        if len(self._changes) > self._capacity + self._capacity // 4:
            self._drop(len(self._changes) - self._capacity)
        while self._bytes > self._capacity_bytes and self._changes:
            self._drop(len(self._changes) // 4 + 1)

    def _drop(self, count: int) -> None:
        if count:
            self._bytes -= sum(self._sizes[:count])
            self.floor = self._versions[count - 1]
            del self._changes[:count]
            del self._versions[:count]
            del self._sizes[:count]
            self._start += count

    def position_after(self, version: int) -> int | None:
        """Where the changes newer than `version` begin, None if some of them are already gone."""
        if version < self.floor:
            return None
        return self._start + bisect_right(self._versions, version)

    def after(self, version: int) -> list[Change] | None:
        position = self.position_after(version)
        return None if position is None else self._changes[position - self._start :]

    def read(self, position: int, most: int) -> list[Change] | None:
        """Up to `most` changes from `position` on, None if the first of them is gone."""
        if position < self._start:
            return None
        begin = position - self._start
        return self._changes[begin : begin + most]
