"""What the server knows of one kind in one version. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from isoproxy.local.apiserver.errors import FieldError
from isoproxy.local.apiserver.schema.node import Node

Json = dict[str, Any]
Path = tuple[str, ...]


class Behaviour:
    """What a kind does beyond its schema. Objects are never changed in place: each method returns another."""

    def prepare_create(self, obj: Json) -> Json:
        """Fill in what a new object of this kind begins with."""
        return obj

    def prepare_update(self, obj: Json, old: Json) -> Json:
        """Put back what an update may not touch, fill in what follows from the rest."""
        del old
        return obj

    def validate(self, obj: Json, old: Json | None) -> list[FieldError]:
        """What is wrong with it that no schema can say; `old` is None for a create."""
        del obj, old
        return []

    def grace(self, obj: Json, asked: int | None) -> int:
        """Seconds that a deleted object is left to its runtime; 0 lets it vanish at once."""
        del obj, asked
        return 0


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `kubectl get`. `value` makes the cell of an object, given the time now (seconds)."""

    name: str
    value: Callable[[Json, float], Any]
    type: str = "string"
    format: str = ""
    priority: int = 0  # above 0: shown by -o wide
    description: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the scale subresource finds what it shows."""

    spec_replicas: Path
    status_replicas: Path
    selector: Path | None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Kind:
    """One served kind. `bucket` names its store: several versions or views may show the same objects."""

    group: str  # "" for the core group
    version: str
    plural: str
    singular: str
    kind: str
    schema: Node
    bucket: str
    list_kind: str = ""
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    custom: bool = False
    status: bool = False  # has a status subresource
    subresources: tuple[str, ...] = ()  # further ones, by name
    scale: Scale | None = None
    generation: bool = False  # counts changes of the desired state
    unconditional_update: bool = True  # a PUT may leave the resourceVersion out
    returns_deleted: bool = False  # DELETE answers with the object
    selectable: Mapping[str, Path] = field(default_factory=dict)  # field selectors beside name and namespace
    columns: tuple[Column, ...] = ()
    model: str = ""  # of the kubernetes package; "" for custom kinds
    behaviour: Behaviour = field(default_factory=Behaviour)
    inward: Callable[[Json], Json] | None = None  # from this view to what is stored
    outward: Callable[[Json], Json] | None = None  # and back

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """As refusals name it: `pods`, `widgets.example.com`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


def dig(value: Any, path: Path) -> Any:
    """The value at `path` below a JSON value, None where there is none."""
    for key in path:
        if type(value) is not dict:
            return None
        value = value.get(key)
    return value
