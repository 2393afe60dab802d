"""What a reflector knows: the newest seen of each object, and how lists and events change it. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, TypeVar

from isoproxy.kube.api import WatchEvent
from isoproxy.kube.errors import describe
from isoproxy.kube.resources import Json

T = TypeVar("T")
Key = tuple[str, str]  # namespace ("" for a cluster-scoped object), name


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """One difference: `old` None is an addition, `new` None a deletion; never are both None."""

    key: Key
    old: T | None
    new: T | None


@dataclass(frozen=True, slots=True)
class Version:
    """What identifies one state of one object."""

    uid: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """What is kept of one object of a list: `item` as it was parsed, or `error`; neither where it is known as it is."""

    key: Key
    version: Version
    item: T | None = None
    error: str = ""


class Cache(Generic[T]):
    """Parsed objects by key, and the cursor up to which they are known.

    An object that `parse` refuses, by any exception, is told to `refused` once for each of its versions and kept in
    `unparsed` as long as it exists; in `items` the last good version of the same uid stays, because what
    cannot be understood is not gone.
    """

    def __init__(self, parse: Callable[[Json], T], refused: Callable[[Key, Version, str], None]) -> None:
        self._parse = parse
        self._refused = refused
        self._items: dict[Key, T] = {}
        self._versions: dict[Key, Version] = {}  # of the items
        self._unparsed: dict[Key, Version] = {}
        self.items: Mapping[Key, T] = MappingProxyType(self._items)
        self.unparsed: Mapping[Key, Version] = MappingProxyType(self._unparsed)
        self.cursor: str | None = None  # None: a list is due

    def read(self, item: Json) -> Listed[T]:
        """Make of one object of a list what `replace` takes."""
        key, version = _identify(item)
        if self._versions.get(key) == version:  # an object that did not change is not parsed again
            return Listed(key, version)
        return self._parsed(key, version, item)

    def replace(self, objects: Sequence[Listed[T]], resource_version: str) -> Iterator[Change[T]]:
        """Take in a complete list, which is the truth whatever was known before: the differences only.

        They are made one by one as the iterator advances, deletions first; the cursor follows at the end. Since the
        first of the objects was read, nothing else may have been taken in.
        """
        listed = {one.key: one for one in objects}
        for key in [key for key in self._unparsed if key not in listed]:
            del self._unparsed[key]
        for key in [key for key in self._items if key not in listed]:
            yield self._remove(key)
        for one in listed.values():
            if one.item is not None or one.error:
                yield from self._put(one)
        self.cursor = resource_version

    def apply(self, event: WatchEvent) -> Iterator[Change[T]]:
        """Take in one event and move the cursor; a repetition of what is known already changes nothing."""
        if event.type == "BOOKMARK":
            self._advance(event.object["metadata"]["resourceVersion"])
            return
        key, version = _identify(event.object)
        if event.type == "DELETED":
            yield from self._deleted(key, version)
        elif self.cursor is None or is_newer(version.resource_version, self.cursor):
            # Not newer than the cursor would be an event come twice, or of an object that was deleted since.
            yield from self._put(self._parsed(key, version, event.object))
        self._advance(version.resource_version)

    def _advance(self, resource_version: str) -> None:
        if self.cursor is None or is_newer(resource_version, self.cursor):
            self.cursor = resource_version

    def _parsed(self, key: Key, version: Version, item: Json) -> Listed[T]:
        try:
            return Listed(key, version, item=self._parse(item))
        except Exception as error:  # whatever it is, it must cost no more than this one object
            return Listed(key, version, error=describe(error))

    def _put(self, found: Listed[T]) -> Iterator[Change[T]]:
        key, version = found.key, found.version
        known = self._versions.get(key)
        if known is not None and known.uid != version.uid:
            yield self._remove(key)
        if found.item is None:
            if self._unparsed.get(key) != version:
                self._unparsed[key] = version
                self._refused(key, version, found.error)
            return
        self._unparsed.pop(key, None)
        old = self._items.get(key)
        self._items[key], self._versions[key] = found.item, version
        yield Change(key, old, found.item)

    def _deleted(self, key: Key, version: Version) -> Iterator[Change[T]]:
        known = self._unparsed.get(key) or self._versions.get(key)
        if known is None:
            return
        if known.uid != version.uid and not is_newer(version.resource_version, known.resource_version):
            return  # late news of an earlier object of this name
        self._unparsed.pop(key, None)
        if key in self._items:
            yield self._remove(key)

    def _remove(self, key: Key) -> Change[T]:
        del self._versions[key]
        return Change(key, self._items.pop(key), None)


def is_newer(one: str, other: str) -> bool:
    """Whether a resourceVersion is later than another; what is no number has no order, so any other is later."""
    if one.isdecimal() and other.isdecimal():
        return int(one) > int(other)
    return one != other


def _identify(item: Json) -> tuple[Key, Version]:
    metadata = item["metadata"]
    key = (metadata.get("namespace", ""), metadata["name"])
    return key, Version(metadata["uid"], metadata["resourceVersion"])
