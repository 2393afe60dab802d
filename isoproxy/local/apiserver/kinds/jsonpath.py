"""The part of JSONPath that printer columns and selectors of a CRD use. Pure.

Fields (`.spec.image`, `['a']`, `\\.` for a dot in a name), indices (`[0]`, `[-1]`), `[*]`, and filters that compare a
field with a literal (`[?(@.type=="Ready")]`).
"""

import json
import re
from collections.abc import Callable
from typing import Any

Step = Callable[[list[Any]], list[Any]]
JsonPath = Callable[[Any], list[Any]]

_TOKEN = re.compile(
    r"""\.?(?P<field>(?:[^.\[\]\\]|\\.)+)          # a name, the dot before it taken
      | \.?\[\s*'(?P<quoted>(?:[^'\\]|\\.)*)'\s*\]
      | \.?\[\s*(?P<index>-?\d+)\s*\]
      | \.?\[\s*(?P<all>\*)\s*\]
      | \.?\[\?\(\s*@(?P<path>(?:\.(?:[^.\[\]\\=!<>\s]|\\.)+)+)\s*(?P<operator>==|!=)\s*(?P<literal>.+?)\s*\)\]
    """,
    re.VERBOSE,
)


def compile_path(path: str) -> JsonPath:
    """A function from a value to all that the path finds in it. Raises ValueError for a path that is not understood."""
    text = path.strip()
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    if not text.startswith((".", "[", "$")):
        raise ValueError(f"{path!r} does not begin with a dot")
    text = text.removeprefix("$")
    steps: list[Step] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise ValueError(f"{path!r} is not understood at {text[position:]!r}")
        steps.append(_step(found))
        position = found.end()

    def evaluate(value: Any) -> list[Any]:
        values = [value]
        for step in steps:
            values = step(values)
        return values

    return evaluate


def simple_path(path: str) -> tuple[str, ...]:
    """The names of a path of fields only. Raises ValueError for any other."""
    if not re.fullmatch(r"(\.([^.\[\]\\]|\\.)+)+", path):
        raise ValueError(f"{path!r} must be fields only, like .spec.name")
    return tuple(_plain(name) for name in re.findall(r"\.((?:[^.\[\]\\]|\\.)+)", path))


def _plain(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name)


def _step(found: re.Match[str]) -> Step:
    if found["field"] is not None or found["quoted"] is not None:
        return _field(_plain(found["field"] if found["field"] is not None else found["quoted"]))
    if found["index"] is not None:
        return _index(int(found["index"]))
    if found["all"] is not None:
        return _all
    return _filter(simple_path(found["path"]), found["operator"], _literal(found["literal"]))


def _literal(text: str) -> Any:
    if text[0] == "'" == text[-1]:
        return text[1:-1]
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"{text!r} is no literal") from None


def _field(name: str) -> Step:
    return lambda values: [value[name] for value in values if type(value) is dict and name in value]


def _index(index: int) -> Step:
    return lambda values: [
        value[index] for value in values if type(value) is list and -len(value) <= index < len(value)
    ]


def _all(values: list[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if type(value) is list:
            found += value
        elif type(value) is dict:
            found += value.values()
    return found


def _filter(path: tuple[str, ...], operator: str, literal: Any) -> Step:
    def holds(item: Any) -> bool:
        for name in path:
            if type(item) is not dict or name not in item:
                return False
            item = item[name]
        return bool(item == literal) is (operator == "==")

    return lambda values: [item for value in values if type(value) is list for item in value if holds(item)]
