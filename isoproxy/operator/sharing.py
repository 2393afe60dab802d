"""Who gets which Ready pod, and who is to give one back."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from isoproxy.operator.durations import Durations
from isoproxy.operator.liveness import Verdict
from isoproxy.operator.observed import Observed, Proxy
from isoproxy.operator.standing import Entry, Standing

ACKNOWLEDGE_SECONDS = 10.0
"""A proxy that does not take in what it was assigned for so long gets no more."""
RESERVED_PART = 4
"""With several proxies, one part in so many of the pool stays unassigned for whoever needs it."""


@dataclass(slots=True)
class Share:
    """One proxy's part while a plan is made: changes as pods are dealt out.

    Of its ``stocked`` pods, ``claimed`` have a connection that is not written down yet, ``expected`` go to its queue
    when it takes them in, and ``outdated`` are to be replaced. ``deficit`` of its queue have no pod on its way;
    ``owed`` is how much of a pod that queue was passed over for, less than nothing where one came before its turn.
    A ``deaf`` proxy does not take in what it is given; one that is not ``open`` gets nothing.
    """

    proxy: Proxy
    deaf: bool
    open: bool
    stocked: int
    outdated: int
    claimed: int
    expected: int
    deficit: int
    owed: float = 0.0
    target: int = 0

    @property
    def counted(self) -> bool:
        """Whether clients to come can use its stock; a Lease that is missing for a moment is no reason to doubt it."""
        missing = self.proxy.verdict is Verdict.ALIVE and self.proxy.lease is None
        return self.open or (missing and not self.deaf)

    @property
    def free(self) -> int:
        """Pods that wait for a connection."""
        return self.stocked - self.claimed - self.expected

    @property
    def missing(self) -> int:
        """How many it lacks of its target, those not counted that are to be replaced."""
        return max(0, self.target - max(0, self.free - self.outdated)) if self.open else 0


def shares(observed: Observed, entries: Iterable[Entry], template: str, durations: Durations) -> list[Share]:
    """Return the share of each proxy that may be given pods or has some."""
    counts = {instance: _Counts(_spoke_at(proxy, durations)) for instance, proxy in observed.proxies.items()}
    for entry in entries:
        if entry.record.spec.proxy in counts:
            counts[entry.record.spec.proxy].add(entry, template, durations)
    made = [
        _share(proxy, counts[instance], durations, observed.owed.get(instance, 0.0))
        for instance, proxy in sorted(observed.proxies.items())
        if proxy.accepting or counts[instance].unwritten
    ]
    counted = [share for share in made if share.counted]
    for share in counted:
        share.target = _target(observed.service.spec.replicas, len(counted))
    return made


def _spoke_at(proxy: Proxy, durations: Durations) -> float:
    """Return since when its Lease is known to say what it says."""
    version = proxy.lease.metadata.resource_version if proxy.lease is not None else ""
    return durations.began(("word", proxy.instance, version))


@dataclass(slots=True)
class _Counts:
    """One proxy's pods, in view of when it last said how many it holds.

    ``unwritten`` are those of which it has not written anything yet, which ``held`` on its Lease counts; ``news`` are
    the ones among them that were assigned later than that was said.
    """

    spoke_at: float
    unwritten: int = 0
    news: int = 0
    stocked: int = 0
    outdated: int = 0

    def add(self, entry: Entry, template: str, durations: Durations) -> None:
        if entry.standing in (Standing.STOCKED, Standing.UNFIT, Standing.RECALLED):
            self.unwritten += 1
            self.news += durations.began(("assigned", entry.record.metadata.uid)) > self.spoke_at
        if entry.standing is Standing.STOCKED:
            self.stocked += 1
            self.outdated += entry.record.template != template


def _share(proxy: Proxy, counts: _Counts, durations: Durations, owed: float) -> Share:
    # What the Lease does not count is on its way to the proxy. Where the Lease counts more than there is unwritten, it
    # is older than what was written since: that many of its claims are among the written.
    heard_of = counts.unwritten - counts.news
    unheard = counts.news + max(0, heard_of - proxy.held)
    written = max(0, proxy.held - heard_of)
    asked_back = counts.unwritten - counts.stocked  # of which it counts those that it gives back as claimed
    # Under load some assignments are always on their way: deaf is only whose word does not change meanwhile.
    deaf = unheard > 0 and durations.lasted(("deaf", proxy.instance, proxy.held, proxy.claimed), ACKNOWLEDGE_SECONDS)
    is_open = proxy.accepting and not deaf
    claimed = min(counts.stocked, max(0, proxy.claimed - written - asked_back))
    expected = min(counts.stocked - claimed, unheard, proxy.queued)
    return Share(
        proxy=proxy,
        deaf=deaf,
        open=is_open,
        stocked=counts.stocked,
        outdated=counts.outdated,
        claimed=claimed,
        expected=expected,
        deficit=proxy.queued - expected if is_open else 0,
        owed=owed,
    )


def _target(base: int, proxies: int) -> int:
    """Return the part of the pool that each proxy has in stock; together never more than the pool."""
    if proxies <= 1:
        return base
    part = (base - base // RESERVED_PART) // proxies
    return max(part, 1) if base >= proxies else part


def deal(warm: Iterable[Entry], among: list[Share]) -> list[tuple[Entry, Share]]:
    """Give Ready pods, in their order, to the proxies that need them: the queues by turns, then the smallest stock.

    What no queue and no share asks for stays unassigned. ``among`` is brought up to date.
    """
    dealt = []
    for entry in warm:
        if waiting := [share for share in among if share.deficit]:
            taker = _whose_turn(waiting)
            taker.deficit -= 1
            taker.expected += 1
        elif missing := [share for share in among if share.missing]:
            taker = min(missing, key=lambda share: share.free)
        else:
            break
        taker.stocked += 1
        dealt.append((entry, taker))
    return dealt


def _whose_turn(waiting: list[Share]) -> Share:
    """Return whose queue the next pod goes to: each is credited with its part of it, and who is owed most gets it.

    So every queue gets pods in proportion to its length, and clients wait equally long in all of them: none is passed
    over for as long as another is longer.
    """
    queued = sum(share.deficit for share in waiting)
    for share in waiting:
        share.owed += share.deficit / queued
    taker = max(waiting, key=lambda share: share.owed)
    taker.owed -= 1
    return taker


def owed(among: Iterable[Share]) -> dict[str, float]:
    """Return what is to be remembered of the turns, by instance: what those are owed that still wait."""
    return {share.proxy.instance: share.owed for share in among if share.deficit}


def give_back(stocked: list[Entry], among: list[Share], count: int, *, keep: Callable[[Share], int]) -> list[Entry]:
    """Choose up to ``count`` stocked pods to recall, from the fullest stock first.

    A proxy is never asked for more than it has free, and is left ``keep`` of them.
    """
    by_proxy: dict[str, list[Entry]] = {}
    for entry in stocked:
        by_proxy.setdefault(entry.record.spec.proxy, []).append(entry)
    spare = {
        share.proxy.instance: min(share.free - keep(share), len(by_proxy[share.proxy.instance]))
        for share in among
        if share.proxy.instance in by_proxy
    }
    chosen: list[Entry] = []
    while len(chosen) < count and spare:
        instance = max(spare, key=lambda key: spare[key])
        if spare[instance] <= 0:
            break
        spare[instance] -= 1
        chosen.append(by_proxy[instance].pop())
    return chosen
