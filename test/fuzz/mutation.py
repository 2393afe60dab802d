"""Bad input made from good: JSON by its tree, anything else by its bytes. Pure: chance is an argument."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

Place = tuple[Any, Any]
"""A list or an object, and an index or a key of it."""

TEXTS = (
    *(
        "",
        " ",
        "0",
        "-1",
        "1e9",
        "9" * 30,
        "\u0661",
        "true",
        "null",
        "..",
        "a/b",
        "a b",
        "a\nb",
        "\x1b[2J",
        "\0",
        "\ud800",
    ),
    *(
        "%",
        "{a}",
        "é" * 300,
        "x" * 5000,
        "2026-01-01",
        "2026-01-01T00:00:00",
        "9999-12-31T23:59:59Z",
        "10.0.0.0/33",
        "::/0",
    ),
)
NUMBERS = (0, 1, -1, 65536, 2**31, 2**63, 10**30, 10**400, -(10**400), 0.5, 1e308, float("inf"), float("nan"))
SCALARS = (None, True, False, *NUMBERS, *TEXTS)
BYTES = (
    b"",
    b"\0",
    b"\n",
    b"\r\n\r\n",
    b"\xff",
    b"\xed\xa0\x80",
    b"{",
    b"[" * 3000,
    b'"',
    b"*a",
    b"&a ",
    b"!!binary ",
    b"- ",
)
DEEP = 2000


def mutated(data: bytes, chance: Random) -> bytes:
    """Return ``data`` changed in one to three places; JSON mostly stays JSON, also as a line or as a body."""
    for _ in range(chance.randint(1, 3)):
        data = _once(data, chance)
    return data


def _once(data: bytes, chance: Random) -> bytes:
    if chance.random() < 0.2:
        return _damaged(data, chance)
    head, blank, body = data.partition(b"\r\n\r\n")
    if blank and chance.random() < 0.5:
        return _damaged(head, chance) + blank + body
    before, whole = (head + blank, body) if blank else (b"", data)
    lines = whole.split(b"\n")
    for found, put in ((whole, _alone), (line := chance.choice(lines), _among(lines, line))):
        value = _json(found)
        if isinstance(value, dict | list):
            return before + put(json.dumps(changed(value, chance)).encode())
    return _damaged(data, chance)


def _alone(text: bytes) -> bytes:
    return text


def _among(lines: list[bytes], line: bytes) -> Callable[[bytes], bytes]:
    place = lines.index(line)
    return lambda text: b"\n".join([*lines[:place], text, *lines[place + 1 :]])


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def changed(value: Any, chance: Random) -> Any:
    """Return a JSON object or list with one value replaced, removed, renamed, wrapped or given another's place."""
    value = [value]
    places = list(_places(value))
    inside, key = chance.choice(places[1:] or places)
    kind = chance.randrange(8)
    if kind == 0:
        del inside[key]
    elif kind == 1 and isinstance(inside, dict):
        inside[chance.choice(TEXTS)] = inside.pop(key)
    elif kind == 2:
        other, name = chance.choice(places)
        inside[key] = json.loads(json.dumps(other[name]))
    elif kind == 3:
        inside[key] = chance.choice(([], {}, [inside[key]], {"a": inside[key]}, [[]] * 3, _deep(chance)))
    elif kind == 4 and isinstance(inside, list):
        inside.insert(key, inside[key])
    else:
        inside[key] = chance.choice(SCALARS)
    return value[0] if value else None


def _places(value: Any) -> list[Place]:
    found: list[Place] = []
    for inside in (left := [value]):
        keys = range(len(inside)) if isinstance(inside, list) else inside
        found += [(inside, key) for key in keys]
        left += [inside[key] for key in keys if isinstance(inside[key], dict | list)]
    return found


def _deep(chance: Random) -> Any:
    value: Any = []
    for _ in range(chance.choice((50, 150, 300))):
        value = [value] if chance.random() < 0.5 else {"a": value}
    return value


def _damaged(data: bytes, chance: Random) -> bytes:
    start = chance.randint(0, len(data))
    end = chance.randint(start, min(len(data), start + 40))
    return (
        data[:start]
        + chance.choice((b"", data[start:end] * 2, *BYTES))
        + chance.choice((data[start:], data[end:], b""))
    )
