"""Objects by kind, each change with a resourceVersion of its own, counted through all kinds. Pure.

What is stored is never changed in place, so a reader may keep what it was given; nobody may write into it.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from isoproxy.local.apiserver.errors import StatusError
from isoproxy.local.apiserver.history import Change, History
from isoproxy.local.apiserver.limits import Limits

Json = dict[str, Any]
View = Callable[[Json], Json]


class Key(NamedTuple):
    namespace: str  # "" for what has none
    name: str


@dataclass(slots=True, eq=False)
class Stored:
    """One version of one object, and its JSON in each of the views that were asked for."""

    object: Json
    version: int
    filled: bool = False  # it shows defaults that no write has stored: the next one does, even if it changes nothing
    _encoded: dict[View | None, bytes] = field(default_factory=dict)

    def encoded(self, view: View | None = None) -> bytes:
        """The JSON, made once however many read it; `view` turns the stored form into the one asked for."""
        found = self._encoded.get(view)
        if found is None:
            found = encode(self.object if view is None else view(self.object))
            self._encoded[view] = found
        return found

    @property
    def size(self) -> int:
        """Bytes, as JSON."""
        return len(self.encoded())

    def reread(self, obj: Json) -> None:
        """Show the same version differently: its schema has changed."""
        self.object = obj
        self.filled = True
        self._encoded.clear()


_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode(value: Any) -> bytes:
    """A JSON value as compact UTF-8; half a surrogate pair, which JSON can say and UTF-8 cannot, becomes `?`."""
    return _to_json(value).encode(errors="replace")


class Bucket:
    """The objects of one kind (all its versions and views), their history, and who wants to hear of changes."""

    def __init__(self, name: str, history: History) -> None:
        self.name = name
        self.history = history
        self.objects: dict[Key, Stored] = {}
        self.listeners: dict[Callable[[], None], None] = {}

    def select(self, namespace: str | None) -> list[tuple[Key, Stored]]:
        """The objects of one namespace, or of all (None), sorted by namespace and name."""
        found: Iterable[tuple[Key, Stored]] = self.objects.items()
        if namespace is not None:
            found = (item for item in found if item[0].namespace == namespace)
        return sorted(found)

    def at(self, version: int) -> dict[Key, Stored] | None:
        """The objects as they were right after `version`, None if the history does not reach back that far."""
        changes = self.history.after(version)
        if changes is None:
            return None
        objects = dict(self.objects)
        for change in reversed(changes):
            if change.before is None:
                del objects[change.key]
            else:
                objects[change.key] = change.before
        return objects


class Store:
    """All buckets and the one resourceVersion they share."""

    def __init__(self, *, first_version: int, limits: Limits) -> None:
        self.version = first_version
        self._first = first_version
        self._limits = limits
        self._buckets: dict[str, Bucket] = {}
        self._count = 0
        self._bytes = 0

    def bucket(self, name: str) -> Bucket:
        if name not in self._buckets:
            self._buckets[name] = Bucket(name, History(self._limits.history, self._limits.history_bytes, self._first))
        return self._buckets[name]

    def __iter__(self) -> Iterator[Bucket]:
        return iter(tuple(self._buckets.values()))

    def put(self, bucket: Bucket, key: Key, obj: Json, *, filled: bool = False) -> Stored:
        """Store `obj` as the newest version of `key` and tell the listeners; `filled` as in `Stored`.

        The resourceVersion is written into its metadata, which must not be shared with another object. Raises 413
        for one that is too large, 403 when the store is full.
        """
        obj["metadata"]["resourceVersion"] = str(self.version + 1)
        stored = Stored(obj, self.version + 1, filled)
        before = bucket.objects.get(key)
        self._check_room(stored, before)
        self.version += 1
        self._count += before is None
        self._bytes += stored.size - (before.size if before is not None else 0)
        bucket.objects[key] = stored
        self._record(bucket, Change(self.version, key, before, stored))
        return stored

    def _check_room(self, stored: Stored, before: Stored | None) -> None:
        limits = self._limits
        if stored.size > limits.object_bytes:
            message = f"the object is too large: {stored.size} bytes, the limit is {limits.object_bytes}"
            raise StatusError(413, "RequestEntityTooLarge", message)
        if before is None and (self._count >= limits.objects or self._bytes + stored.size > limits.store_bytes):
            message = f"exceeded quota: the server holds {self._count} objects of {self._bytes} bytes"
            raise StatusError(403, "Forbidden", message)

    def reread(self, stored: Stored, obj: Json) -> None:
        """Show a version differently, as `Stored.reread`."""
        self._bytes -= stored.size
        stored.reread(obj)
        self._bytes += stored.size

    def remove(self, bucket: Bucket, key: Key) -> Stored:
        """Remove `key`; the last version, as watches see it go, has the resourceVersion of the removal."""
        before = bucket.objects.pop(key)
        self._count -= 1
        self._bytes -= before.size
        self.version += 1
        last = before.object | {"metadata": before.object["metadata"] | {"resourceVersion": str(self.version)}}
        stored = Stored(last, self.version)
        self._record(bucket, Change(self.version, key, before, None, last=stored))
        return stored

    def _record(self, bucket: Bucket, change: Change) -> None:
        bucket.history.add(change)
        for listener in tuple(bucket.listeners):
            listener()
