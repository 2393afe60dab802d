"""Server-side apply. Pure.

An applier says what it wants of an object and owns just that: what it stops saying is removed unless others own it too,
and what another owns with a different value is a conflict, unless forced.
"""

from dataclasses import replace
from typing import Any

from isoproxy.local.apiserver.errors import StatusError
from isoproxy.local.apiserver.patches import fieldsets, managers
from isoproxy.local.apiserver.patches.fieldsets import Fields
from isoproxy.local.apiserver.patches.managers import Entry
from isoproxy.local.apiserver.schema.node import Node

Json = dict[str, Any]

BEFORE = "before-first-apply"


def apply(node: Node, live: Json, config: Json, applier: Entry, *, force: bool, ignored: frozenset[str]) -> Json:
    """`live` with the configuration applied, its managedFields included. 409 with every conflict as a cause.

    `ignored` are top-level fields that this write cannot touch (the status, or all else); `fields` of the applier is
    unused.
    """
    wanted = {key: below for key, below in fieldsets.of_object(node, config).items() if key[2:] not in ignored}
    entries = managers.read(live)
    if not entries:
        everything = fieldsets.of_object(node, live)
        entries = [replace(applier, manager=BEFORE, operation="Update", subresource="", fields=everything)]
    others = [entry for entry in entries if entry.identity != applier.identity]
    before = next((entry for entry in entries if entry.identity == applier.identity), applier)
    previous = before.fields
    clashes = _conflicts(node, live, config, wanted, others)
    if clashes and not force:
        raise _refusal(clashes)
    for index, entry in enumerate(others):
        taken = [path for path, other in clashes if other is entry]
        others[index] = replace(entry, fields=fieldsets.difference(entry.fields, _as_fields(taken)))
    dropped = fieldsets.difference(previous, wanted)
    for entry in others:
        dropped = fieldsets.difference(dropped, entry.fields)
    asked = {key: value for key, value in config.items() if key not in ignored}
    merged: Json = merge(node, fieldsets.remove(node, live, dropped) if dropped else live, asked)
    # An apply that says what it said before leaves its entry as it was.
    changed = before if wanted == previous else replace(applier, fields=wanted)
    fields = managers.written([*others, changed])
    return merged | {"metadata": merged["metadata"] | {"managedFields": fields}}


def create(node: Node, config: Json, applier: Entry, ignored: frozenset[str]) -> list[Json]:
    """The managedFields of an object that an apply creates."""
    wanted = {key: below for key, below in fieldsets.of_object(node, config).items() if key[2:] not in ignored}
    return managers.written([replace(applier, fields=wanted)])


def merge(node: Node | None, live: Any, config: Any) -> Any:
    """The configuration laid over what is there; list-maps by key, sets as unions, all else as a whole."""
    before, after = fieldsets.items(node, live), fieldsets.items(node, config)
    if before is None or after is None:
        return config
    # What is there keeps its order, what is new comes after it.
    order = [*before, *(key for key in after if key not in before)]
    laid = {key: _laid(key, before, after) for key in order}
    if type(config) is dict:
        return {key.removeprefix("f:"): value for key, value in laid.items()}
    return list(laid.values())


def _laid(key: str, before: dict[str, tuple[Node | None, Any]], after: dict[str, tuple[Node | None, Any]]) -> Any:
    if key not in after:
        return before[key][1]
    child, value = after[key]
    return merge(child, before[key][1], value) if key in before else value


def _conflicts(
    node: Node, live: Json, config: Json, wanted: Fields, others: list[Entry]
) -> list[tuple[tuple[str, ...], Entry]]:
    found = []
    for entry in others:
        for path in fieldsets.leaves(fieldsets.intersection(wanted, entry.fields)):
            if fieldsets.find(node, live, path) != fieldsets.find(node, config, path):
                found.append((path, entry))
    return found


def _as_fields(paths: list[tuple[str, ...]]) -> Fields:
    fields: Fields = {}
    for path in paths:
        below = fields
        for key in path:
            below = below.setdefault(key, {})
    return fields


def _refusal(clashes: list[tuple[tuple[str, ...], Entry]]) -> StatusError:
    causes = []
    for path, entry in clashes:
        using = f" using {entry.api_version}" if entry.operation == "Update" else ""
        message = f'conflict with "{entry.manager}"{using}'
        causes.append({"reason": "FieldManagerConflict", "message": message, "field": fieldsets.readable(path)})
    lines = [f"{cause['message']}: {cause['field']}" for cause in causes]
    listed = f" {lines[0]}" if len(lines) == 1 else "".join(f"\n- {line}" for line in lines)
    plural = "" if len(lines) == 1 else "s"
    return StatusError(409, "Conflict", f"Apply failed with {len(lines)} conflict{plural}:{listed}", {"causes": causes})
