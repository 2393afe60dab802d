"""What to do next for one service: desired and observed in, actions out. No I/O, no clock, no randomness."""

from collections.abc import Mapping
from dataclasses import dataclass

from isoproxy.model import manifests
from isoproxy.model.isolationpod import Phase
from isoproxy.operator import children, pacing
from isoproxy.operator.actions import Action, DeleteOrphan, End, EndReason, RecordLost
from isoproxy.operator.durations import Durations, Fact
from isoproxy.operator.observed import Observed
from isoproxy.operator.pacing import Pacing
from isoproxy.operator.pool import Pool
from isoproxy.operator.standing import Entry, Standing, entries

ORPHAN_SECONDS = 10.0
STARVED_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions in the order of their urgency, and what the next pass is to be given back.

    ``starved`` is whether the pool has been without a Ready pod for a while; ``wake_after`` is in how many seconds to
    look again at the latest.
    """

    actions: tuple[Action, ...]
    entries: tuple[Entry, ...]
    pacing: Pacing
    since: Mapping[Fact, float]
    starved: bool
    wake_after: float


def plan(observed: Observed, now: float, jitter: float) -> Plan:
    """Return what brings ``observed`` closer to what its service asks for.

    ``now`` is monotonic seconds; ``jitter``, in [0, 1), spreads retries.
    """
    durations = Durations(observed.since, now)
    found = entries(observed, durations)
    pace = _pace(observed, found, durations, now=now, jitter=jitter)
    # No pod is made until the wall around it stands.
    actions = children.actions(observed)
    walled = not actions and not observed.taken
    actions += [RecordLost(entry.record) for entry in found if entry.standing is Standing.LOST]
    actions += Pool(observed, found, durations).actions(pace.allowance if walled else None, now)
    actions += [End(entry.record, entry.reason, entry.pod_uid) for entry in found if entry.reason is not None]
    actions += _orphans(observed, durations)
    available = any(entry.standing in (Standing.WARM, Standing.STOCKED) for entry in found)
    starved = not available and durations.lasted("starved", STARVED_SECONDS)
    wake_after = durations.wake_after
    if pace.failures:
        wake_after = min(wake_after, max(0.1, pace.retry_at - now))
    return Plan(tuple(actions), tuple(found), pace, durations.since, starved, wake_after)


def _pace(observed: Observed, found: list[Entry], durations: Durations, *, now: float, jitter: float) -> Pacing:
    template = manifests.template_hash(observed.service)
    current = [entry for entry in found if entry.record.template == template]
    failed = {
        entry.record.metadata.uid: entry.pod.trouble
        for entry in current
        if entry.pod is not None and _ended_unused(entry)
    }
    proof = any(_works(entry, durations) for entry in current)
    return pacing.update(observed.pacing, template=template, failed=failed, proof=proof, now=now, jitter=jitter)


def _ended_unused(entry: Entry) -> bool:
    return (
        entry.reason in (EndReason.POD_ENDED, EndReason.RETURNED)
        and entry.record.status.phase in (Phase.IDLE, Phase.RETURNED)
        and entry.pod is not None
        and entry.pod.status.phase in ("Failed", "Succeeded")
    )


def _works(entry: Entry, durations: Durations) -> bool:
    if entry.standing is Standing.IN_USE:
        return True
    is_ready = entry.standing in (Standing.WARM, Standing.STOCKED)
    return is_ready and durations.lasted(("ready", entry.record.metadata.uid), pacing.PROOF_SECONDS)


def _orphans(observed: Observed, durations: Durations) -> list[Action]:
    records = {record.metadata.uid for record in observed.records}
    return [
        DeleteOrphan(pod)
        for pod in observed.pods.values()
        if pod.metadata.owner_uid("IsolationPod") not in records
        and not pod.ending
        and durations.lasted(("orphan", pod.metadata.uid), ORPHAN_SECONDS)
    ]
