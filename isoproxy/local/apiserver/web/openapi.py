"""OpenAPI documents: what `kubectl explain`, `apply` and the validation of older kubectls read. Pure.

Of each operation only that is said which clients look for: which kind it is about and which parameters it takes.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.kinds.registry import Registry
from isoproxy.local.apiserver.schema import models
from isoproxy.local.apiserver.schema.node import INT_OR_STRING, MISSING, Node
from isoproxy.local.apiserver.store import encode
from isoproxy.local.apiserver.web.discovery import VERSION, groups

Json = dict[str, Any]

_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_META_MODELS = re.compile(r"V1(ObjectMeta|OwnerReference|ManagedFieldsEntry|LabelSelector\w*|ListMeta)\Z")
_SCALARS = {"str": ("string", ""), "int": ("integer", "int64"), "float": ("number", "double"), "bool": ("boolean", "")}
_SCALARS |= {"datetime": ("string", "date-time"), "bytes": ("string", "byte")}
_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")


class Schemas:
    """The schemas of some kinds and of all that they refer to; `prefix` is where references point."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.found: dict[str, Json] = {}

    def add(self, kind: Kind) -> str:
        """Take a kind in; returns the name of its schema."""
        name = self._model(kind.model, kind.group) if kind.model else _custom_name(kind)
        if not kind.model:
            self.found[name] = self._object(kind)
        if kind.kind not in ("Scale",):
            self.found[name] = self.found[name] | {"x-kubernetes-group-version-kind": [gvk(kind)]}
        listed = {"type": "array", "items": self.reference(name)}
        self.found[f"{name}List"] = {
            "type": "object",
            "required": ["items"],
            "properties": _envelope() | {"items": listed, "metadata": self.reference(self._model("V1ListMeta", ""))},
            "x-kubernetes-group-version-kind": [gvk(kind) | {"kind": kind.list_kind}],
        }
        return name

    def reference(self, name: str) -> Json:
        return {"$ref": f"{self._prefix}{name}"}

    def _object(self, kind: Kind) -> Json:
        shown = self._node(kind.schema)
        shown["properties"] = (
            _envelope() | shown.get("properties", {}) | {"metadata": self.reference(self._model("V1ObjectMeta", ""))}
        )
        return shown

    def _node(self, node: Node) -> Json:
        """A custom schema, without what only the server needs."""
        shown: Json = {"description": node.description} if node.description else {}
        if node.type == INT_OR_STRING:
            return shown | {"x-kubernetes-int-or-string": True}
        if node.type:
            shown["type"] = node.type
        if node.format:
            shown["format"] = node.format
        if node.default is not MISSING:
            shown["default"] = node.default
        if node.required:
            shown["required"] = list(node.required)
        if node.preserve:
            shown["x-kubernetes-preserve-unknown-fields"] = True
        properties = {key: self._node(child) for key, child in node.properties.items() if not child.typed}
        if properties:
            shown["properties"] = properties
        if node.additional is not None:
            shown["additionalProperties"] = self._node(node.additional)
        if node.items is not None:
            shown["items"] = self._node(node.items)
            shown["x-kubernetes-list-type"] = node.list_type
            if node.list_keys:
                shown["x-kubernetes-list-map-keys"] = list(node.list_keys)
        return shown

    def _model(self, model: str, group: str) -> str:
        name = _model_name(model, group)
        if name in self.found:
            return name
        shown: Json = {"type": "object", "description": models.description(model), "properties": {}}
        self.found[name] = shown
        required = []
        for field in models.fields(model):
            described = self._typed(field.type, field.name, group)
            if "$ref" in described and field.description:
                described = self._described_reference(described, field.description)
            elif field.description:
                described = {"description": field.description} | described
            shown["properties"][field.name] = described | self._merging(model, field.name, field.type)
            if field.required:
                required.append(field.name)
        if required:
            shown["required"] = required
        if not shown["properties"]:
            del shown["properties"]
        return name

    def _described_reference(self, reference: Json, description: str) -> Json:
        """A reference stands alone in OpenAPI v2; v3 wraps it."""
        if self._prefix.startswith("#/definitions"):
            return reference
        return {"description": description, "allOf": [reference]}

    @staticmethod
    def _merging(model: str, field: str, type_: str) -> Json:
        if not type_.startswith("List["):
            return {}
        list_type, keys, merge_key = models.merge_of(model, field)
        shown: Json = {"x-kubernetes-list-type": list_type}
        if keys:
            shown["x-kubernetes-list-map-keys"] = list(keys)
        if merge_key:
            strategy = "merge,retainKeys" if (model, field) in models.RETAIN_KEYS else "merge"
            shown |= {"x-kubernetes-patch-merge-key": merge_key, "x-kubernetes-patch-strategy": strategy}
        elif list_type == "set":
            shown["x-kubernetes-patch-strategy"] = "merge"
        return shown

    def _typed(self, text: str, field: str, group: str) -> Json:
        inner = re.fullmatch(r"(List|Dict)\[(?:str, )?(.+)\]", text)
        if inner is not None:
            below = self._typed(inner.group(2), field, group)
            return {"type": "array", "items": below} if inner.group(1) == "List" else _map(below)
        if models.is_quantity(field, text):
            self.found[_QUANTITY] = {"type": "string"}
            return self.reference(_QUANTITY)
        if text in _SCALARS:
            kind, form = _SCALARS[text]
            return {"type": kind, "format": form} if form else {"type": kind}
        if text == "object":
            if not models.is_int_or_string(field):
                return {"type": "object"} if field == "fieldsV1" else {}
            self.found[_INT_OR_STRING] = {"type": "string", "format": "int-or-string"}
            return self.reference(_INT_OR_STRING)
        return self.reference(self._model(text, group))


def _map(values: Json) -> Json:
    return {"type": "object", "additionalProperties": values}


def _envelope() -> Json:
    return {
        "apiVersion": {"type": "string", "description": "The versioned schema of this representation of an object."},
        "kind": {"type": "string", "description": "The REST resource this object represents."},
    }


def gvk(kind: Kind) -> Json:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _custom_name(kind: Kind) -> str:
    return ".".join([*reversed(kind.group.split(".")), kind.version, kind.kind])


def _model_name(model: str, group: str) -> str:
    if _META_MODELS.match(model):
        return f"{_META}.{model[2:]}"
    bare = re.sub(r"^(Core|Events)?V1", "", model)
    package = group.partition(".")[0] or "core"
    return f"io.k8s.api.{package}.v1.{bare}"


def version_2(registry: Registry) -> Json:
    """`/openapi/v2`: everything in one document."""
    schemas = Schemas("#/definitions/")
    paths: Json = {}
    for kind in registry:
        schemas.add(kind)
        paths |= _paths(kind, old=True)
    return {"swagger": "2.0", "info": _info(), "paths": paths, "definitions": schemas.found}


def version_3(registry: Registry, group: str, version: str) -> Json | None:
    """`/openapi/v3/...` of one group version, None if there is none."""
    schemas = Schemas("#/components/schemas/")
    paths: Json = {}
    for kind in registry:
        if (kind.group, kind.version) == (group, version):
            schemas.add(kind)
            paths |= _paths(kind, old=False)
    if not paths:
        return None
    return {"openapi": "3.0.0", "info": _info(), "paths": paths, "components": {"schemas": schemas.found}}


def version_3_index(registry: Registry) -> Json:
    """`/openapi/v3`: where the documents are, each with a hash that changes with it."""
    revision = hashlib.sha256(encode([registry.revision, VERSION])).hexdigest()[:16].upper()
    paths = {}
    for group, versions in groups(registry).items():
        for version in versions:
            place = f"apis/{group}/{version}" if group else f"api/{version}"
            paths[place] = {"serverRelativeURL": f"/openapi/v3/{place}?hash={revision}"}
    return {"paths": paths}


def _info() -> Json:
    return {"title": "isoproxy", "version": VERSION["gitVersion"]}


_ACTIONS = {"get": "get", "put": "put", "patch": "patch", "delete": "delete"}


def _paths(kind: Kind, *, old: bool) -> Json:
    base = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    collection = f"{base}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{base}/{kind.plural}"
    described = dict(_operations(kind, old))
    return {
        collection: {method: described[method] for method in ("get", "post")},
        f"{collection}/{{name}}": {method: described[method] for method in _ACTIONS},
    }


def _operations(kind: Kind, old: bool) -> Iterator[tuple[str, Json]]:
    for method, action in ({"post": "post"} | _ACTIONS).items():
        operation: Json = {
            "operationId": f"{method}{kind.version}{kind.kind}",
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": gvk(kind),
        }
        if method in ("post", "put", "patch"):
            shape: Json = {"type": "string"} if old else {"schema": {"type": "string"}}
            operation["parameters"] = [{"name": name, "in": "query"} | shape for name in _PARAMETERS]
        yield method, operation
