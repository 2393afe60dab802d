"""x-kubernetes-validations: CEL rules compiled once, evaluated on every write. Pure.

Two differences from a real server, where values are typed: a `date-time`, `duration` or `byte` field is a string in a
rule here (`timestamp(self.since)` works with both), and the cost of rules is neither estimated nor limited.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cel_expr_python import cel

from isoproxy.local.apiserver.errors import OMITTED, FieldError
from isoproxy.local.apiserver.schema.celib import environment
from isoproxy.local.apiserver.schema.celnames import escape, undefined_field
from isoproxy.local.apiserver.schema.node import Node, Rules
from isoproxy.local.apiserver.schema.validate import identity

Json = dict[str, Any]

MAX_MESSAGE = 5120
_REASONS = {
    "FieldValueForbidden": "Forbidden",
    "FieldValueRequired": "Required value",
    "FieldValueDuplicate": "Duplicate value",
    "FieldValueInvalid": "Invalid value",
}


@cache
def _environment(*variables: str) -> cel.Env:
    return environment(*variables)


@dataclass(frozen=True, slots=True)
class _Rule:
    source: str
    message: str
    kind: str  # of the field error
    field_path: str
    program: cel.Expression
    first_program: cel.Expression | None  # where there is no old value and the rule takes it as optional
    message_program: cel.Expression | None
    transition: bool


def compile_rules(
    found: list[Json], node: Node, where: str, errors: list[FieldError], *, correlatable: bool, is_root: bool = False
) -> Rules | None:
    """What checks the rules of one node, None if it has none. A rule that does not compile is named in `errors`."""
    compiled: list[_Rule] = []
    for index, stated in enumerate(found):
        place = f"{where}.x-kubernetes-validations[{index}].rule"
        try:
            rule = _compile(stated, node, is_root)
        except (RuntimeError, ValueError) as error:
            errors.append(FieldError("Invalid value", place, f"compilation failed: {error}", stated.get("rule", "")))
            continue
        if rule.transition and not correlatable:
            detail = "oldSelf cannot be used on the uncorrelatable portion of the schema"
            errors.append(FieldError("Invalid value", place, detail, rule.source))
        compiled.append(rule)
    if not compiled:
        return None
    convert = _view(node)

    def check(value: Any, old: Any, path: str, errors: list[FieldError]) -> None:
        new_view = _root_view(convert(value), node) if is_root else convert(value)
        data = {"self": new_view}
        if old is not None:
            data["oldSelf"] = _root_view(convert(old), node) if is_root else convert(old)
        for rule in compiled:
            error = _evaluate(rule, data, value, path)
            if error is not None:
                errors.append(error)

    return check


def _compile(stated: Json, node: Node, is_root: bool) -> _Rule:
    source = stated.get("rule", "").strip()
    if not source:
        raise ValueError("a rule must not be empty")
    missing = undefined_field(source, node, is_root=is_root)
    if missing is not None:
        raise ValueError(f"undefined field '{missing}'")
    first: cel.Expression | None = None
    if stated.get("optionalOldSelf"):
        # CEL has no let: a comprehension over one item binds the optional.
        env = _environment("self", "oldSelf")
        program = env.compile(f"[optional.of(oldSelf)].all(oldSelf, {source})")
        first = _environment("self").compile(f"[optional.none()].all(oldSelf, {source})")
        transition = False
    else:
        program, transition = _program(source)
    if program.return_type().name() not in ("BOOL", "DYN"):
        raise ValueError("a rule must evaluate to a bool")
    expression = stated.get("messageExpression", "").strip()
    return _Rule(
        source=source,
        message=stated.get("message", "").strip(),
        kind=_REASONS.get(stated.get("reason", ""), "Invalid value"),
        field_path=stated.get("fieldPath", ""),
        program=program,
        first_program=first,
        message_program=_environment("self", "oldSelf").compile(expression) if expression else None,
        transition=transition,
    )


def _program(source: str) -> tuple[cel.Expression, bool]:
    """The compiled rule, and whether it compares with the old value: then it does not compile without it."""
    try:
        return _environment("self").compile(source), False
    except RuntimeError:
        return _environment("self", "oldSelf").compile(source), True


def _evaluate(rule: _Rule, data: Mapping[str, Any], value: Any, path: str) -> FieldError | None:
    program = rule.program
    if "oldSelf" not in data:
        if rule.transition:
            return None
        program = rule.first_program or program
    result = program.eval(data=data)
    outcome = result.value()
    if outcome is True:
        return None
    where = path + rule.field_path if path else rule.field_path.removeprefix(".")
    shown = OMITTED if type(value) in (dict, list) else value
    if outcome is False:
        with_value = rule.kind in ("Invalid value", "Duplicate value")
        return FieldError(rule.kind, where, _message(rule, data), shown if with_value else OMITTED)
    named = rule.message or f"failed rule: {rule.source}"
    return FieldError("Invalid value", path, f"{_reworded(str(outcome))} evaluating rule: {named}", shown)


def _reworded(failure: str) -> str:
    """An evaluation error in the words of a real server's CEL runtime."""
    text = failure.partition(": ")[2] or failure
    text = re.sub(r'^Key not found in map : "?(.*?)"?$', r"no such key: \1", text)
    return text.replace("No matching overloads found", "no such overload")


def _message(rule: _Rule, data: Mapping[str, Any]) -> str:
    if rule.message_program is not None:
        result = rule.message_program.eval(data=data)
        text = result.value() if result.type() == cel.Type.STRING else ""
        if 0 < len(text.strip()) <= MAX_MESSAGE and "\n" not in text.strip():
            return text.strip()
    return rule.message or f"failed rule: {rule.source}"


def _root_view(value: Json, node: Node) -> Json:
    """Of an object's metadata, rules see the name only."""
    metadata = value.get("metadata") or {}
    seen = {key: metadata[key] for key in ("name", "generateName") if key in metadata}
    return {key: item for key, item in value.items() if key in node.properties} | {"metadata": seen}


def _view(node: Node) -> Any:
    """How a value is shown to rules: as it is, unless some property's name is no identifier."""
    if not _needs_view(node, set()):
        return lambda value: value
    return lambda value: _escaped(node, value)


def _needs_view(node: Node, seen: set[int]) -> bool:
    if id(node) in seen:
        return False
    seen.add(id(node))
    if any(escape(key) != key for key in node.properties):
        return True
    children = [*node.properties.values(), node.additional, node.items]
    return any(_needs_view(child, seen) for child in children if child is not None)


def _escaped(node: Node, value: Any) -> Any:
    if type(value) is dict:
        return {
            escape(key) if key in node.properties else key: _escaped(child, item) if child else item
            for key, item in value.items()
            for child in [node.child(key)]
        }
    if type(value) is list and node.items is not None:
        return [_escaped(node.items, item) for item in value]
    return value


def check_rules(node: Node, value: Any, old: Any, path: str, errors: list[FieldError]) -> None:
    """Evaluate every rule at and below `node`; `old` is the value it replaces, None if nothing comparable."""
    if value is None or not node.has_rules:
        return
    if node.rules is not None:
        node.rules(value, old, path, errors)
    if type(value) is dict:
        _check_object(node, value, old if type(old) is dict else {}, path, errors)
    elif type(value) is list and node.items is not None and node.items.has_rules:
        before: dict[str, Any] = {}
        if node.merges_lists and type(old) is list:
            before = {repr(identity(node, item)): item for item in old}
        for index, item in enumerate(value):
            counterpart = before.get(repr(identity(node, item))) if before else None
            check_rules(node.items, item, counterpart, f"{path}[{index}]", errors)


def _check_object(node: Node, value: Json, old: Json, path: str, errors: list[FieldError]) -> None:
    for key, child in node.rules_below:
        if key in value:
            check_rules(child, value[key], old.get(key), f"{path}.{key}" if path else key, errors)
    if node.additional is not None and node.additional.has_rules:
        for key, item in value.items():
            check_rules(node.additional, item, old.get(key), f"{path}[{key}]", errors)
