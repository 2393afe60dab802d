"""Pods start, fail and end in their own time."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from isoproxy.kube.cache import Change
from isoproxy.model import names
from isoproxy.model.pod import Condition, Pod, PodStatus
from test.operator.builders import EPOCH
from test.operator.world.events import Events
from test.operator.world.store import Store


class Kubelet:
    """Starts pods, unless their template is among the ``broken``, and ends those that are deleted."""

    def __init__(self, events: Events, random: Random, store: Store, on_end: Callable[[str], None]) -> None:
        self._events = events
        self._random = random
        self._store = store
        self._on_end = on_end
        self._known: set[str] = set()
        self._addresses = 0
        self.broken: dict[str, str] = {}
        """How pods of a template fail: ``fails`` or ``hangs``."""
        store.pods.watch(self._seen, lag=0.1)

    @property
    def pods_made(self) -> int:
        """How many pods there ever were."""
        return len(self._known)

    def delete(self, uid: str) -> None:
        """Begin the end of a pod, as the API server does on DELETE."""
        pod = self._by_uid(uid)
        if pod is not None and not pod.ending:
            ending = replace(pod.metadata, deletion_timestamp=EPOCH, deletion_grace_period_seconds=1)
            self._store.pods.put(replace(pod, metadata=ending))

    def fail(self, uid: str, phase: str = "Failed") -> None:
        """Let a pod's program end."""
        pod = self._by_uid(uid)
        if pod is not None and not pod.ending:
            self._store.pods.put(replace(pod, status=PodStatus(phase=phase, podIP=pod.status.pod_ip)))
            self._on_end(uid)

    def vanish(self, uid: str) -> None:
        """Take a pod away without a word, as a forced deletion does."""
        if (pod := self._by_uid(uid)) is not None:
            self._store.pods.remove(pod.metadata.name)
            self._on_end(uid)

    def _by_uid(self, uid: str) -> Pod | None:
        return next((pod for pod in self._store.pods.items.values() if pod.metadata.uid == uid), None)

    def _seen(self, change: Change[Pod]) -> None:
        pod = change.new
        if pod is None:
            return
        uid = pod.metadata.uid
        if pod.ending:
            self._events.after(self._random.uniform(0.1, 2.0), lambda: self.vanish(uid))
        elif uid not in self._known:
            self._known.add(uid)
            self._events.after(self._random.uniform(0.1, 3.0), lambda: self._start(uid))

    def _start(self, uid: str) -> None:
        pod = self._by_uid(uid)
        if pod is None or pod.ending:
            return
        fate = self.broken.get(pod.metadata.labels[names.LABEL_TEMPLATE], "")
        if fate == "fails":
            self.fail(uid)
        elif fate != "hangs":
            self._addresses += 1
            ready = (Condition(type="Ready", status="True"),)
            status = PodStatus(phase="Running", podIP=f"10.0.0.{self._addresses}", conditions=ready)
            self._store.pods.put(replace(pod, status=status))
