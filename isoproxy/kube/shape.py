"""What every answer has, whatever its kind: whoever reads on may rely on it. Pure."""

from typing import Any, Final

from isoproxy.kube.errors import BadReply
from isoproxy.kube.resources import Json

MOST_CHARACTERS: Final = 1024
"""More than any name, uid or version has."""
_IDENTITY = ("name", "uid", "resourceVersion")


def page_of(answer: Json) -> tuple[list[Json], str, str]:
    """Return a list's items, its resourceVersion and its continuation, ``""`` where there is none. Raises BadReply."""
    metadata, items = answer.get("metadata") or {}, answer.get("items") or []
    if not isinstance(metadata, dict):
        raise BadReply("a list whose metadata is no object")
    if not isinstance(items, list):
        raise BadReply("a list whose items are none")
    for place, item in enumerate(items):
        if problem := fault(item):
            raise BadReply(f"a list with items[{place}]{problem}")
    version, more = metadata.get("resourceVersion", ""), metadata.get("continue") or ""
    if not isinstance(version, str) or not isinstance(more, str):
        raise BadReply("a list whose metadata.resourceVersion or metadata.continue is no text")
    return items, version, more


def fault(item: Any, *, bookmark: bool = False) -> str:
    """Return what keeps ``item`` from being told from other objects, as ``.path: problem``, or ``""``.

    A bookmark has a version alone.
    """
    metadata = item.get("metadata") if isinstance(item, dict) else None
    if not isinstance(metadata, dict):
        return ".metadata: missing"
    for field in ("resourceVersion",) if bookmark else _IDENTITY:
        if not _is_word(metadata.get(field)):
            return f".metadata.{field}: missing, or no such text"
    if metadata.get("namespace", "") != "" and not _is_word(metadata["namespace"]):
        return ".metadata.namespace: no such text"
    return ""


def _is_word(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= MOST_CHARACTERS and text.isprintable()
