"""A CustomResourceDefinition's schema, parsed into nodes; what a real server would refuse is refused. Pure."""

from dataclasses import dataclass
from typing import Any

from isoproxy.local.apiserver.errors import FieldError
from isoproxy.local.apiserver.schema import rules
from isoproxy.local.apiserver.schema.checks import compile_checks
from isoproxy.local.apiserver.schema.defaults import fill
from isoproxy.local.apiserver.schema.node import ANY, INT_OR_STRING, MISSING, Node
from isoproxy.local.apiserver.schema.prune import prune
from isoproxy.local.apiserver.schema.validate import validate

Json = dict[str, Any]

MAX_DEPTH = 64
_TYPES = frozenset({"object", "array", "string", "integer", "number", "boolean"})
_UNSUPPORTED = ("$ref", "definitions", "dependencies", "patternProperties", "additionalItems", "id", "$schema")
_NOT_IN_JUNCTORS = ("type", "default", "description", "nullable", "additionalProperties")


def parse(schema: Json, where: str, metadata: Node, errors: list[FieldError]) -> Node:
    """The finished root node of one version's `openAPIV3Schema`, `metadata` (of every object) included.

    `where` is the schema's own path, for the `errors` that name what is wrong with it; with errors the node is
    not to be used.
    """
    root = _Parser(errors).node(schema, _Place(where))
    if root.type != "object":
        errors.append(FieldError("Invalid value", f"{where}.type", "must be object at the root", root.type))
    root.embedded = True
    root.properties["metadata"] = metadata
    root.properties.setdefault("apiVersion", Node(type="string").finish())
    root.properties.setdefault("kind", Node(type="string").finish())
    if not errors:
        # The rules of the root see the name, so they are compiled with the envelope in place.
        root.rules = rules.compile_rules(
            schema.get("x-kubernetes-validations", []), root, where, errors, correlatable=True, is_root=True
        )
    return root.finish()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a schema is, and where the values are that it describes (`path`, "" for the root).

    `correlatable`: whether such a value can be told apart from others, and so compared with what it was.
    """

    where: str
    path: str = ""
    correlatable: bool = True
    depth: int = 0

    def below(self, where: str, path: str, *, correlatable: bool = True) -> "_Place":
        return _Place(f"{self.where}.{where}", self.path + path, self.correlatable and correlatable, self.depth + 1)


class _Parser:
    def __init__(self, errors: list[FieldError]) -> None:
        self.errors = errors

    def node(self, schema: Any, place: _Place) -> Node:
        """One schema as a finished node."""
        where = place.where
        if not isinstance(schema, dict) or place.depth > MAX_DEPTH:
            self._refuse(where, "must be an object, nested no deeper than 64 levels")
            return Node(preserve=True).finish()
        node = Node(
            type=self._type(schema, where),
            nullable=schema.get("nullable") is True,
            description=schema.get("description", ""),
            preserve=schema.get("x-kubernetes-preserve-unknown-fields") is True,
            embedded=schema.get("x-kubernetes-embedded-resource") is True,
            required=tuple(schema.get("required") or ()),
            format=schema.get("format", ""),
            atomic=schema.get("x-kubernetes-map-type") == "atomic",
            checks=compile_checks(schema, where, self.errors),
        )
        self._refuse_unsupported(schema, where)
        self._children(node, schema, place)
        self._junctors(node, schema, where)
        node.finish()
        if "default" in schema:
            self._default(node, schema["default"], where)
        if place.path:
            stated = schema.get("x-kubernetes-validations", [])
            node.rules = rules.compile_rules(stated, node, where, self.errors, correlatable=place.correlatable)
        return node.finish()

    def _type(self, schema: Json, where: str) -> str:
        if schema.get("x-kubernetes-int-or-string") is True:
            return INT_OR_STRING
        stated = schema.get("type", "")
        if stated in _TYPES:
            return str(stated)
        if stated:
            self._refuse(f"{where}.type", f"must be one of {', '.join(sorted(_TYPES))}", stated)
        elif schema.get("x-kubernetes-preserve-unknown-fields") is not True:
            detail = "must not be empty for specified object fields"
            self.errors.append(FieldError("Required value", f"{where}.type", detail))
        return ANY

    def _children(self, node: Node, schema: Json, place: _Place) -> None:
        for key, child in (schema.get("properties") or {}).items():
            if place.path == "" and key in ("metadata", "apiVersion", "kind"):
                continue
            path = f".{key}" if place.path else key
            node.properties[key] = self.node(child, place.below(f"properties[{key}]", path))
        additional = schema.get("additionalProperties")
        if isinstance(additional, dict):
            if node.properties:
                self._refuse(f"{place.where}.additionalProperties", "must not be used together with properties")
            node.additional = self.node(additional, place.below("additionalProperties", ".*"))
        elif additional is True:
            node.preserve = True
        if node.type == "array":
            self._items(node, schema, place)

    def _items(self, node: Node, schema: Json, place: _Place) -> None:
        where = place.where
        if "items" not in schema:
            self.errors.append(FieldError("Required value", f"{where}.items", "must be specified"))
            return
        node.list_type = schema.get("x-kubernetes-list-type", "atomic")
        node.list_keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
        if node.list_type not in ("atomic", "set", "map"):
            self._refuse(f"{where}.x-kubernetes-list-type", "must be atomic, set or map", node.list_type)
        if (node.list_type == "map") != bool(node.list_keys):
            self._refuse(f"{where}.x-kubernetes-list-map-keys", "goes with x-kubernetes-list-type map")
        below = place.below("items", "[*]", correlatable=node.list_type == "map")
        node.items = self.node(schema["items"], below)
        for key in node.list_keys:
            child = node.items.properties.get(key)
            if child is None or (key not in node.items.required and child.default is MISSING):
                self._refuse(f"{where}.items.properties[{key}]", "a list map key must be required or have a default")

    def _junctors(self, node: Node, schema: Json, where: str) -> None:
        node.all_of = self._branches(schema, "allOf", where)
        node.any_of = self._branches(schema, "anyOf", where)
        node.one_of = self._branches(schema, "oneOf", where)
        if schema.get("not"):
            node.not_ = self._branch(schema["not"], f"{where}.not", 0)

    def _branches(self, schema: Json, key: str, where: str) -> tuple[Node, ...]:
        found = schema.get(key) or []
        return tuple(self._branch(branch, f"{where}.{key}[{index}]", 0) for index, branch in enumerate(found))

    def _branch(self, schema: Any, where: str, depth: int) -> Node:
        """A schema inside allOf, anyOf, oneOf or not: constraints only."""
        if not isinstance(schema, dict) or depth > MAX_DEPTH:
            self._refuse(where, "must be an object, nested no deeper than 64 levels")
            return Node().finish()
        stated = schema.get("type", ANY)
        for key in _NOT_IN_JUNCTORS:
            if key in schema and not (key == "type" and stated in ("integer", "string")):
                self.errors.append(FieldError("Forbidden", f"{where}.{key}", "must be empty to be structural"))
        node = Node(
            type=stated if stated in _TYPES else ANY,
            required=tuple(schema.get("required") or ()),
            checks=compile_checks(schema, where, self.errors),
        )
        for key, child in (schema.get("properties") or {}).items():
            node.properties[key] = self._branch(child, f"{where}.properties[{key}]", depth + 1)
        if isinstance(schema.get("items"), dict):
            node.items = self._branch(schema["items"], f"{where}.items", depth + 1)
        self._junctors(node, schema, where)
        return node.finish()

    def _default(self, node: Node, value: Any, where: str) -> None:
        unknown: list[str] = []
        prune(node, value, "", unknown)
        completed = fill(node, value)
        found: list[FieldError] = []
        validate(node, completed, f"{where}.default", found)
        if unknown:
            self._refuse(f"{where}.default", f"has unknown fields: {', '.join(unknown)}", value)
        self.errors.extend(found)
        node.default = completed

    def _refuse_unsupported(self, schema: Json, where: str) -> None:
        for key in _UNSUPPORTED:
            if schema.get(key):
                self.errors.append(FieldError("Forbidden", f"{where}.{key}", f"{key} is not supported"))
        if schema.get("uniqueItems"):
            detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
            self.errors.append(FieldError("Forbidden", f"{where}.uniqueItems", detail))

    def _refuse(self, where: str, detail: str, value: Any = None) -> None:
        self.errors.append(FieldError("Invalid value", where, detail, value))
