"""Who gets which Ready pod, and who is to give one back."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from isoproxy.operator.durations import Durations
from isoproxy.operator.observed import Observed, Proxy
from isoproxy.operator.standing import Entry, Standing

ACKNOWLEDGE_SECONDS = 10.0
"""A proxy that does not take in what it was assigned for so long gets no more."""
RESERVED_PART = 4
"""With several proxies, one part in so many of the pool stays unassigned for whoever needs it."""


@dataclass(slots=True)
class Share:
    """One proxy's part while a plan is made: changes as pods are dealt out."""

    proxy: Proxy
    stocked: int
    deficit: int
    target: int
    open: bool

    @property
    def free(self) -> int:
        """Pods it holds that no connection has."""
        return max(0, self.stocked - self.proxy.claimed)

    @property
    def missing(self) -> int:
        """How many it lacks of its target."""
        return max(0, self.target - self.free) if self.open else 0


def shares(observed: Observed, entries: Iterable[Entry], durations: Durations) -> list[Share]:
    """Return each living proxy's share; draining and deaf ones are there, but closed."""
    stocked: dict[str, int] = {}
    for entry in entries:
        if entry.standing is Standing.STOCKED:
            stocked[entry.record.spec.proxy] = stocked.get(entry.record.spec.proxy, 0) + 1
    accepting = sorted(instance for instance, proxy in observed.proxies.items() if proxy.accepting)
    target = _target(observed.service.spec.replicas, len(accepting))
    made = []
    for instance, proxy in sorted(observed.proxies.items()):
        count = stocked.get(instance, 0)
        unheard = max(0, count - proxy.held)
        # Under load some assignments are always on their way: deaf is only whose word does not change meanwhile.
        deaf = unheard > 0 and durations.lasted(("deaf", instance, proxy.held, proxy.claimed), ACKNOWLEDGE_SECONDS)
        is_open = instance in accepting and not deaf
        if is_open or count:
            deficit = max(0, proxy.queued - unheard) if is_open else 0
            made.append(Share(proxy, count, deficit, target, is_open))
    return made


def _target(base: int, proxies: int) -> int:
    if proxies <= 1:
        return base
    return -(-(base - base // RESERVED_PART) // proxies)


def deal(warm: list[Entry], among: list[Share]) -> list[tuple[Entry, Share]]:
    """Give Ready pods to the proxies that need them most: the longest queue first, then the smallest stock.

    What no queue and no share asks for stays unassigned. ``among`` is brought up to date.
    """
    dealt = []
    candidates = [share for share in among if share.open]
    for entry in warm:
        taker = max(candidates, key=_need, default=None)
        if taker is None or (taker.deficit == 0 and taker.missing == 0):
            break
        taker.stocked += 1
        taker.deficit = max(0, taker.deficit - 1)
        dealt.append((entry, taker))
    return dealt


def _need(share: Share) -> tuple[int, bool, int]:
    return share.deficit, share.missing > 0, -share.free


def give_back(
    stocked: list[Entry], among: list[Share], count: int, *, keep: Callable[[Share], int] = lambda _: 0
) -> list[Entry]:
    """Choose ``count`` stocked pods to recall, from the fullest stock first.

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
