"""YAML as Kubernetes reads it: what it makes is JSON, and not much more than was written. Pure."""

import json
import math
from collections.abc import Hashable, Iterator
from typing import Any, Final

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from isoproxy.model.text import one_line, unicode

MOST_CHARACTERS: Final = 16 * 1024 * 1024
"""Of a text with its aliases written out, each value counting as one more: aliases of aliases make much of little."""
MOST_DEPTH: Final = 128
_JSON_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map"))


def read_yaml(text: str) -> Iterator[Any]:
    """Yield each document of ``text``; what cannot be read is a YAMLError, and nothing after it can be."""
    yield from yaml.load_all(text, Loader=_Loader)


class _Loader(yaml.SafeLoader):
    """What looks like a date is a string, keys are strings, and what JSON does not have is refused."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._size = 0  # of what was composed so far, aliases written out
        self._depth = 0
        self._lowest = 0  # the greatest depth since it was set
        self._anchors: dict[str | None, tuple[int, int]] = {}  # size and height of what is complete

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's
        mark: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            size, height = self._anchors.get(event.anchor, (0, 0))
            if event.anchor in self.anchors and not size:
                raise ComposerError(None, None, "an alias inside of what it stands for", mark)
            self._take(size, height, mark)
            return super().compose_node(parent, index)
        self._anchors.pop(event.anchor, None)  # of an earlier document
        before, lowest, self._lowest = self._size, self._lowest, self._depth
        self._take(1 + len(getattr(event, "value", "")), 1, mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if event.anchor is not None:
            self._anchors[event.anchor] = self._size - before, self._lowest - self._depth
        self._lowest = max(lowest, self._lowest)
        return node

    def _take(self, size: int, height: int, mark: Any) -> None:
        self._size += size
        self._lowest = max(self._lowest, self._depth + height)
        if self._size > MOST_CHARACTERS:
            raise ComposerError(None, None, "aliases that make too much of it", mark)
        if self._lowest > MOST_DEPTH:
            raise ComposerError(None, None, "nested too deeply", mark)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
        except (ValueError, ArithmeticError) as error:  # numbers without digits, or with too many
            raise ConstructorError(None, None, one_line(str(error)), node.start_mark) from error
        if isinstance(value, float) and not math.isfinite(value):
            raise ConstructorError(None, None, "no number that JSON has", node.start_mark)
        return unicode(value) if isinstance(value, str) else value

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        mapping = super().construct_mapping(node, deep)
        return {key if isinstance(key, str) else json.dumps(key): value for key, value in mapping.items()}


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _JSON_TAGS or tag == "tag:yaml.org,2002:merge"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.yaml_constructors = {
    tag: constructor
    for tag, constructor in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag in _JSON_TAGS
}
