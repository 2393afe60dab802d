"""metadata.managedFields: who owns which fields of an object that was ever applied. Pure.

As long as an object was never applied server-side, nobody's fields are tracked, and it carries no managedFields. The
first apply counts all that is there as owned by `before-first-apply`, as a real server does with objects it did not
track. From then on every write is tracked.
"""

from dataclasses import dataclass, replace
from typing import Any

from isoproxy.local.apiserver.patches import fieldsets
from isoproxy.local.apiserver.patches.fieldsets import Fields
from isoproxy.local.apiserver.schema.node import Node

Json = dict[str, Any]

MAX_UPDATERS = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """One manager's fields, by one way of writing them."""

    manager: str
    operation: str  # Apply or Update
    subresource: str
    fields: Fields
    api_version: str
    time: str

    @property
    def identity(self) -> tuple[str, str, str]:
        return self.manager, self.operation, self.subresource


def read(obj: Json) -> list[Entry]:
    return [
        Entry(
            found.get("manager", ""),
            found.get("operation", "Update"),
            found.get("subresource", ""),
            found.get("fieldsV1") or {},
            found.get("apiVersion", ""),
            found.get("time", ""),
        )
        for found in obj["metadata"].get("managedFields") or ()
    ]


def written(entries: list[Entry]) -> list[Json]:
    """The entries as metadata has them; those that own nothing are left out."""
    found: list[Json] = []
    for entry in entries:
        if not entry.fields:
            continue
        shown: Json = {
            "manager": entry.manager,
            "operation": entry.operation,
            "apiVersion": entry.api_version,
            "time": entry.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": entry.fields,
        }
        found.append(shown | ({"subresource": entry.subresource} if entry.subresource else {}))
    return found


def track_update(node: Node, old: Json, new: Json, updater: Entry) -> list[Entry]:
    """The entries after an update: what changed goes from whoever had it to the updater (`fields` of it unused)."""
    gained = _without_server_fields(fieldsets.changed(node, old, new) or {})
    lost = fieldsets.difference(fieldsets.of_object(node, old), fieldsets.of_object(node, new))
    touched = fieldsets.union(gained, lost)
    entries = read(old)
    if not touched:
        return entries
    mine = next((entry.fields for entry in entries if entry.identity == updater.identity), {})
    kept = [
        replace(entry, fields=fieldsets.difference(entry.fields, touched))
        for entry in entries
        if entry.identity != updater.identity
    ]
    fields = fieldsets.union(fieldsets.difference(mine, lost), gained)
    return _capped([*kept, replace(updater, fields=fields)])


def _without_server_fields(fields: Fields) -> Fields:
    """Only what `of_object` counts."""
    found = {key: below for key, below in fields.items() if key not in ("f:apiVersion", "f:kind")}
    metadata = found.pop("f:metadata", {})
    metadata = {
        key: below
        for key, below in metadata.items()
        if key in ("f:labels", "f:annotations", "f:ownerReferences", "f:finalizers")
    }
    return found | ({"f:metadata": metadata} if metadata else {})


def _capped(entries: list[Entry]) -> list[Entry]:
    """Many updaters are too many to tell apart: the oldest become one."""
    updaters = sorted((entry for entry in entries if entry.operation == "Update"), key=lambda entry: entry.time)
    surplus = updaters[: max(0, len(updaters) - MAX_UPDATERS)]
    if not surplus:
        return entries
    fields: Fields = {}
    for entry in surplus:
        fields = fieldsets.union(fields, entry.fields)
    ancient = replace(surplus[-1], manager="ancient-changes", fields=fields)
    return [entry for entry in entries if entry not in surplus] + [ancient]
