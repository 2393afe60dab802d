"""Writes each service's status: only what changed, at most once a second, and ever more rarely while it is refused."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import txaio

from isoproxy.kube.api import KubeApi
from isoproxy.kube.errors import Conflict, KubeError, NotFound
from isoproxy.kube.resources import DEDICATED_SERVICES
from isoproxy.kube.retry import full_jitter
from isoproxy.model.dedicatedservice import DedicatedService, DedicatedServiceStatus, InvalidService
from isoproxy.model.metadata import ObjectMeta
from isoproxy.model.parsing import dump
from isoproxy.operator.backoff import MOST_BACKOFF
from isoproxy.timesource import TimeSource

log = txaio.make_logger()

SECONDS_BETWEEN = 1.0
WRITES_AT_ONCE = 8
"""However slow they are: other requests are to have places in the client, too."""


@dataclass(frozen=True, slots=True)
class _Written:
    status: DedicatedServiceStatus
    over: str  # the resourceVersion that it was written over
    at: float


@dataclass(frozen=True, slots=True)
class _Refused:
    failures: int
    until: float


class Publisher:
    """Remembers what was last written for each service, because the watch shows it later.

    A status is for people to read: that it is refused holds up nothing that is done for its service.
    """

    def __init__(self, *, api: KubeApi, time: TimeSource, jitter: Callable[[], float]) -> None:
        """``jitter`` gives a number in [0, 1)."""
        self._api = api
        self._time = time
        self._jitter = jitter
        self._written: dict[str, _Written] = {}
        self._refused: dict[str, _Refused] = {}
        self._under_way = 0

    def now(self) -> datetime:
        """Return the time to write, in whole seconds as Kubernetes keeps it."""
        return self._time.utcnow().replace(microsecond=0)

    def current(self, service: DedicatedService | InvalidService) -> DedicatedServiceStatus:
        """Return the service's status as it is, whether the watch has shown it yet or not."""
        written = self._written.get(service.metadata.uid)
        if written is not None and written.over == service.metadata.resource_version:
            return written.status
        return service.status

    def forget(self, uid: str) -> None:
        """Drop what is kept of a service that is gone."""
        self._written.pop(uid, None)
        self._refused.pop(uid, None)

    async def publish(self, service: DedicatedService | InvalidService, wanted: DedicatedServiceStatus) -> float:
        """Write ``wanted`` if it differs; returns in how many seconds to come again (infinity: all is written).

        What the API server says against it is logged.
        """
        if wanted == self.current(service):
            return math.inf
        meta = service.metadata
        before, now = self._written.get(meta.uid), self._time.monotonic()
        if (due := self._due(meta.uid)) > now:
            return due - now
        if self._under_way >= WRITES_AT_ONCE:
            return SECONDS_BETWEEN  # not waited for here: whoever asks has pods to look after
        patch = {"metadata": {"resourceVersion": meta.resource_version}, "status": dump(wanted)}
        self._under_way += 1
        try:
            await self._api.patch(DEDICATED_SERVICES, meta.name, patch, namespace=meta.namespace, subresource="status")
        except NotFound:
            return math.inf
        except Conflict:
            return SECONDS_BETWEEN  # the watch is about to show a newer one
        except KubeError as error:
            return self._back_off(meta, error)
        finally:
            self._under_way -= 1
        self._refused.pop(meta.uid, None)
        summary = _summary(wanted)
        if before is None or _summary(before.status) != summary:
            tell = log.warn if _is_degraded(wanted) else log.info
            tell("{meta.namespace}/{meta.name}: {summary}", meta=meta, summary=summary)
        self._written[meta.uid] = _Written(wanted, meta.resource_version, now)
        return math.inf

    def _due(self, uid: str) -> float:
        """Return when (monotonic seconds) a service's status may be written next."""
        written, refused = self._written.get(uid), self._refused.get(uid)
        # Sums, as they are slept: by a difference rounded otherwise, one could come again too soon, for ever.
        after_last = written.at + SECONDS_BETWEEN if written is not None else -math.inf
        return max(after_last, refused.until if refused is not None else -math.inf)

    def _back_off(self, meta: ObjectMeta, error: KubeError) -> float:
        refused = self._refused.get(meta.uid)
        failures = refused.failures + 1 if refused is not None else 1
        delay = max(SECONDS_BETWEEN, full_jitter(failures, self._jitter, initial=1.0, ceiling=MOST_BACKOFF))
        self._refused[meta.uid] = _Refused(failures, self._time.monotonic() + delay)
        told = "{meta.namespace}/{meta.name}: its status was not written: {error}; trying again in {delay:.1f} s"
        log.warn(told, meta=meta, error=error, delay=delay)
        return delay


def _is_degraded(status: DedicatedServiceStatus) -> bool:
    return any(condition.type == "Degraded" and condition.status == "True" for condition in status.conditions)


def _summary(status: DedicatedServiceStatus) -> str:
    """Return in one line what a person who watches the log wants to know; pods that come and go are not part of it."""
    conditions = {condition.type: condition for condition in status.conditions}
    worst = conditions["Degraded"] if conditions["Degraded"].status == "True" else conditions["Ready"]
    message = f": {worst.message}" if worst.message else ""
    return f"Ready={conditions['Ready'].status} {worst.reason}{message}"
