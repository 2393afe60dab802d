"""Who owns whom, by uid, and which objects have to be looked at because an owner went. Pure.

It only keeps the books; the collector acts on them.
"""

from typing import Any, NamedTuple

from isoproxy.local.apiserver.store import Key

Json = dict[str, Any]


class Place(NamedTuple):
    bucket: str
    key: Key


class Ownership:
    """Updated with every change of every object."""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}  # by uid, of everything that exists
        self._dependants: dict[str, dict[Place, None]] = {}  # by the owner's uid
        self._suspects: dict[Place, None] = {}  # in the order they came
        self._waiting: dict[Place, None] = {}  # to be emptied, once more has gone

    def changed(self, place: Place, before: Json | None, after: Json | None) -> None:
        """Note that an object was created (`before` None), changed, or removed (`after` None)."""
        old = _owners(before)
        new = _owners(after)
        if old != new:
            for uid in old - new:
                self._leave(uid, place)
            for uid in new - old:
                self._dependants.setdefault(uid, {})[place] = None
            if any(uid not in self._places for uid in new):
                self.suspect(place)
        if after is None and before is not None:
            uid = before["metadata"]["uid"]
            self._places.pop(uid, None)
            self._suspects.pop(place, None)
            self._waiting.pop(place, None)
            self._suspects.update(self._waiting)
            self._waiting.clear()
            self._suspects.update(self._dependants.get(uid, {}))
        elif before is None and after is not None:
            self._places[after["metadata"]["uid"]] = place
        if after is not None and "deletionTimestamp" in after["metadata"]:
            self.suspect(place)

    def _leave(self, owner: str, place: Place) -> None:
        """A dependant went: an owner that waits for it may be able to go now."""
        left = self._dependants.get(owner, {})
        left.pop(place, None)
        if not left:
            self._dependants.pop(owner, None)
        waiting = self._places.get(owner)
        if waiting is not None:
            self.suspect(waiting)

    def suspect(self, place: Place) -> None:
        """Have an object looked at."""
        self._suspects[place] = None

    def wait(self, place: Place) -> None:
        """Have an object looked at again after the next removal of any."""
        self._waiting[place] = None

    def take(self) -> Place | None:
        """The next object to look at, None if there is none."""
        for place in self._suspects:
            del self._suspects[place]
            return place
        return None

    @property
    def pending(self) -> bool:
        return bool(self._suspects)

    def place_of(self, uid: str) -> Place | None:
        """Where the object with this uid is, None if it does not exist."""
        return self._places.get(uid)

    def dependants(self, uid: str) -> tuple[Place, ...]:
        return tuple(self._dependants.get(uid, ()))


def _owners(obj: Json | None) -> frozenset[str]:
    if obj is None:
        return frozenset()
    references = obj["metadata"].get("ownerReferences")
    return frozenset(reference["uid"] for reference in references) if references else frozenset()
