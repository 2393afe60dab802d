"""What a real cluster's controllers clean up: dependants of what is gone, contents of what is going. Pure.

Each call does a bounded amount; whoever runs the server decides when, as the delay of a real garbage collector is not
to be relied on.
"""

from typing import Any

from isoproxy.local.apiserver.deletes import Deleter
from isoproxy.local.apiserver.garbage import Ownership, Place
from isoproxy.local.apiserver.kinds.builtin import CRDS
from isoproxy.local.apiserver.kinds.crds import CLEANUP
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.options import DeleteOptions
from isoproxy.local.apiserver.store import Key, Store, Stored
from isoproxy.local.apiserver.writes import Writer

Json = dict[str, Any]

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
PODS = "pods"


class Collector:
    """Acts on what the books of ownership say. `kinds` finds the stored kind of a bucket."""

    def __init__(
        self, store: Store, ownership: Ownership, writer: Writer, deleter: Deleter, kinds: dict[str, Kind]
    ) -> None:
        self._store = store
        self._ownership = ownership
        self._writer = writer
        self._deleter = deleter
        self._kinds = kinds

    def look_at(self, place: Place) -> None:
        """Do for one object what its owners, or its own deletion, ask for."""
        kind = self._kinds.get(place.bucket)
        stored = self._store.bucket(place.bucket).objects.get(place.key)
        if kind is None or stored is None:
            return
        found = stored.object["metadata"]
        if "deletionTimestamp" in found:
            self._help_to_go(kind, place, stored)
        elif found.get("ownerReferences"):
            self._check_owners(kind, place.key, found)

    def _check_owners(self, kind: Kind, key: Key, found: Json) -> None:
        """Keep what has an owner that stays; owners that are gone, or wait for this object to go, are dropped."""
        references = found["ownerReferences"]
        owners = [self._owner(reference, key) for reference in references]
        waiting = [owner is not None and FOREGROUND in _finalizers(owner) for owner in owners]
        solid = [
            reference
            for reference, owner, waits in zip(references, owners, waiting, strict=True)
            if owner is not None and not waits
        ]
        if not solid:
            self._delete(kind, key, found, "Foreground" if any(waiting) else "Background")
        elif len(solid) < len(references):
            self._set(kind, key, {"ownerReferences": solid})

    def _owner(self, reference: Json, key: Key) -> Stored | None:
        place = self._ownership.place_of(reference["uid"])
        if place is None or place.key.namespace not in ("", key.namespace):
            return None
        return self._store.bucket(place.bucket).objects[place.key]

    def _help_to_go(self, kind: Kind, place: Place, stored: Stored) -> None:
        found = stored.object["metadata"]
        finalizers = _finalizers(stored)
        if FOREGROUND in finalizers:
            self._after_dependants(kind, place.key, found, finalizers)
        elif ORPHAN in finalizers:
            self._orphan(kind, place.key, found, finalizers)
        elif place.bucket == "namespaces":
            self._empty_namespace(place, finalizers)
        elif place.bucket == CRDS and CLEANUP in finalizers:
            self._empty_crd(kind, place, finalizers)

    def _after_dependants(self, kind: Kind, key: Key, found: Json, finalizers: list[str]) -> None:
        waiting = False
        for dependant in self._ownership.dependants(found["uid"]):
            stored = self._store.bucket(dependant.bucket).objects[dependant.key]
            references = stored.object["metadata"]["ownerReferences"]
            waiting |= any(item["uid"] == found["uid"] and item.get("blockOwnerDeletion") for item in references)
            if "deletionTimestamp" not in stored.object["metadata"]:
                self._ownership.suspect(dependant)
        if not waiting:
            self._set(kind, key, {"finalizers": [item for item in finalizers if item != FOREGROUND]})

    def _orphan(self, kind: Kind, key: Key, found: Json, finalizers: list[str]) -> None:
        for dependant in self._ownership.dependants(found["uid"]):
            stored = self._store.bucket(dependant.bucket).objects[dependant.key]
            kept = [item for item in stored.object["metadata"]["ownerReferences"] if item["uid"] != found["uid"]]
            self._set(self._kinds[dependant.bucket], dependant.key, {"ownerReferences": kept})
        self._set(kind, key, {"finalizers": [item for item in finalizers if item != ORPHAN]})

    def _empty_namespace(self, place: Place, finalizers: list[str]) -> None:
        """Pods go first, and the rest when the last is gone: until then, the walls around them are to stand."""
        for are_pods in (True, False):
            for kind, key, found in self._contents(place.key.name, are_pods=are_pods):
                if "deletionTimestamp" not in found:
                    self._delete(kind, key, found, "Background")
            if self._contents(place.key.name, are_pods=are_pods):
                self._ownership.wait(place)
                return
        if not finalizers:
            self._writer.vanish(self._kinds[place.bucket], place.key)

    def _contents(self, namespace: str, *, are_pods: bool) -> list[tuple[Kind, Key, Json]]:
        return [
            (self._kinds[bucket.name], key, stored.object["metadata"])
            for bucket in self._store
            if bucket.name in self._kinds and (bucket.name == PODS) == are_pods
            for key, stored in bucket.select(namespace)
        ]

    def _empty_crd(self, kind: Kind, place: Place, finalizers: list[str]) -> None:
        bucket = self._store.bucket(place.key.name)
        instances = self._kinds.get(bucket.name)
        for key, stored in bucket.select(None) if instances is not None else ():
            if instances is not None and "deletionTimestamp" not in stored.object["metadata"]:
                self._delete(instances, key, stored.object["metadata"], "Background")
        if bucket.objects:
            self._ownership.wait(place)
        else:
            self._set(kind, place.key, {"finalizers": [item for item in finalizers if item != CLEANUP]})

    def _delete(self, kind: Kind, key: Key, found: Json, propagation: str) -> None:
        options = DeleteOptions(uid=found["uid"], propagation=propagation)
        self._deleter.delete(kind, key.namespace, key.name, options)

    def _set(self, kind: Kind, key: Key, fields: Json) -> None:
        """Write a few metadata fields; empty lists go."""
        obj = self._store.bucket(kind.bucket).objects[key].object
        kept = {name: value for name, value in obj["metadata"].items() if name not in fields}
        self._writer.put(kind, key, obj | {"metadata": kept | {name: value for name, value in fields.items() if value}})


def _finalizers(stored: Stored) -> list[str]:
    return stored.object["metadata"].get("finalizers") or []
