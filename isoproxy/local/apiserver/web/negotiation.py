"""What form an answer takes, and what form a body has. Pure."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from isoproxy.local.apiserver import changes
from isoproxy.local.apiserver.depth import check_depth, too_deep
from isoproxy.local.apiserver.errors import StatusError, bad_request
from isoproxy.local.apiserver.web import protobodies
from isoproxy.local.yamltext import read_yaml
from isoproxy.model.jsontext import parse_strictly

JSON = "application/json"
YAML = "application/yaml"
PATCHES = frozenset({changes.MERGE, changes.JSON, changes.STRATEGIC, changes.APPLY})


@dataclass(frozen=True, slots=True)
class Format:
    """`shape`: Object as it is, Table, or PartialObjectMetadata; `media`: JSON or YAML; `version` of the shape."""

    shape: str = "Object"
    media: str = JSON
    version: str = "v1"


@dataclass(frozen=True, slots=True)
class Accepted:
    """One range of an Accept header."""

    media: str
    parameters: dict[str, str]

    def admits(self, media: str) -> bool:
        return self.media in (media, "*/*", media.partition("/")[0] + "/*")


@lru_cache(maxsize=256)
def accepted(header: str) -> tuple[Accepted, ...]:
    """The ranges of an Accept header, the most wanted first; no header accepts everything."""
    found = []
    for index, part in enumerate((header or "*/*").split(",")):
        media, *stated = (word.strip() for word in part.split(";"))
        parameters = {word.partition("=")[0].strip(): word.partition("=")[2].strip(' "') for word in stated}
        quality = _quality(parameters.pop("q", "1"))
        if quality > 0:
            found.append((-quality, index, Accepted(media.lower(), parameters)))
    return tuple(item for _, _, item in sorted(found, key=lambda entry: entry[:2]))


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


@lru_cache(maxsize=256)
def choose(header: str, *, shapes: bool = True) -> Format:
    """The form of an answer about objects. 406 if none of what is accepted can be made.

    `shapes`: whether it may be a Table or metadata only.
    """
    for wanted in accepted(header):
        shape = wanted.parameters.get("as")
        if shape is not None and not _can_be(wanted, shapes):
            continue
        for media in (JSON, YAML):
            if wanted.admits(media):
                return Format(shape.removesuffix("List") if shape else "Object", media)
    raise not_acceptable(JSON, YAML)


def _can_be(wanted: Accepted, shapes: bool) -> bool:
    known = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")
    parameters = wanted.parameters
    return (
        shapes
        and parameters["as"] in known
        and parameters.get("g", "meta.k8s.io") == "meta.k8s.io"
        and parameters.get("v", "v1") == "v1"
    )


def not_acceptable(*possible: str) -> StatusError:
    return StatusError(406, "NotAcceptable", f"only the following media types are accepted: {', '.join(possible)}")


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def read_body(body: bytes, content_type: str, *, patch: bool, strict: bool, depth: int) -> Any:
    """The value that a body holds. 400 for what cannot be parsed, 415 for a type that is not taken.

    No type at all means JSON, as old kubectls have it.
    """
    media = media_type(content_type) or ("" if patch else JSON)
    if media == protobodies.MEDIA and not patch:
        return protobodies.read(body)
    if media not in (PATCHES if patch else (JSON, YAML)):
        possible = sorted(PATCHES) if patch else [JSON, YAML]
        message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(
            possible
        )
        raise StatusError(415, "UnsupportedMediaType", message)
    try:
        if media in (YAML, changes.APPLY) and not body.lstrip().startswith(b"{"):
            return _read_yaml(body, depth)
        return _read_json(body, strict, depth)
    except RecursionError:
        raise too_deep() from None
    except (ValueError, yaml.YAMLError) as error:
        raise bad_request(f"couldn't get version/kind; the body of the request cannot be parsed: {error}") from None


def _read_json(body: bytes, strict: bool, depth: int) -> Any:
    text = body.decode("utf-8")
    value = parse_strictly(text, pairs=_no_duplicates if strict else None)
    # Counting is quick; only a body with this many brackets can be too deep.
    if body.count(b"{") + body.count(b"[") > depth:
        check_depth(value, depth)
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise bad_request(f'strict decoding error: duplicate field "{key}"')
            seen.add(key)
    return found


def _read_yaml(body: bytes, depth: int) -> Any:
    for value in read_yaml(body.decode("utf-8")):
        check_depth(value, depth)
        return value
    return None
