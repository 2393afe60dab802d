"""Where each pod of a service stands: the first half of a plan. Every rule about what may be ended is here."""

import enum
from dataclasses import dataclass

from isoproxy.model.isolationpod import IsolationPod, Phase
from isoproxy.model.pod import Pod
from isoproxy.operator.actions import EndReason
from isoproxy.operator.durations import Durations
from isoproxy.operator.liveness import Verdict
from isoproxy.operator.observed import Observed

BARE_SECONDS = 10.0
"""An IsolationPod without its Pod may be another leader's half-made one; past this it is nobody's."""
RELEASE_SECONDS = 10.0
"""A pod that ended by itself is left so long for its proxy to write what became of it."""
LOSS_SECONDS = 60.0
"""The same for one in use: long enough to know whether its proxy is alive, so that a loss can be recorded."""
UNHELD_SECONDS = 0.3
"""An assigned pod that is no good for so long is asked back: it may have been claimed just before."""


class Standing(enum.Enum):
    """The classes of pods. STARTING, WARM and STOCKED are supply."""

    STARTING = "starting"
    WARM = "warm"
    STOCKED = "stocked"
    UNFIT = "unfit"  # assigned and unused, but its pod is no good: to be recalled
    RECALLED = "recalled"
    TAINTED = "tainted"
    IN_USE = "in use"
    LOST = "lost"  # in use at a proxy that is gone: its end is to be recorded
    OVER = "over"  # to be ended


@dataclass(frozen=True, slots=True)
class Entry:
    """One IsolationPod with its Pod and standing; ``reason`` is set where it is OVER."""

    record: IsolationPod
    pod: Pod | None
    standing: Standing
    reason: EndReason | None = None

    @property
    def pod_uid(self) -> str:
        """The uid of its Pod, as assigned or as seen, or ``""``."""
        return self.record.spec.pod_uid or (self.pod.metadata.uid if self.pod is not None else "")


def entries(observed: Observed, durations: Durations) -> list[Entry]:
    """Return every IsolationPod of the service with its standing."""
    return [_entry(observed, record, durations) for record in observed.records]


def _entry(observed: Observed, record: IsolationPod, durations: Durations) -> Entry:
    pod = observed.pod_of(record)
    if reason := _over(observed, record, pod, durations):
        return Entry(record, pod, Standing.OVER, reason)
    return Entry(record, pod, _assigned(observed, record, pod, durations) if record.assigned else _unassigned(pod))


def _over(observed: Observed, record: IsolationPod, pod: Pod | None, durations: Durations) -> EndReason | None:
    if record.status.phase is Phase.RELEASED:
        return EndReason.RELEASED
    if record.status.phase is Phase.RETURNED:
        return EndReason.RETURNED
    if record.status.phase is Phase.IDLE and verdict_of(observed, record).gone:
        return EndReason.PROXY_GONE
    if not record.assigned and _is_asked_for(observed, record):
        return EndReason.SURPLUS
    if _lost(observed, record, pod) or observed.awaits_pod(record) or (pod is not None and not _has_ended(record, pod)):
        return None
    if not durations.lasted(("over", record.metadata.uid), _patience(record, pod)):
        return None
    return EndReason.POD_ENDED if pod is not None else EndReason.POD_ABSENT


def _is_asked_for(observed: Observed, record: IsolationPod) -> bool:
    """Whether somebody asks for a pod that no proxy has: to delete it, or to have it back as an assigned one is."""
    return record.metadata.deletion_timestamp is not None or (record.recalled and not observed.awaits_pod(record))


def _patience(record: IsolationPod, pod: Pod | None) -> float:
    """Return for how long a record is kept whose Pod is over or absent."""
    if record.assigned:
        return LOSS_SECONDS if record.status.phase is Phase.IN_USE else RELEASE_SECONDS
    return 0.0 if pod is not None else BARE_SECONDS


def _lost(observed: Observed, record: IsolationPod, pod: Pod | None) -> bool:
    """Whether the record's connection went down with its proxy, so that nobody else will write its end."""
    if record.status.phase is not Phase.IN_USE:
        return False
    # The connection of an expired proxy may go on, unless its pod has ended as well.
    verdict = verdict_of(observed, record)
    return verdict.gone or (verdict is Verdict.EXPIRED and pod is not None and _has_ended(record, pod))


def _has_ended(record: IsolationPod, pod: Pod) -> bool:
    # A pod that is told to end has its grace period to see its connection through.
    return _moved(record, pod) or (pod.over if record.status.phase is Phase.IN_USE else pod.terminal)


def _moved(record: IsolationPod, pod: Pod) -> bool:
    """Whether the pod has another address than its proxy was told, at which there may be another pod by now."""
    return record.assigned and pod.status.pod_ip not in ("", record.spec.pod_ip)


def verdict_of(observed: Observed, record: IsolationPod) -> Verdict:
    """Return what is known of the proxy that has an IsolationPod."""
    proxy = observed.proxies.get(record.spec.proxy)
    return proxy.verdict if proxy is not None else Verdict.ALIVE  # knowing nothing proves nothing


def _assigned(observed: Observed, record: IsolationPod, pod: Pod | None, durations: Durations) -> Standing:
    if record.status.phase is Phase.IN_USE:
        return Standing.LOST if _lost(observed, record, pod) else Standing.IN_USE
    if verdict_of(observed, record) is Verdict.EXPIRED:
        return Standing.TAINTED
    # A proxy returns what is being deleted without being asked.
    if record.recalled or record.metadata.deletion_timestamp is not None:
        return Standing.RECALLED
    good = pod is not None and pod.ready and not _moved(record, pod)
    if not good and durations.lasted(("unfit", record.metadata.uid), UNHELD_SECONDS):
        return Standing.UNFIT
    return Standing.STOCKED


def _unassigned(pod: Pod | None) -> Standing:
    return Standing.WARM if pod is not None and pod.ready else Standing.STARTING
