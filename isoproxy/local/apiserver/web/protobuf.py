"""An OpenAPI v2 document in the protobuf form that kubectl asks for (gnostic's openapi.v2.Document). Pure.

Older kubectls read no other form. Only what the documents here contain is written: field numbers and message shapes are
those of gnostic's OpenAPIv2.proto.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]

_PARAMETER_TYPES = {"query": 3, "path": 4}
_METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "patch": 8}


def document(openapi: Json) -> bytes:
    """The whole document."""
    info = _text(1, openapi["info"]["title"]) + _text(2, openapi["info"]["version"])
    paths = _named(2, openapi["paths"], _path_item)
    definitions = _named(1, openapi["definitions"], _schema)
    return _text(1, openapi["swagger"]) + _message(2, info) + _message(8, paths) + _message(9, definitions)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode()) if text else b""


def _named(number: int, found: Mapping[str, Any], write: Any) -> bytes:
    """A map as repeated pairs of name (1) and value (2)."""
    return b"".join(_message(number, _text(1, name) + _message(2, write(value))) for name, value in found.items())


def _any(value: Any) -> bytes:
    """gnostic keeps what it has no field for as YAML, which JSON is."""
    return _text(2, json.dumps(value) + "\n")


def _extensions(number: int, found: Json) -> bytes:
    return _named(number, {key: value for key, value in found.items() if key.startswith("x-")}, _any)


def _path_item(item: Json) -> bytes:
    return b"".join(_message(_METHODS[method], _operation(found)) for method, found in item.items())


def _operation(found: Json) -> bytes:
    responses = _named(1, found["responses"], lambda response: _message(1, _text(1, response["description"])))
    return (
        _text(5, found["operationId"])
        + b"".join(_message(8, _parameter(item)) for item in found.get("parameters", ()))
        + _message(9, responses)
        + _extensions(13, found)
    )


def _parameter(found: Json) -> bytes:
    """ParametersItem > Parameter > NonBodyParameter > the sub-schema of its place."""
    content = _text(2, found["in"]) + _text(4, found["name"])
    content += _text(6 if found["in"] == "query" else 5, found["type"])
    return _message(1, _message(2, _message(_PARAMETER_TYPES[found["in"]], content)))


def _schema(found: Json) -> bytes:
    if "$ref" in found:
        return _text(1, found["$ref"])
    return b"".join(_schema_parts(found))


def _schema_parts(found: Json) -> Iterable[bytes]:
    yield _text(2, found.get("format", ""))
    yield _text(4, found.get("description", ""))
    if "default" in found:
        yield _message(5, _any(found["default"]))
    for name in found.get("required", ()):
        yield _text(19, name)
    if "additionalProperties" in found:
        yield _message(21, _message(1, _schema(found["additionalProperties"])))
    if found.get("type"):
        yield _message(22, _text(1, found["type"]))
    if "items" in found:
        yield _message(23, _message(1, _schema(found["items"])))
    if found.get("properties"):
        yield _message(25, _named(1, found["properties"], _schema))
    yield _extensions(31, found)
