"""Tells as Events what becomes of each service, and of its connections."""

from collections.abc import Sequence

from isoproxy.kube.resources import DEDICATED_SERVICES
from isoproxy.model.dedicatedservice import DedicatedService, InvalidService
from isoproxy.model.event import News, Regarding
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.pod import Condition
from isoproxy.observe.events import Events
from isoproxy.operator.news import Told, news, of_end
from isoproxy.operator.troubles import Trouble


class Herald:
    """Remembers for each service what is wrong and has been told."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._told: dict[str, Told] = {}

    def tell(
        self,
        service: DedicatedService | InvalidService,
        troubles: Sequence[Trouble],
        conditions: Sequence[Condition],
    ) -> None:
        """Tell what is new in ``troubles``, where ``conditions`` are shown on the service."""
        meta = service.metadata
        found, self._told[meta.uid] = news(troubles, self._told.get(meta.uid), conditions)
        for one in found:
            self._tell(meta.namespace, meta.name, meta.uid, one)

    def released(self, record: IsolationPod) -> None:
        """Tell of a connection that is over if a limit of its service ended it."""
        meta = record.metadata
        if (found := of_end(record.status.outcome)) is not None:
            self._tell(meta.namespace, record.spec.service_name, meta.service_uid, found)

    def _tell(self, namespace: str, service: str, uid: str, news: News) -> None:
        kind = DEDICATED_SERVICES
        self._events.tell(Regarding(kind.api_version, kind.kind, namespace, service, uid), news)

    def forget(self, uid: str) -> None:
        """Drop what is kept of a service that is gone."""
        self._told.pop(uid, None)

    def begin_anew(self) -> None:
        """Go by the services' conditions again: another operator may have told things meanwhile."""
        self._told.clear()

    def stop(self) -> None:
        """Tell no more."""
        self._events.stop()
