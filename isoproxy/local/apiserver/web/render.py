"""Objects, lists, tables and watch events as bytes. Pure."""

import json
from collections.abc import Sequence
from typing import Any

import yaml

from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.reads import Page
from isoproxy.local.apiserver.store import Stored, encode
from isoproxy.local.apiserver.web.negotiation import YAML, Format

Json = dict[str, Any]

META = "meta.k8s.io/v1"


class Renderer:
    """Writes what is stored of one kind in one format. `now` is in seconds since the epoch.

    `include`: what a row of a table carries of its object: None, Metadata or Object.
    """

    def __init__(self, kind: Kind, form: Format, now: float, include: str = "Metadata") -> None:
        self._kind = kind
        self._form = form
        self._now = now
        self._include = include
        self._columns_shown = False

    def object(self, stored: Stored) -> bytes:
        return self._finished(self._one(stored))

    def _one(self, stored: Stored) -> bytes:
        if self._form.shape == "Table":
            return encode(self._table([stored], {"resourceVersion": stored.object["metadata"]["resourceVersion"]}))
        if self._form.shape == "PartialObjectMetadata":
            return encode(_partial(stored))
        return stored.encoded(self._kind.outward)

    def list(self, page: Page) -> bytes:
        metadata: Json = {"resourceVersion": str(page.version)}
        if page.continue_token:
            metadata["continue"] = page.continue_token
        if page.remaining is not None:
            metadata["remainingItemCount"] = page.remaining
        if self._form.shape == "Table":
            return self._finished(encode(self._table(page.items, metadata)))
        if self._form.shape == "PartialObjectMetadata":
            items = [encode(_partial(stored)) for stored in page.items]
            return self._finished(_list("PartialObjectMetadataList", META, metadata, items))
        return self._finished(_list(self._kind.list_kind, self._kind.api_version, metadata, self._items(page.items)))

    def _items(self, found: Sequence[Stored]) -> Sequence[bytes]:
        """Of custom kinds each item says what it is; of built-in ones, as on a real server, the list alone does."""
        encoded = [stored.encoded(self._kind.outward) for stored in found]
        if self._kind.custom:
            return encoded
        envelope = encode({"apiVersion": self._kind.api_version, "kind": self._kind.kind})[:-1] + b","
        return [b"{" + item[len(envelope) :] if item.startswith(envelope) else item for item in encoded]

    def event(self, type_: str, stored: Stored, now: float) -> bytes:
        """One line of a watch."""
        self._now = now
        return b'{"type":"' + type_.encode() + b'","object":' + self._one(stored) + b"}\n"

    def bookmark(self, version: int) -> bytes:
        metadata = {"resourceVersion": str(version), "creationTimestamp": None}
        if self._form.shape == "Table":
            body: Json = self._table([], {"resourceVersion": str(version)})
        elif self._form.shape == "PartialObjectMetadata":
            body = {"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": metadata}
        else:
            body = {"kind": self._kind.kind, "apiVersion": self._kind.api_version, "metadata": metadata}
        return encode({"type": "BOOKMARK", "object": body}) + b"\n"

    def _table(self, found: Sequence[Stored], metadata: Json) -> Json:
        table: Json = {"kind": "Table", "apiVersion": META, "metadata": metadata}
        # A watch sends the columns once.
        table["columnDefinitions"] = (
            None if self._columns_shown else [_definition(column) for column in self._kind.columns]
        )
        self._columns_shown = True
        table["rows"] = [self._row(stored) for stored in found]
        return table

    def _row(self, stored: Stored) -> Json:
        row: Json = {"cells": [column.value(stored.object, self._now) for column in self._kind.columns]}
        if self._include == "Object":
            view = self._kind.outward
            row["object"] = stored.object if view is None else view(stored.object)
        elif self._include != "None":
            row["object"] = _partial(stored)
        return row

    def _finished(self, body: bytes) -> bytes:
        return to_yaml(body) if self._form.media == YAML else body


def _definition(column: Any) -> Json:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


def _partial(stored: Stored) -> Json:
    return {"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": stored.object["metadata"]}


def _list(kind: str, api_version: str, metadata: Json, items: Sequence[bytes]) -> bytes:
    head = encode({"kind": kind, "apiVersion": api_version, "metadata": metadata})[:-1]
    return head + b',"items":[' + b",".join(items) + b"]}"


def to_yaml(body: bytes) -> bytes:
    """JSON is YAML; this is for people."""
    text: str = yaml.safe_dump(json.loads(body), sort_keys=False, allow_unicode=True)
    return text.encode()
