"""The one door from JSON to dataclasses: aliases, leniency and errors are decided here."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar, dataclass_transform

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from isoproxy.model.text import one_line

Json = dict[str, Any]
MOST_DEPTH: Final = 50
"""How deep an open object may be; no pod field is half as deep. Whoever walks one may do so recursively."""
T = TypeVar("T")

# Unknown fields are ignored: the API server refuses or prunes them by the CRD, and newer servers add their own.
_CONFIG = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="ignore")


class InvalidObject(ValueError):
    """An object does not have the shape that its kind promises; ``field`` is the path of the first fault.

    The message is one line, whatever is in the object.
    """

    def __init__(self, field: str, problem: str) -> None:
        self.field = one_line(field, 300)
        self.problem = one_line(problem, 700)
        super().__init__(f"{self.field}: {self.problem}" if self.field else self.problem)


@dataclass_transform(frozen_default=True, field_specifiers=(Field,))
def model(cls: type[T]) -> type[T]:
    """Make a frozen dataclass whose fields are read from (and named in errors by) their camelCase JSON names."""
    made: type[T] = dataclass(frozen=True, slots=True, config=_CONFIG)(cls)  # type: ignore[assignment]  # it is cls
    return made


def _check_depth(value: Json) -> Json:
    level: list[Any] = [value]
    for _ in range(MOST_DEPTH + 1):
        below = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        level = [item for items in below for item in items]
        if not level:
            return value
    raise PydanticCustomError("depth", f"nested more than {MOST_DEPTH} deep")


Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""A number of the API server's own; sums of it with times are finite."""
OpenObject = Annotated[Json, AfterValidator(_check_depth)]
"""A field that is passed on as it is."""

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
