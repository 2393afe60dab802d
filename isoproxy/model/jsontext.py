"""JSON as an API server reads it, whoever wrote it. Pure."""

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn

from isoproxy.model.text import unicode

MOST_DEPTH: Final = 100
"""How deep what is too deep for Python's parser is read; no object that anybody has a use for is half as deep."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)

Pairs = list[tuple[str, Any]]


def parse_json(text: bytes) -> Any:
    """Return the value that ``text`` is; raises ValueError, with a message of one line, where it is none.

    What is no Unicode is replaced, as API servers do. What is nested too deeply to be read is null: in a list of many
    objects one of them must not hide the others.
    """
    try:
        return parse_strictly(text.decode("utf-8", "replace"))
    except RecursionError:
        return parse_strictly(b"".join(_cut(text)).decode("utf-8", "replace"))


def parse_strictly(text: str, *, pairs: Callable[[Pairs], Any] | None = None) -> Any:
    """Return the value that ``text`` is, in numbers and characters that JSON has; ``pairs`` makes objects.

    Raises ValueError where it is none, and RecursionError where it is nested too deeply.
    """
    value = json.loads(text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=pairs)
    if _SURROGATE.search(text):  # halves of pairs, maybe, which cannot be written to anything
        value = json.loads(unicode(json.dumps(value, ensure_ascii=False)))
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _cut(text: bytes) -> Iterator[bytes]:
    """Yield the parts of ``text`` that are not too deep, with a null for each of the others."""
    depth = kept = 0
    for token in _TOKEN.finditer(text):
        if token[0] in b"[{":
            depth += 1
            if depth == MOST_DEPTH + 1:
                yield text[kept : token.start()] + b"null"
        elif token[0] in b"]}":
            depth -= 1
            if depth == MOST_DEPTH:
                kept = token.end()
    if depth <= MOST_DEPTH:
        yield text[kept:]
