"""What to do next for one service: desired and observed in, actions out. No I/O, no clock, no randomness."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from isoproxy.model.isolationpod import Phase
from isoproxy.observe.outcomes import Outcome
from isoproxy.operator import children, pacing, unused
from isoproxy.operator.actions import Action, Child, DeleteOrphan, End, RecordLost
from isoproxy.operator.durations import Durations, Fact
from isoproxy.operator.family import family
from isoproxy.operator.observed import Family, Observed, Obstacle
from isoproxy.operator.pacing import Pacing
from isoproxy.operator.pool import Pool
from isoproxy.operator.standing import Entry, Standing, entries

ORPHAN_SECONDS = 10.0
STARVED_SECONDS = 10.0
_UNSERVED = (Outcome.DIAL_FAILED.value, Outcome.ERROR.value)
"""Outcomes that say nothing good of a pod."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions in the order of their urgency, and what the next pass is to be given back.

    ``obstacles`` are what keeps children from being applied; ``lacks`` is whether fewer pods are Ready than wanted,
    ``starved`` whether the pool has been without a Ready pod for a while; ``wake_after`` is in how many seconds to look
    again at the latest.
    """

    actions: tuple[Action, ...]
    entries: tuple[Entry, ...]
    pacing: Pacing
    since: Mapping[Fact, float]
    family: Family
    owed: Mapping[str, float]
    obstacles: Mapping[Child, Obstacle]
    lacks: bool
    starved: bool
    wake_after: float


@dataclass(frozen=True, slots=True)
class Clearance:
    """What there is to do for a service that nothing is made for; the fields are those of a Plan."""

    actions: tuple[Action, ...]
    entries: tuple[Entry, ...]
    since: Mapping[Fact, float]
    wake_after: float


def clear(observed: Observed, now: float) -> Clearance:
    """Return what ends all that is over, and leaves all else as it is; of the service's spec it asks nothing."""
    durations = Durations(observed.since, now)
    found = entries(observed, durations)
    return Clearance((*_losses(found), *_ends(found)), tuple(found), durations.since, durations.wake_after)


def plan(observed: Observed, now: float, jitter: float) -> Plan:
    """Return what brings ``observed`` closer to what its service asks for.

    ``now`` is monotonic seconds; ``jitter``, in [0, 1), spreads retries.
    """
    durations = Durations(observed.since, now)
    found = entries(observed, durations)
    kin = family(observed)
    pace = _pace(observed, found, durations, template=kin.template, now=now, jitter=jitter)
    upbringing = children.plan(observed, kin)
    actions: list[Action] = [*upbringing.applies]
    actions += _losses(found)
    # No pod is made until the wall around it stands.
    may_make = upbringing.walled and not observed.paused
    pool = Pool(observed, found, durations, kin.template)
    actions += pool.actions(pace.allowance if may_make else None, now)
    actions += _ends(found)
    actions += _orphans(observed, durations)
    available = any(entry.standing in (Standing.WARM, Standing.STOCKED) for entry in found)
    starved = not available and durations.lasted("starved", STARVED_SECONDS)
    wake_after = min(durations.wake_after, pace.left(now))
    if not pool.lacks:
        pace = replace(pace, refusals=pace.refusals.settled())
    return Plan(
        actions=tuple(actions),
        entries=tuple(found),
        pacing=pace,
        since=durations.since,
        family=kin,
        owed=pool.owed,
        obstacles=upbringing.obstacles,
        lacks=pool.lacks,
        starved=starved,
        wake_after=wake_after,
    )


def _losses(found: list[Entry]) -> list[Action]:
    return [RecordLost(entry.record) for entry in found if entry.standing is Standing.LOST]


def _ends(found: list[Entry]) -> list[Action]:
    return [End(entry.record, entry.reason, entry.pod_uid) for entry in found if entry.reason is not None]


def _pace(
    observed: Observed, found: list[Entry], durations: Durations, *, template: str, now: float, jitter: float
) -> Pacing:
    current = {entry.record.metadata.uid: entry for entry in found if entry.record.template == template}
    return pacing.update(
        observed.pacing,
        template=template,
        seen=frozenset(current),
        failed={
            uid: _trouble(observed, entry) for uid, entry in current.items() if unused.ended_unused(observed, entry)
        },
        working=frozenset(uid for uid, entry in current.items() if _works(entry, durations)),
        taken=observed.taken,
        refused=observed.refused,
        now=now,
        jitter=jitter,
    )


def _trouble(observed: Observed, entry: Entry) -> str:
    if entry.pod is not None:
        return unused.trouble(observed, entry) or "one has ended before it was used"
    return observed.untaken.get(entry.record.metadata.uid, "the API server did not take the Pod")


def _works(entry: Entry, durations: Durations) -> bool:
    if entry.record.status.phase in (Phase.IN_USE, Phase.RELEASED):
        return entry.record.status.outcome not in _UNSERVED
    is_ready = entry.standing in (Standing.WARM, Standing.STOCKED) and entry.pod is not None and entry.pod.ready
    return is_ready and durations.lasted(("ready", entry.record.metadata.uid), pacing.PROOF_SECONDS)


def _orphans(observed: Observed, durations: Durations) -> list[Action]:
    records = {record.metadata.uid for record in observed.records}
    return [
        DeleteOrphan(pod)
        for pod in observed.pods.values()
        if pod.isolated
        and pod.metadata.owner_uid("IsolationPod") not in records
        and not pod.ending
        and durations.lasted(("orphan", pod.metadata.uid), ORPHAN_SECONDS)
    ]
