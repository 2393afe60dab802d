"""Bodies in Kubernetes' protobuf form, of the few kinds that kubectl sends so. Pure.

`kubectl create configmap|secret|namespace|serviceaccount` asks no one which form the server takes. Field numbers are
those of Kubernetes' own `generated.proto` files. What is not in the tables is refused with 415, never lost.
"""

import base64
from collections.abc import Iterator
from typing import Any

from isoproxy.local.apiserver.errors import StatusError, bad_request

Json = dict[str, Any]

MEDIA = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"

# number -> (name, form); a form is a table for a message, or one of the words below
_TEXT, _BYTES, _TRUE, _TEXT_MAP, _BYTES_MAP = "text", "bytes", "true", "text map", "bytes map"
_Table = dict[int, tuple[str, Any]]
_METADATA: _Table = {
    1: ("name", _TEXT),
    2: ("generateName", _TEXT),
    3: ("namespace", _TEXT),
    11: ("labels", _TEXT_MAP),
    12: ("annotations", _TEXT_MAP),
}
_KINDS: dict[str, _Table] = {
    "ConfigMap": {2: ("data", _TEXT_MAP), 3: ("binaryData", _BYTES_MAP), 4: ("immutable", _TRUE)},
    "Secret": {2: ("data", _BYTES_MAP), 3: ("type", _TEXT), 4: ("stringData", _TEXT_MAP), 5: ("immutable", _TRUE)},
    "Namespace": {3: ("status", {})},
    "ServiceAccount": {},
}
_ENVELOPE: _Table = {1: ("type", {1: ("apiVersion", _TEXT), 2: ("kind", _TEXT)}), 2: ("raw", "raw")}


def read(body: bytes) -> Json:
    """The object in a body. 400 if it is damaged, 415 for what there is no table of."""
    try:
        if not body.startswith(_MAGIC):
            raise ValueError("the prefix is missing")
        envelope = _message(body[len(_MAGIC) :], _ENVELOPE)
        found = envelope.get("type", {})
        table = _KINDS.get(found.get("kind", "")) if found.get("apiVersion") == "v1" else None
        if table is None:
            raise _unsupported(found.get("kind", "an object"))
        obj: Json = found | {"metadata": {}} | _message(envelope.get("raw", b""), table | {1: ("metadata", _METADATA)})
        return obj
    except (ValueError, IndexError) as error:
        raise bad_request(f"the body of the request cannot be parsed: {error}") from None


def _unsupported(what: str) -> StatusError:
    message = f"{what} is not taken as protobuf - accepted media types include: application/json, application/yaml"
    return StatusError(415, "UnsupportedMediaType", message)


def _message(data: bytes, table: _Table) -> Json:
    found: Json = {}
    for number, value in _fields(data):
        if not value:
            continue  # what is empty is not there
        if number not in table:
            raise _unsupported(f"field {number}")
        name, form = table[number]
        if form in (_TEXT_MAP, _BYTES_MAP):
            key, item = _pair(value)
            found.setdefault(name, {})[key.decode()] = _value(item, form)
        else:
            found[name] = _value(value, form)
    return found


def _value(value: Any, form: Any) -> Any:
    if form == _TRUE:
        return bool(value)
    if type(value) is not bytes:
        raise ValueError("a number where none belongs")
    if isinstance(form, dict):
        return _message(value, form)
    if form in (_BYTES, _BYTES_MAP):
        return base64.b64encode(value).decode()
    return value if form == "raw" else value.decode()


def _pair(value: Any) -> tuple[bytes, bytes]:
    """An entry of a map: key (1) and value (2)."""
    parts = dict(_fields(value)) if type(value) is bytes else {}
    if any(type(part) is not bytes for part in parts.values()):
        raise ValueError("an entry of a map must be of two texts")
    return parts.get(1, b""), parts.get(2, b"")


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Numbers and values: bytes, or an int for a varint."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        if tag & 7 == 0:
            value, position = _varint(data, position)
            yield tag >> 3, value
        elif tag & 7 == 2:
            length, position = _varint(data, position)
            if position + length > len(data):
                raise ValueError("it ends too early")
            yield tag >> 3, data[position : position + length]
            position += length
        else:
            raise ValueError("a field of a form that does not occur")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 64, 7):
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
    raise ValueError("a number is too long")
