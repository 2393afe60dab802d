"""Objects in a cluster, whoever wrote them: the operator goes on, and serves a service that has no part in them."""

import random
from typing import Any

from twisted.internet.task import Clock

from isoproxy.kube.api import ListResult
from isoproxy.kube.resources import DEDICATED_SERVICES, ISOLATION_PODS, NAMESPACES, PODS, Json, Resource
from isoproxy.kube.shape import fault
from isoproxy.model.jsontext import parse_json
from isoproxy.observe.metrics import Metrics
from isoproxy.operator.reconciler import Reconciler
from isoproxy.timesource import TimeSource
from test.fuzz.failures import told_in_lines
from test.memoryapi import MemoryApi, at_once, make_core

SECONDS = 40
"""Of the clock: long enough for a dead proxy to be given up, and for every back-off."""
WANTED = 2
"""Pods of the service that must be served."""


class Shown(MemoryApi):
    """Shows the objects of an input beside those that are there; they were written where no schema was asked."""

    def __init__(self, api: MemoryApi, extra: dict[str, list[Json]]) -> None:
        super().__init__(api._core, api._clock)
        self._extra = extra
        self.collects = False  # the owners of what is only shown are not there

    async def list(self, resource: Resource, **options: Any) -> ListResult:
        keep = options.pop("keep", None) or (lambda item: item)
        found = await super().list(resource, **options)
        items = [*found.items, *self._extra.get(resource.plural, ())]
        return ListResult([*map(keep, items)], found.resource_version)


def run(data: bytes) -> None:
    """``data`` is an object of lists of objects, by their kinds' plurals."""
    try:
        extra = parse_json(data)
    except ValueError:
        return
    clock = Clock()
    hand = MemoryApi(make_core(clock), clock)
    at_once(hand.create(NAMESPACES, {"metadata": {"name": "n"}}))
    manifest = {"metadata": {"name": "good"}, "spec": {"image": "i", "replicas": WANTED}}
    at_once(
        hand.create(
            DEDICATED_SERVICES, manifest | {"apiVersion": "soh.re/v1alpha1", "kind": "DedicatedService"}, namespace="n"
        )
    )
    operator = Reconciler(
        time=TimeSource.simulated(clock),
        api=Shown(hand, _sound(extra)),
        random=random.Random(1),
        metrics=Metrics(),
        grace_seconds=10.0,
    )
    with told_in_lines():
        operator.startService()
        for _ in range(SECONDS):
            clock.advance(1.0)
        ended = operator.stopService()
        for _ in range(SECONDS):
            clock.advance(1.0)
        assert ended.called
    labels: dict[str, Any] = {"label_selector": "soh.re/service=good"}
    assert len(at_once(hand.list(ISOLATION_PODS, **labels)).items) == WANTED
    assert len(at_once(hand.list(PODS, **labels)).items) == WANTED


def _sound(extra: Any) -> dict[str, list[Json]]:
    """What a client would let through."""
    if not isinstance(extra, dict):
        return {}
    lists = {plural: found for plural, found in extra.items() if isinstance(found, list)}
    return {plural: [item for item in found if not fault(item)] for plural, found in lists.items()}
