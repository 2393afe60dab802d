"""The one door from JSON to dataclasses: aliases, leniency and errors are decided here."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

Json = dict[str, Any]
T = TypeVar("T")

# Unknown fields are ignored: the API server refuses or prunes them by the CRD, and newer servers add their own.
_CONFIG = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="ignore")


class InvalidObject(ValueError):
    """An object does not have the shape that its kind promises; ``field`` is the path of the first fault."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


@dataclass_transform(frozen_default=True, field_specifiers=(Field,))
def model(cls: type[T]) -> type[T]:
    """Make a frozen dataclass whose fields are read from (and named in errors by) their camelCase JSON names."""
    made: type[T] = dataclass(frozen=True, slots=True, config=_CONFIG)(cls)  # type: ignore[assignment]  # it is cls
    return made


_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(cls: type[T]) -> TypeAdapter[T]:
    # One for each kind, built at first use: building costs milliseconds, using it microseconds.
    if cls not in _adapters:
        _adapters[cls] = TypeAdapter(cls)
    return _adapters[cls]


def parse(cls: type[T], obj: Mapping[str, Any]) -> T:
    """Return ``obj`` as a ``cls``; raises :class:`InvalidObject` naming the first field that does not fit."""
    try:
        return _adapter(cls).validate_python(obj)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InvalidObject(_path(first["loc"]), first["msg"]) from error


def dump(value: object) -> Json:
    """Return the JSON form of a model value, camelCase, leaving out what is unset (None)."""
    dumped: Json = _adapter(type(value)).dump_python(value, mode="json", by_alias=True, exclude_none=True)
    return dumped


def parser(cls: type[T]) -> Callable[[Mapping[str, Any]], T]:
    """Return a function that parses one kind."""
    return lambda obj: parse(cls, obj)


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path
