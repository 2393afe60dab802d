"""Value checks (bounds, lengths, patterns, enumerations) compiled from a schema's keywords. Pure."""

import re
from collections.abc import Callable, Sized
from typing import Any

from isoproxy.local.apiserver.errors import FieldError
from isoproxy.local.apiserver.schema.formats import FORMATS, INTEGER_BITS
from isoproxy.local.apiserver.schema.node import Check

Json = dict[str, Any]


def compile_checks(schema: Json, where: str, errors: list[FieldError]) -> tuple[Check, ...]:
    """The checks that the keywords of one schema ask for; a keyword that cannot be used is named in `errors`."""
    checks = [make(schema[key], schema) for key, make in _BOUNDS.items() if schema.get(key) is not None]
    if schema.get("enum"):
        checks.append(_enum(schema["enum"]))
    if schema.get("pattern"):
        pattern = schema["pattern"]
        try:
            checks.append(_pattern(pattern))
        except (re.error, TypeError) as error:
            detail = f"must be a valid regular expression, but isn't: {error}"
            errors.append(FieldError("Invalid value", f"{where}.pattern", detail, pattern))
    wanted = schema.get("format")
    if wanted in FORMATS and schema.get("type", "string") == "string":
        checks.append(_format(wanted))
    if wanted in INTEGER_BITS:
        checks.append(_integer_range(wanted))
    return tuple(checks)


def _bad(path: str, value: Any, what: str) -> FieldError:
    return FieldError("Invalid value", path, f"{path or '<nil>'} in body {what}", value)


def _number(test: Callable[[Any, Any], bool], exclusive: str, wording: str) -> Callable[[Any, Json], Check]:
    def make(bound: Any, schema: Json) -> Check:
        open_end = bool(exclusive and schema.get(exclusive))
        words = wording if open_end or not exclusive else f"{wording} or equal to"
        text = f"should be {words} {_plain(bound)}"

        def check(value: Any, path: str) -> FieldError | None:
            if type(value) not in (int, float):
                return None
            wrong = test(value, bound) or (open_end and value == bound)
            return _bad(path, value, text) if wrong else None

        return check

    return make


def _plain(bound: Any) -> str:
    return str(int(bound)) if isinstance(bound, float) and bound.is_integer() else str(bound)


def _size(kind: type[Sized], lowest: bool, noun: str) -> Callable[[Any, Json], Check]:
    def make(bound: Any, _: Json) -> Check:
        def check(value: Any, path: str) -> FieldError | None:
            if type(value) is not kind:
                return None
            if lowest:
                if len(value) >= bound:
                    return None
                return _bad(path, value, f"should {_least(noun, bound)}")
            return None if len(value) <= bound else _too_much(kind, noun, path, value, bound)

        return check

    return make


def _least(noun: str, bound: int) -> str:
    return f"be at least {bound} chars long" if noun == "chars" else f"have at least {bound} {noun}"


def _too_much(kind: type[Sized], noun: str, path: str, value: Any, bound: int) -> FieldError:
    if kind is str:
        return FieldError("Too long", path, f"may not be more than {bound} bytes", blocking=True)
    detail = f"{len(value)}: must have at most {bound} {noun}"
    return FieldError("Too many", path, detail, blocking=True)


def _enum(allowed: list[Any]) -> Check:
    shown = ", ".join(f'"{item}"' if isinstance(item, str) else str(item) for item in allowed)

    def check(value: Any, path: str) -> FieldError | None:
        # True == 1 in Python, not in JSON.
        if any(value == item and (type(value) is bool) == (type(item) is bool) for item in allowed):
            return None
        return FieldError("Unsupported value", path, f"supported values: {shown}", value, blocking=True)

    return check


def _pattern(pattern: str) -> Check:
    search = re.compile(to_python(pattern)).search

    def check(value: Any, path: str) -> FieldError | None:
        if type(value) is not str or search(value):
            return None
        return _bad(path, value, f"should match '{pattern}'")

    return check


_FOREIGN = re.compile(r"\[\[:|\\[pPCQ]|\(\?[=!<]|\\[1-9]")


def to_python(pattern: str) -> str:
    """An RE2 pattern as Python reads it. Raises re.error for what one of the two does not have.

    The end of the text is `\\Z` in Python, whose `$` also matches before a last newline.
    """
    if _FOREIGN.search(pattern.replace("\\\\", "")):
        raise re.error("character classes by name, look-around and back-references are not supported here")
    out = []
    in_class = False
    escaped = False
    for char in pattern:
        if escaped:
            out.append("Z" if char == "z" else char)
            escaped = False
            continue
        escaped = char == "\\"
        in_class = char == "[" or (in_class and char != "]")
        out.append("\\Z" if char == "$" and not in_class else char)
    return "".join(out)


def _format(name: str) -> Check:
    holds = FORMATS[name]

    def check(value: Any, path: str) -> FieldError | None:
        if type(value) is not str or holds(value):
            return None
        detail = f'{path} in body must be of type {name}: "{value}"'
        return _wrong_type(path, value, detail, unreadable=name in ("date-time", "byte", "quantity"))

    return check


def _integer_range(name: str) -> Check:
    limit = 1 << (INTEGER_BITS[name] - 1)

    def check(value: Any, path: str) -> FieldError | None:
        if type(value) is not int or -limit <= value < limit:
            return None
        detail = f"{path} in body must be of type {name}: {value}"
        return _wrong_type(path, value, detail, unreadable=True)

    return check


def _wrong_type(path: str, value: Any, detail: str, *, unreadable: bool) -> FieldError:
    return FieldError("Invalid value", path, detail, value, blocking=True, wrong_type=True, type_error=unreadable)


def _multiple(bound: Any, _: Json) -> Check:
    def check(value: Any, path: str) -> FieldError | None:
        if type(value) not in (int, float) or value % bound == 0:
            return None
        return _bad(path, value, f"should be a multiple of {bound}")

    return check


_BOUNDS: dict[str, Callable[[Any, Json], Check]] = {
    "minimum": _number(lambda value, bound: value < bound, "exclusiveMinimum", "greater than"),
    "maximum": _number(lambda value, bound: value > bound, "exclusiveMaximum", "less than"),
    "multipleOf": _multiple,
    "minLength": _size(str, True, "chars"),
    "maxLength": _size(str, False, "chars"),
    "minItems": _size(list, True, "items"),
    "maxItems": _size(list, False, "items"),
    "minProperties": _size(dict, True, "properties"),
    "maxProperties": _size(dict, False, "properties"),
}
