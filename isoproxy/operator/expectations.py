"""The writes that the watch has not shown yet: a pass sees its predecessors' work, whatever the watch's lag.

Without it every pass before the watch catches up would do the same work again. It is an economy, not a lock: what must
never happen twice is guarded at the API server.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from isoproxy.kube.cache import Change, Key, is_newer
from isoproxy.model.metadata import ObjectMeta

EXPIRY_SECONDS = 120.0
"""Longer than a watch may be silent before it is replaced; what is not seen by then never will be."""


class HasMetadata(Protocol):
    """Anything parsed from a Kubernetes object."""

    @property
    def metadata(self) -> ObjectMeta:
        """Its identity."""
        ...


T = TypeVar("T", bound=HasMetadata)


@dataclass(frozen=True, slots=True)
class _Write(Generic[T]):
    uid: str
    result: T | None  # None: a deletion
    until: float


class Expectations(Generic[T]):
    """Expected objects of one kind, by namespace and name. Times are monotonic seconds.

    ``shown_to`` says up to which resourceVersion the watch has shown a namespace, None if that is not known.
    """

    def __init__(self, shown_to: Callable[[str], str | None] = lambda _: None) -> None:
        self._shown_to = shown_to
        self._writes: dict[Key, _Write[T]] = {}
        self._unknown: dict[str, float] = {}

    def wrote(self, result: T, now: float) -> None:
        """Expect what the API server answered to a create or patch."""
        self._unknown.pop(result.metadata.name, None)
        self._writes[_key(result)] = _Write(result.metadata.uid, result, now + EXPIRY_SECONDS)

    def deleted(self, seen: T, now: float) -> None:
        """Expect that an object is no more."""
        self._writes[_key(seen)] = _Write(seen.metadata.uid, None, now + EXPIRY_SECONDS)

    def unknown(self, name: str, now: float) -> None:
        """Count a creation of unknown outcome as if it had succeeded, until it is seen or too old to come."""
        self._unknown[name] = now + EXPIRY_SECONDS

    def saw(self, change: Change[T]) -> None:
        """Take in what the watch shows."""
        self._unknown.pop(change.key[1], None)
        write = self._writes.get(change.key)
        if write is None:
            return
        if change.new is None:
            gone = change.old is not None and change.old.metadata.uid == write.uid
        else:
            gone = change.new.metadata.uid != write.uid or (
                write.result is not None and not _behind(write.result, change.new)
            )
        if gone:
            del self._writes[change.key]

    def overlay(self, seen: Iterable[T], now: float) -> list[T]:
        """Return the objects as they will be seen."""
        for key in [key for key, write in self._writes.items() if write.until <= now]:
            del self._writes[key]
        merged = {_key(item): item for item in seen}
        for key, write in list(self._writes.items()):
            shown = merged.get(key)
            if write.result is None:
                if shown is not None and shown.metadata.uid == write.uid:
                    del merged[key]
            elif self._is_to_come(write.result, shown):
                merged[key] = write.result
            else:
                del self._writes[key]  # the watch was faster than the answer to the write, and may show it no more
        return list(merged.values())

    def _is_to_come(self, written: T, shown: T | None) -> bool:
        if shown is not None:
            return _behind(written, shown)
        cursor = self._shown_to(written.metadata.namespace)
        return cursor is None or is_newer(written.metadata.resource_version, cursor)  # else it came, and is gone

    def count_unknown(self, now: float) -> int:
        """Return how many creations may yet turn up."""
        for name in [name for name, until in self._unknown.items() if until <= now]:
            del self._unknown[name]
        return len(self._unknown)


def _key(item: HasMetadata) -> Key:
    return item.metadata.namespace, item.metadata.name


def _behind(expected: HasMetadata, seen: HasMetadata) -> bool:
    return is_newer(expected.metadata.resource_version, seen.metadata.resource_version)
