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
"""A pod that ended by itself is left so long for its proxy to write the release."""
UNHELD_SECONDS = 0.3
"""The same for one not known to be used: then its proxy is asked to let go of it."""


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
    proxy = observed.proxies.get(record.spec.proxy)
    if record.status.phase is Phase.IDLE and proxy is not None and proxy.gone:
        return EndReason.PROXY_GONE
    uid = record.metadata.uid
    if pod is None:
        return EndReason.POD_ABSENT if durations.lasted(("bare", uid), BARE_SECONDS) else None
    if not pod.terminal:
        return None
    patience = RELEASE_SECONDS if record.assigned else 0.0
    return EndReason.POD_ENDED if durations.lasted(("ended", uid), patience) else None


def _assigned(observed: Observed, record: IsolationPod, pod: Pod | None, durations: Durations) -> Standing:
    proxy = observed.proxies.get(record.spec.proxy)
    if record.status.phase is Phase.IN_USE:
        return Standing.LOST if proxy is not None and proxy.gone else Standing.IN_USE
    if proxy is not None and proxy.verdict is Verdict.EXPIRED:
        return Standing.TAINTED
    if record.recalled:
        return Standing.RECALLED
    if pod is not None and not pod.ready and durations.lasted(("unfit", record.metadata.uid), UNHELD_SECONDS):
        return Standing.UNFIT
    return Standing.STOCKED


def _unassigned(pod: Pod | None) -> Standing:
    return Standing.WARM if pod is not None and pod.ready else Standing.STARTING
