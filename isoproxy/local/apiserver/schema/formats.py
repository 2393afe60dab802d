"""The string formats that a schema may name. Pure. An unknown format is no constraint, as on a real server."""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from datetime import date, datetime
from urllib.parse import urlsplit

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z")
# There is one way to read it: a text that could be read in several would be tried in each.
_DURATION = re.compile(r"[+-]?(0|(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d|w))+)\Z")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}\Z")
_MAC = re.compile(r"([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}\Z")
_HOSTNAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\.?\Z"
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\Z")
_QUANTITY = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?\Z")


def is_date_time(text: str) -> bool:
    """RFC 3339, with any number of fractional digits."""
    if not _DATE_TIME.match(text):
        return False
    try:
        datetime.fromisoformat(text[:19].upper())
    except ValueError:
        return False
    return True


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == 10


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def is_ip(text: str, version: int = 0) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return version in (0, address.version)


def is_cidr(text: str) -> bool:
    if "/" not in text:
        return False
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return text.rpartition("/")[2].isdecimal()


def is_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme or parts.path.startswith("/"))


def is_quantity(text: str) -> bool:
    return _QUANTITY.match(text) is not None


FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": is_date_time,
    "datetime": is_date_time,
    "date": _is_date,
    "duration": lambda text: _DURATION.match(text) is not None,
    "byte": _is_base64,
    "ipv4": lambda text: is_ip(text, 4),
    "ipv6": lambda text: is_ip(text, 6),
    "cidr": is_cidr,
    "uuid": lambda text: _UUID.match(text) is not None,
    "mac": lambda text: _MAC.match(text) is not None,
    "hostname": lambda text: _HOSTNAME.match(text) is not None,
    "email": lambda text: _EMAIL.match(text) is not None,
    "uri": is_uri,
    "quantity": is_quantity,
}
INTEGER_BITS = {"int32": 32, "int64": 64}
