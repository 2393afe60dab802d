"""Events: what ``kubectl describe`` shows below an object, as ``events.k8s.io/v1`` has them."""

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from isoproxy.model import names
from isoproxy.model.parsing import Json
from isoproxy.model.timestamps import rfc3339

CONTROLLER: Final = f"{names.GROUP}/isoproxy"
MOST_NOTE_BYTES: Final = 1024
"""API servers refuse longer notes."""
_ELLIPSIS = "…"


class EventType(enum.Enum):
    """Whether somebody should look."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Regarding:
    """The object that an Event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class News:
    """What happened: ``reason`` is one word for programs, ``note`` a sentence for people, ``action`` what was tried."""

    type: EventType
    reason: str
    action: str
    note: str


def event(name: str, regarding: Regarding, news: News, *, instance: str, now: datetime) -> Json:
    """Return the Event of that name, told by the process ``instance``."""
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": regarding.namespace},
        "eventTime": rfc3339(now, digits="microseconds"),
        "reportingController": CONTROLLER,
        "reportingInstance": instance,
        "type": news.type.value,
        "reason": news.reason,
        "action": news.action,
        "note": _cut(news.note),
        "regarding": {
            "apiVersion": regarding.api_version,
            "kind": regarding.kind,
            "namespace": regarding.namespace,
            "name": regarding.name,
            "uid": regarding.uid,
        },
    }


def series(count: int, now: datetime) -> Json:
    """Return what says, on an Event, that it happened ``count`` times in all."""
    return {"series": {"count": count, "lastObservedTime": rfc3339(now, digits="microseconds")}}


def _cut(note: str) -> str:
    encoded = note.encode()
    if len(encoded) <= MOST_NOTE_BYTES:
        return note
    room = MOST_NOTE_BYTES - len(_ELLIPSIS.encode())
    return encoded[:room].decode(errors="ignore") + _ELLIPSIS
