"""Files of manifests: each document is loaded, or refused in a line with its place; none becomes more than it was."""

import json
from collections.abc import Iterator

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from isoproxy.local.documents import UnreadableManifest, split
from isoproxy.local.loading import load
from isoproxy.local.yamltext import MOST_CHARACTERS
from test.fuzz.failures import check_line
from test.memoryapi import MemoryApi, make_core

MOST_REQUESTS = 200
"""How many are sent before a new server is begun with."""


def _apis() -> Iterator[MemoryApi]:
    while True:
        clock = Clock()
        api = MemoryApi(make_core(clock), clock)
        while len(api.requests) < MOST_REQUESTS:
            yield api


_API = _apis()


def run(data: bytes) -> None:
    """``data`` is the content of a file."""
    documents = []
    for found in split("f.yaml", data.decode("utf-8", "replace")):
        check_line(str(found))
        if not isinstance(found, UnreadableManifest):
            assert len(json.dumps(found.manifest)) < 12 * MOST_CHARACTERS
            documents.append(found)
    told: list[list[str]] = []
    Deferred.fromCoroutine(load(next(_API), documents)).addCallback(told.append)
    assert len(told) == 1
    for line in told[0]:
        check_line(line)
