"""Which proxies live: judged by evidence alone. Absence is never evidence, and neither is a quiet watch.

A Lease is expired only by successful reads of it, the first and the last at least its duration apart, that all show
the same resourceVersion (or all show none: a deleted Lease). Everything else proves life, or nothing.
"""

import enum
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime

from isoproxy.model.names import ServiceKey
from isoproxy.model.proxylease import LEASE_SECONDS, RENEW_SECONDS, ProxyLease

QUIET_SECONDS = RENEW_SECONDS + 1.5
"""A Lease that the watch has not shown to change for so long is read directly."""
PROBE_SECONDS = 4.0
"""A quiet Lease is read at most so often; less than lies between two looks, one of which may come a little early."""
IDLE_PROBE_SECONDS = 60.0
"""One by which nobody's pods hang is read at most so often: Leases are anybody's to write."""
MAX_READS = 50
"""Of one namespace's Leases at one look: what they are many of keeps nobody elsewhere waiting."""
MASS_HOLD_SECONDS = 3600.0
"""For how long an expiry of most proxies of a namespace holds up their end by time."""


class Verdict(enum.Enum):
    """What is known of a proxy instance."""

    ALIVE = "alive"
    EXPIRED = "expired"  # its pods are tainted: no supply, but not ended
    LOST = "lost"  # expired past the grace: its pods may be ended
    ENDED = "ended"  # proof that it holds nothing: its pods may be ended

    @property
    def gone(self) -> bool:
        """Whether what the instance had may be ended."""
        return self in (Verdict.LOST, Verdict.ENDED)


@dataclass(frozen=True, slots=True)
class ProxyKey:
    """One proxy instance of one service."""

    namespace: str
    service: str
    instance: str

    @property
    def pod_uid(self) -> str:
        """The process's home: instances of the same home follow each other, they never overlap."""
        return self.instance.rpartition("-")[0]


@dataclass(slots=True)
class _Evidence:
    lease: ProxyLease | None
    seen_at: float  # at first
    changed_at: float  # when the watch (or a read) last showed something new
    promised: float = 0.0  # for how long past its expiry it said it would use its stock
    first_reply: float | None = None  # of the reads that agree: when the first was answered,
    last_request: float | None = None  # and when the last was sent
    probed_at: float = float("-inf")

    @property
    def version(self) -> str:
        return self.lease.metadata.resource_version if self.lease is not None else ""

    @property
    def agreed_seconds(self) -> float:
        if self.first_reply is None or self.last_request is None:
            return 0.0
        return max(0.0, self.last_request - self.first_reply)

    @property
    def ended(self) -> bool:
        return self.lease is not None and self.lease.ended


class Liveness:
    """The evidence about every proxy instance that a Lease or an IsolationPod names. Times are monotonic seconds."""

    def __init__(self, *, grace_seconds: float) -> None:
        self._grace_seconds = grace_seconds
        self._evidence: dict[ProxyKey, _Evidence] = {}

    def saw(self, key: ProxyKey, lease: ProxyLease | None, now: float) -> None:
        """Take in what the watch shows: a changed Lease proves life; an unchanged or missing one proves nothing."""
        evidence = self._evidence.get(key)
        if evidence is None:
            self._evidence[key] = evidence = _Evidence(lease=None, seen_at=now, changed_at=now)
            self._renew(evidence, lease, now)
        elif lease is not None and lease.metadata.resource_version != evidence.version:
            self._renew(evidence, lease, now)

    def read(self, key: ProxyKey, lease: ProxyLease | None, *, sent: float, replied: float) -> None:
        """Take in a successful quorum read (None: there is no such Lease)."""
        evidence = self._evidence.get(key)
        if evidence is None:
            return
        version = lease.metadata.resource_version if lease is not None else ""
        if version != evidence.version:
            self._renew(evidence, lease, replied)
        if evidence.first_reply is None:
            evidence.first_reply = replied
        evidence.last_request = sent

    def keep_only(self, keys: Iterable[ProxyKey]) -> None:
        """Forget instances that no object names any more."""
        wanted = set(keys)
        for key in [key for key in self._evidence if key not in wanted]:
            del self._evidence[key]

    def due(self, now: float, services: Container[ServiceKey], named: Container[ProxyKey]) -> list[ProxyKey]:
        """Return the instances to read now, and take them as being read.

        Those of ``services``, and those ``named`` by a record, come first; no more than ``MAX_READS`` are of one
        namespace.
        """
        matters, rest = [], []
        for key, evidence in self._evidence.items():
            if evidence.ended or (evidence.lease is not None and now - evidence.changed_at < QUIET_SECONDS):
                continue
            if key in named or (key.namespace, key.service) in services:
                if now - evidence.probed_at >= PROBE_SECONDS:
                    matters.append(key)
            elif now - evidence.probed_at >= IDLE_PROBE_SECONDS:
                rest.append(key)
        due: list[ProxyKey] = []
        counts: Counter[str] = Counter()
        for key in (*self._longest_unread_first(matters), *self._longest_unread_first(rest)):
            counts[key.namespace] += 1
            if counts[key.namespace] <= MAX_READS:
                self._evidence[key].probed_at = now
                due.append(key)
        return due

    def _longest_unread_first(self, keys: list[ProxyKey]) -> list[ProxyKey]:
        return sorted(keys, key=lambda key: self._evidence[key].probed_at)

    def verdicts(self, services: Container[ServiceKey]) -> dict[ProxyKey, Verdict]:
        """Return what is known of each instance.

        Where most of a namespace's have expired, none of them is lost by time alone for long. Only those of
        ``services`` count there, and each namespace is counted for itself: Leases are written by many hands, and
        nobody's must speak for or against the proxies of others.
        """
        successors = self._successors()
        verdicts = {key: self._judge(evidence, successors.get(key)) for key, evidence in self._evidence.items()}
        counted: dict[str, list[Verdict]] = {}
        for key, verdict in verdicts.items():
            if key not in successors and (key.namespace, key.service) in services:
                counted.setdefault(key.namespace, []).append(verdict)
        parted = {namespace for namespace, judged in counted.items() if _most_expired(judged)}
        return {
            key: Verdict.EXPIRED if key.namespace in parted and self._is_held_up(key, verdict) else verdict
            for key, verdict in verdicts.items()
        }

    def _is_held_up(self, key: ProxyKey, verdict: Verdict) -> bool:
        """Whether an instance that is lost among most others is given more time."""
        return verdict is Verdict.LOST and self._evidence[key].agreed_seconds < MASS_HOLD_SECONDS

    def _judge(self, evidence: _Evidence, successor: _Evidence | None) -> Verdict:
        if evidence.ended:
            return Verdict.ENDED
        # Which of two Leases is newer is told by API servers, whose clocks may differ: it is believed for good only
        # when the newer one has been renewed well after the other was last.
        if successor is not None and successor.changed_at - evidence.changed_at >= QUIET_SECONDS:
            return Verdict.ENDED
        # The proxy says how long it honours its stock; an operator that is set up with less must not undercut it.
        if evidence.agreed_seconds >= LEASE_SECONDS + max(self._grace_seconds, evidence.promised):
            return Verdict.LOST
        if evidence.agreed_seconds >= LEASE_SECONDS or successor is not None:
            return Verdict.EXPIRED
        return Verdict.ALIVE

    @staticmethod
    def _renew(evidence: _Evidence, lease: ProxyLease | None, now: float) -> None:
        evidence.lease = lease
        evidence.changed_at = now
        evidence.first_reply = evidence.last_request = None
        if lease is not None:
            evidence.promised = lease.grace_seconds

    def _successors(self) -> dict[ProxyKey, _Evidence]:
        """Return the newest instance of the same home for each one that was not heard of since that was first seen.

        Of two instances of one home and service only the newer can run: its start is proof of the other's end.
        """
        homes: dict[tuple[str, str, str], list[tuple[datetime, ProxyKey]]] = {}
        for key, evidence in self._evidence.items():
            lease = evidence.lease
            if key.pod_uid and lease is not None and lease.metadata.creation_timestamp is not None:
                home = key.namespace, lease.metadata.service_uid, key.pod_uid
                homes.setdefault(home, []).append((lease.metadata.creation_timestamp, key))
        successors = {}
        for instances in homes.values():
            latest, newest = max(instances, key=lambda instance: instance[0])
            successor = self._evidence[newest]
            for created, key in instances:
                if created < latest and self._evidence[key].changed_at <= successor.seen_at:
                    successors[key] = successor
        return successors


def _most_expired(verdicts: Iterable[Verdict]) -> bool:
    # Most processes do not die before others have taken their place; a network that parts them from the API server
    # does that, or a server that takes no writes.
    judged = [verdict for verdict in verdicts if verdict is not Verdict.ENDED]
    return sum(verdict is not Verdict.ALIVE for verdict in judged) * 2 > len(judged)
