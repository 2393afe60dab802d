"""Which pods are Ready, as a watch tells it: without a request for each look, and without a pause between two."""

from __future__ import annotations

from contextlib import suppress

from twisted.internet.defer import Deferred

from isoproxy.kube.client import KubeClient
from isoproxy.kube.errors import KubeError
from isoproxy.kube.resources import PODS, Json
from test.running.api import is_ready

NAMESPACE = "default"


class Readiness:
    """The pods of a label selector, from a first list on."""

    def __init__(self) -> None:
        self._ready: set[str] = set()
        self._waiting: dict[str, Deferred[None]] = {}
        self._next: list[Deferred[None]] = []

    async def follow(self, client: KubeClient, label_selector: str) -> None:
        """List, begin to watch, and return; the watch ends with the client, or when the server ends it."""
        listed = await client.list(PODS, namespace=NAMESPACE, label_selector=label_selector)
        for pod in listed.items:
            self._take(pod)
        watch = client.watch(
            PODS, namespace=NAMESPACE, label_selector=label_selector, resource_version=listed.resource_version
        )

        async def read() -> None:
            with suppress(KubeError):
                while True:
                    self._take((await watch.next()).object)

        Deferred.fromCoroutine(read())

    def ready(self, name: str) -> Deferred[None]:
        """Fire when a pod is Ready."""
        waiting: Deferred[None] = Deferred()
        if name in self._ready:
            waiting.callback(None)
        else:
            self._waiting[name] = waiting
        return waiting

    def another(self) -> Deferred[None]:
        """Fire when a pod becomes Ready that was not Ready before."""
        waiting: Deferred[None] = Deferred()
        self._next.append(waiting)
        return waiting

    def _take(self, pod: Json) -> None:
        if not is_ready(pod) or (name := pod["metadata"]["name"]) in self._ready:
            return
        self._ready.add(name)
        if (one := self._waiting.pop(name, None)) is not None:
            one.callback(None)
        fired, self._next = self._next, []
        for waiting in fired:
            waiting.callback(None)
