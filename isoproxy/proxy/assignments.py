"""The watch of the IsolationPods that are assigned to one proxy instance."""

import random
from collections.abc import Callable

from isoproxy.kube.api import KubeApi
from isoproxy.kube.reflector import Change, Reflector
from isoproxy.kube.resources import ISOLATION_PODS
from isoproxy.model import names
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.parsing import parser
from isoproxy.proxy.backend import Backend
from isoproxy.timesource import TimeSource


class Assignments:
    """Tells of every change to them, and knows the newest version of each. The label is a filter, ``spec`` decides."""

    def __init__(
        self,
        *,
        api: KubeApi,
        namespace: str,
        instance: str,
        time: TimeSource,
        on_seen: Callable[[IsolationPod], None],
        on_gone: Callable[[str], None],
        on_complete: Callable[[set[str]], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """``on_gone`` is given a uid; ``on_complete`` all uids there are, after each ``begin`` once all were seen."""
        self._api = api
        self._namespace = namespace
        self._selector = f"{names.LABEL_PROXY}={instance}"
        self._time = time
        self._on_seen = on_seen
        self._on_gone = on_gone
        self._on_complete = on_complete
        self._jitter = jitter
        self._reflector: Reflector[IsolationPod] | None = None

    @property
    def complete(self) -> bool:
        """Whether everything that was assigned when the watch began has been seen."""
        return self._reflector is not None and self._reflector.synced

    def begin(self) -> None:
        """Watch, beginning with a list of its own: what it shows was so after this call."""
        self.stop()
        self._reflector = Reflector(
            api=self._api,
            resource=ISOLATION_PODS,
            parse=parser(IsolationPod),
            clock=self._time.reactor,
            on_change=self._changed,
            on_synced=self._synced,
            namespace=self._namespace,
            label_selector=self._selector,
            jitter=self._jitter,
        )
        self._reflector.start()

    def stop(self) -> None:
        """Watch no more; idempotent."""
        reflector, self._reflector = self._reflector, None
        if reflector is not None:
            reflector.stop()

    def newest(self, pod: Backend) -> IsolationPod | None:
        """Return the newest version seen of a pod's IsolationPod, if it is there."""
        if self._reflector is None:
            return None
        record = self._reflector.items.get((pod.namespace, pod.name))
        return record if record is not None and record.metadata.uid == pod.uid else None

    def _changed(self, change: Change[IsolationPod]) -> None:
        if change.new is not None:
            self._on_seen(change.new)
        elif change.old is not None:
            self._on_gone(change.old.metadata.uid)

    def _synced(self) -> None:
        assert self._reflector is not None
        self._on_complete({record.metadata.uid for record in self._reflector.items.values()})
