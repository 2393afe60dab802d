"""Create and update: the one path that every write takes. Pure.

decode -> put back what this write may not touch -> fill in -> validate -> compare -> store. Objects are never changed
in place; a write takes over the body it is given.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from isoproxy.local.apiserver import admission, guards, metadata
from isoproxy.local.apiserver.errors import (
    FieldError,
    already_exists,
    bad_request,
    forbidden,
    invalid,
    not_found,
)
from isoproxy.local.apiserver.garbage import Ownership, Place
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.limits import Limits
from isoproxy.local.apiserver.options import WriteOptions
from isoproxy.local.apiserver.patches import managers
from isoproxy.local.apiserver.patches.managers import Entry
from isoproxy.local.apiserver.sources import Sources
from isoproxy.local.apiserver.store import Bucket, Key, Store, Stored

Json = dict[str, Any]

GENERATED_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Written:
    """What a write left behind; `warnings` are for the writer's eyes."""

    stored: Stored
    created: bool = False
    warnings: tuple[str, ...] = ()


class Writer:
    """Writes into one store, keeping the books of ownership."""

    def __init__(self, store: Store, ownership: Ownership, sources: Sources, limits: Limits) -> None:
        self._store = store
        self._ownership = ownership
        self._sources = sources
        self._limits = limits

    def exists(self, kind: Kind, key: Key) -> bool:
        return key in self._store.bucket(kind.bucket).objects

    def current(self, kind: Kind, namespace: str, name: str) -> Stored:
        """The newest version, 404 if there is none."""
        stored = self._store.bucket(kind.bucket).objects.get(Key(namespace, name))
        if stored is None:
            raise not_found(kind.resource, name)
        return stored

    # Create

    def create(
        self, kind: Kind, namespace: str, body: Any, options: WriteOptions, managed: list[Json] | None = None
    ) -> Written:
        """Store a new object; `managed` are its managedFields, if it has any."""
        warnings: list[str] = []
        obj = admission.decode(kind, body, options, warnings, applied=managed is not None)
        self._check_namespace(kind, namespace, obj)
        generates = not obj["metadata"].get("name")
        obj = obj | {"metadata": self._new_metadata(kind, namespace, obj["metadata"], managed)}
        obj = self._begin(kind, obj)
        bucket = self._store.bucket(kind.bucket)
        key = self._free_key(kind, bucket, obj, generates)
        if options.dry_run:
            del obj["metadata"]["resourceVersion"]
            return Written(Stored(obj, 0), True, tuple(warnings))
        if bucket.name == "events":
            self._evict_events(kind, bucket)
        stored = self._store.put(bucket, key, obj, filled=_only_shown(kind, obj))
        self._ownership.changed(Place(bucket.name, key), None, obj)
        return Written(stored, True, tuple(warnings))

    def _check_namespace(self, kind: Kind, namespace: str, obj: Json) -> None:
        stated = obj["metadata"].get("namespace", "")
        if not kind.namespaced:
            if stated:
                raise bad_request("namespace is not allowed on this resource")
            return
        if stated and stated != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        found = self._store.bucket("namespaces").objects.get(Key("", namespace))
        if found is None:
            raise not_found("namespaces", namespace)
        if found.object["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            refusal = forbidden(kind.resource, obj["metadata"].get("name", ""), why)
            refusal.details["causes"] = [
                {"reason": "NamespaceTerminating", "message": why, "field": "metadata.namespace"}
            ]
            raise refusal

    def _new_metadata(self, kind: Kind, namespace: str, stated: Json, managed: list[Json] | None) -> Json:
        name = stated.get("name") or ""
        if not name:
            prefix = stated.get("generateName")
            if not prefix:
                error = FieldError("Required value", "metadata.name", "name or generateName is required")
                raise invalid(kind.group, kind.kind, "", [error])
            name = prefix[: metadata.MAX_GENERATED_PREFIX] + self._sources.suffix()
        made: Json = {"name": name}
        if stated.get("generateName"):
            made["generateName"] = stated["generateName"]
        if kind.namespaced:
            made["namespace"] = namespace
        made |= {"uid": self._sources.uid(), "resourceVersion": ""}
        if kind.generation:
            made["generation"] = 1
        made["creationTimestamp"] = metadata.timestamp(self._sources.now())
        for key in ("labels", "annotations", "ownerReferences", "finalizers"):
            if stated.get(key):
                made[key] = stated[key]
        return made | ({"managedFields": managed} if managed else {})

    def _begin(self, kind: Kind, obj: Json) -> Json:
        """What it begins with, validated."""
        if kind.custom and kind.status:
            # The status is not the creator's to write. A real server validates without it and fills in its
            # defaults when the object is read again.
            obj.pop("status", None)
            bare = admission.default(kind, obj)
            bare = {key: value for key, value in bare.items() if key != "status"}
            admission.check(kind, bare, None)
            obj = admission.default(kind, bare)
        else:
            obj = admission.default(kind, obj)
            obj = kind.behaviour.prepare_create(kind.inward(obj) if kind.inward is not None else obj)
            admission.check(kind, obj, None)
        if kind.custom and kind.inward is not None:
            obj = kind.inward(obj)
        return obj | {"metadata": dict(obj["metadata"])}

    def _free_key(self, kind: Kind, bucket: Bucket, obj: Json, generates: bool) -> Key:
        found = obj["metadata"]
        for _ in range(GENERATED_ATTEMPTS if generates else 1):
            key = Key(found.get("namespace", ""), found["name"])
            if key not in bucket.objects:
                return key
            if generates:
                prefix = found["generateName"][: metadata.MAX_GENERATED_PREFIX]
                found["name"] = prefix + self._sources.suffix()
        raise already_exists(kind.resource, found["name"])

    def _evict_events(self, kind: Kind, bucket: Bucket) -> None:
        """Events go by age, as a real server's do, and by number."""
        oldest_allowed = self._sources.now() - self._limits.event_seconds
        while bucket.objects:
            key, stored = next(iter(bucket.objects.items()))
            created = metadata.seconds(stored.object["metadata"]["creationTimestamp"]) or 0.0
            if created >= oldest_allowed and len(bucket.objects) < self._limits.events:
                return
            self.vanish(kind, key)

    # Update

    def update(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        change: Callable[[Json], Any],
        options: WriteOptions,
        *,
        subresource: str = "",
        patch: bool = False,
        applied: bool = False,
    ) -> Written:
        """Store what `change` makes of the newest version, seen in the kind's own view.

        `patch`: it began as that version, so it need not say which one it means. `applied`: its managedFields
        are already right.
        """
        stored = self.current(kind, namespace, name)
        old = stored.object
        warnings: list[str] = []
        body = change(kind.outward(old) if kind.outward is not None else old)
        obj = admission.decode(kind, body, options, warnings, patched=patch, applied=applied)
        guards.check_place(obj["metadata"], old["metadata"])
        guards.check(kind, obj["metadata"], old["metadata"], patch)
        managed = obj["metadata"].get("managedFields")
        obj = admission.default(kind, obj)
        if kind.inward is not None:
            obj = kind.inward(obj)
        obj = self._isolated(kind, obj, old, subresource)
        obj = kind.behaviour.prepare_update(obj, old)
        obj = self._managed(kind, obj, old, stated=managed, options=options, subresource=subresource, applied=applied)
        if kind.generation and _desired(kind, obj) != _desired(kind, old):
            generation = old["metadata"].get("generation", 0) + 1
            obj = obj | {"metadata": obj["metadata"] | {"generation": generation}}
        admission.check(kind, obj, old)
        if obj == old and not stored.filled:
            return Written(stored, False, tuple(warnings))
        obj = obj | {"metadata": dict(obj["metadata"])}
        if options.dry_run:
            return Written(Stored(obj, stored.version), False, tuple(warnings))
        return Written(self.put(kind, Key(namespace, name), obj), False, tuple(warnings))

    def _isolated(self, kind: Kind, obj: Json, old: Json, subresource: str) -> Json:
        """The update with all that it may not touch as it was."""
        if subresource == "status":
            kept = dict(old)
            kept.pop("status", None)
            if "status" in obj:
                kept["status"] = obj["status"]
            if not kind.custom:
                owners = {key: old["metadata"][key] for key in ("ownerReferences",) if key in old["metadata"]}
                stated = {key: value for key, value in obj["metadata"].items() if key != "ownerReferences"}
                kept["metadata"] = metadata.carry_over(stated | owners, old["metadata"])
            return kept
        obj = obj | {"metadata": metadata.carry_over(obj["metadata"], old["metadata"])}
        if kind.status:
            obj.pop("status", None)
            if "status" in old:
                obj["status"] = old["status"]
        return obj

    def _managed(
        self,
        kind: Kind,
        obj: Json,
        old: Json,
        *,
        stated: Any,
        options: WriteOptions,
        subresource: str,
        applied: bool,
    ) -> Json:
        """The object with its managedFields as this write leaves them; `stated` are those that were sent."""
        before = old["metadata"].get("managedFields")
        if applied:
            entries = stated
        elif not before or stated in ([], [{}]):
            entries = None
        else:
            updater = self.manager(kind, options, "Update", subresource)
            entries = managers.written(managers.track_update(kind.schema, old, obj, updater))
        if entries == obj["metadata"].get("managedFields"):
            return obj
        found = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
        return obj | {"metadata": found | ({"managedFields": entries} if entries else {})}

    def manager(self, kind: Kind, options: WriteOptions, operation: str, subresource: str) -> Entry:
        """Who writes, as managedFields name it."""
        now = metadata.timestamp(self._sources.now())
        return Entry(options.field_manager or "unknown", operation, subresource, {}, kind.api_version, now)

    def put(self, kind: Kind, key: Key, obj: Json) -> Stored:
        """Store a new version of an object as it is; a deleted one with nothing left to wait for goes.

        For what the server itself changes: nothing is validated. The metadata must not be shared.
        """
        bucket = self._store.bucket(kind.bucket)
        if _may_vanish(obj):
            return self.vanish(kind, key)
        before = bucket.objects[key].object
        written = self._store.put(bucket, key, obj)
        self._ownership.changed(Place(bucket.name, key), before, obj)
        return written

    def vanish(self, kind: Kind, key: Key) -> Stored:
        """Remove an object for good; returns it as watches see it go."""
        bucket = self._store.bucket(kind.bucket)
        stored = self._store.remove(bucket, key)
        self._ownership.changed(Place(bucket.name, key), stored.object, None)
        return stored


def _may_vanish(obj: Json) -> bool:
    """Whether a deleted object has nothing left to wait for (a namespace waits for what is in it)."""
    found = obj["metadata"]
    if "deletionTimestamp" not in found or obj["kind"] == "Namespace":
        return False
    return not found.get("finalizers") and not found.get("deletionGracePeriodSeconds")


def _only_shown(kind: Kind, obj: Json) -> bool:
    """Whether a new object's status is its defaults: a real server shows those, and stores none."""
    return kind.custom and kind.status and "status" in obj


def _desired(kind: Kind, obj: Json) -> Json:
    """What the generation counts the changes of."""
    left_out = ("metadata", "status") if kind.status else ("metadata",)
    return {key: value for key, value in obj.items() if key not in left_out}
