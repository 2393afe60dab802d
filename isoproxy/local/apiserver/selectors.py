"""Label and field selectors, as `-l` and `--field-selector` write them. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from isoproxy.local.apiserver.errors import StatusError, bad_request
from isoproxy.local.apiserver.kinds.kind import Path, dig

Json = dict[str, Any]
Labels = Mapping[str, str]
Requirement = Callable[[Labels], bool]

MAX_TERMS = 100
_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_NAME}\Z")
_VALUE = re.compile(rf"({_NAME})?\Z")
_SET = re.compile(r"(?P<key>\S+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)\Z")
_OPERATOR = re.compile(r"\s*(==|!=|=|>|<)\s*")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects are meant. Without requirements: all of them."""

    labels: tuple[Requirement, ...] = ()
    fields: tuple[tuple[Path, str, bool], ...] = ()  # path, value, whether it must equal

    @property
    def everything(self) -> bool:
        return not self.labels and not self.fields

    @property
    def one_name(self) -> str | None:
        """The only name that can match, if the selection says so."""
        for path, value, equal in self.fields:
            if path == ("metadata", "name") and equal:
                return value
        return None

    def matches(self, obj: Json) -> bool:
        for path, value, equal in self.fields:
            if (text(dig(obj, path)) == value) is not equal:
                return False
        if self.labels:
            labels = obj["metadata"].get("labels") or {}
            return all(requirement(labels) for requirement in self.labels)
        return True


def text(value: Any) -> str:
    """A field's value as a selector writes it."""
    if value is None:
        return ""
    if type(value) is bool:
        return "true" if value else "false"
    return str(value)


def parse(label_selector: str, field_selector: str, selectable: Mapping[str, Path]) -> Selection:
    """The selection that two query parameters ask for; 400 if one cannot be read."""
    if not label_selector and not field_selector:
        return Selection()
    labels = tuple(_requirement(term) for term in _terms(label_selector, _split_labels))
    fields = tuple(_field(term, selectable) for term in _terms(field_selector, _split_fields))
    return Selection(labels, fields)


def _terms(selector: str, split: Callable[[str], list[str]]) -> list[str]:
    terms = [term for term in split(selector) if term.strip()]
    if len(terms) > MAX_TERMS:
        raise bad_request(f"a selector may have at most {MAX_TERMS} requirements")
    return terms


def _split_labels(selector: str) -> list[str]:
    """Split at commas that are not inside parentheses."""
    return re.split(r",(?![^(]*\))", selector)


def _split_fields(selector: str) -> list[str]:
    """Split at commas that are not escaped."""
    return re.split(r"(?<!\\),", selector)


def _requirement(term: str) -> Requirement:
    term = term.strip()
    found = _SET.match(term)
    if found is not None:
        key = _checked(found["key"], _KEY, term)
        values = frozenset(_checked(value.strip(), _VALUE, term) for value in found["values"].split(","))
        if found["operator"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    operator = _OPERATOR.search(term)
    if operator is None:
        if term.startswith("!"):
            key = _checked(term[1:].strip(), _KEY, term)
            return lambda labels: key not in labels
        key = _checked(term, _KEY, term)
        return lambda labels: key in labels
    key = _checked(term[: operator.start()], _KEY, term)
    return _comparison(key, operator.group(1), term[operator.end() :], term)


def _comparison(key: str, operator: str, value: str, term: str) -> Requirement:
    if operator in (">", "<"):
        return _ordered(key, operator, value, term)
    _checked(value, _VALUE, term)
    if operator == "!=":
        return lambda labels: labels.get(key) != value
    return lambda labels: labels.get(key) == value


def _ordered(key: str, operator: str, value: str, term: str) -> Requirement:
    try:
        bound = int(value)
    except ValueError:
        raise _unreadable(term) from None

    def compare(labels: Labels) -> bool:
        try:
            number = int(labels[key])
        except (KeyError, ValueError):
            return False
        return number > bound if operator == ">" else number < bound

    return compare


def _checked(word: str, pattern: re.Pattern[str], term: str) -> str:
    if not pattern.match(word):
        raise _unreadable(term)
    return word


def _unreadable(term: str) -> StatusError:
    return bad_request(f"unable to parse requirement: {term!r} is no label selector")


def _field(term: str, selectable: Mapping[str, Path]) -> tuple[Path, str, bool]:
    operator = re.search(r"(?<!\\)(==|!=|=)", term)
    if operator is None:
        raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    name = term[: operator.start()].strip()
    if name not in selectable:
        raise bad_request(f"field label not supported: {name}")
    value = re.sub(r"\\([,=\\])", r"\1", term[operator.end() :])
    return selectable[name], value, operator.group(1) != "!="
