"""A schema as a tree of nodes with everything precomputed that a write needs. Pure.

Objects are shared, never changed in place: what prunes or defaults returns the value itself where nothing
changes, and else a copy of the path to the change only.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from isoproxy.local.apiserver.errors import FieldError

Json = dict[str, Any]

ANY = ""  # a node that says nothing about the type
INT_OR_STRING = "int-or-string"
QUANTITY = "quantity"


class _Missing:
    """No default."""


MISSING = _Missing()

Types = frozenset[type]

_ACCEPTS: dict[str, Types] = {
    ANY: frozenset({dict, list, str, int, float, bool}),
    "object": frozenset({dict}),
    "array": frozenset({list}),
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
    INT_OR_STRING: frozenset({int, str}),
    QUANTITY: frozenset({str, int, float}),
}

Check = Callable[[Any, str], FieldError | None]
Rules = Callable[[Any, Any, str, list[FieldError]], None]


@dataclass(slots=True, kw_only=True, eq=False)
class Node:
    """One place in a schema. Filled by a parser, then `finish()`ed from the leaves up, then only read."""

    type: str = ANY
    nullable: bool = False
    description: str = ""
    properties: dict[str, "Node"] = field(default_factory=dict)
    additional: "Node | None" = None  # of the values of a map
    items: "Node | None" = None
    required: tuple[str, ...] = ()
    preserve: bool = False  # unknown fields stay
    embedded: bool = False  # a whole object: apiVersion, kind and metadata are known fields
    typed: bool = False  # decoded into a type by a real server: null means absent, 1 is a quantity
    default: Any = MISSING
    list_type: str = "atomic"  # atomic, set, map
    list_keys: tuple[str, ...] = ()
    atomic: bool = False  # a map that changes hands as a whole
    merge_key: str = ""  # of a strategic merge; "" replaces the list
    format: str = ""
    checks: tuple[Check, ...] = ()
    rules: Rules | None = None
    all_of: tuple["Node", ...] = ()
    any_of: tuple["Node", ...] = ()
    one_of: tuple["Node", ...] = ()
    not_: "Node | None" = None

    accepts: Types = frozenset()
    plain: bool = True  # nothing to check of a scalar but its type
    has_defaults: bool = False  # here or below
    defaulted: tuple[tuple[str, "Node"], ...] = ()
    rules_below: tuple[tuple[str, "Node"], ...] = ()
    has_rules: bool = False  # here or below

    def finish(self) -> "Node":
        """Precompute, once all children are finished."""
        self.accepts = _ACCEPTS[self.type]
        self.plain = not (self.checks or self.all_of or self.any_of or self.one_of or self.not_)
        children = list(self.properties.items())
        self.defaulted = tuple((key, node) for key, node in children if node.offers_default)
        below = any(node.has_defaults for node in (self.additional, self.items) if node is not None)
        self.has_defaults = bool(self.defaulted) or below
        self.rules_below = tuple((key, node) for key, node in children if node.has_rules)
        below = any(node.has_rules for node in (self.additional, self.items) if node is not None)
        self.has_rules = self.rules is not None or bool(self.rules_below) or below
        return self

    @property
    def offers_default(self) -> bool:
        return self.default is not MISSING or self.has_defaults

    @property
    def merges_lists(self) -> bool:
        return self.list_type == "map" and bool(self.list_keys)

    def child(self, key: str) -> "Node | None":
        """The node of a field or map value, None where the schema says nothing of it."""
        return self.properties.get(key) or self.additional


def walk(node: Node, seen: set[int] | None = None) -> list[Node]:
    """Every node below and including `node`, each once."""
    seen = set() if seen is None else seen
    if id(node) in seen:
        return []
    seen.add(id(node))
    found = [node]
    for child in (*node.properties.values(), node.additional, node.items):
        if child is not None:
            found += walk(child, seen)
    return found
