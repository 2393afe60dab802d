"""The arithmetic of one pass: supply against demand, shares against stock, old templates against new."""

from collections.abc import Callable

from isoproxy.model import manifests
from isoproxy.operator import sharing
from isoproxy.operator.actions import Action, Assign, End, EndReason, MakePod, Recall
from isoproxy.operator.durations import Durations
from isoproxy.operator.observed import Observed
from isoproxy.operator.standing import Entry, Standing

SURPLUS_SECONDS = 3.0
"""A surplus lasts so long before it is ended: a pod just claimed looks idle until its proxy has said so."""
OVERDUE_SECONDS = 60.0
"""An ending Pod counts against maxPods until it is so long overdue."""
SURGE_PART = 4
"""A changed template is rolled out with one part in so many of the pool beside it, at least one pod."""

Allowance = Callable[[int, float], int]


class Pool:
    """The arithmetic of one pass over supply, demand and shares."""

    def __init__(self, observed: Observed, found: list[Entry], durations: Durations) -> None:
        self._observed = observed
        self._durations = durations
        self._template = manifests.template_hash(observed.service)
        self._found = found
        self._starting = self._of(Standing.STARTING)
        self._warm = self._of(Standing.WARM)
        self._stocked = self._of(Standing.STOCKED)
        self._shares = sharing.shares(observed, found, durations)
        self._claimed = sum(min(share.proxy.claimed, share.stocked) for share in self._shares)
        self._base = observed.service.spec.replicas
        self._wanted = self._base + sum(proxy.queued for proxy in observed.proxies.values())
        self._supply = len(self._starting) + len(self._warm) + len(self._stocked) - self._claimed
        self._room = self._count_room()

    def actions(self, allowance: Allowance | None, now: float) -> list[Action]:
        """Return what to assign, recall, create and end; ``allowance`` paces creation, None forbids it."""
        actions = self._assign()
        actions += [Recall(entry.record) for entry in self._of(Standing.UNFIT)]
        missing = self._missing()
        if allowance is not None and missing > 0:
            paced = allowance(len(self._starting) + self._observed.unseen_pods, now)
            actions += [MakePod(self._observed.service)] * max(0, min(missing, self._room, paced))
        return actions + self._shrink(missing)

    def _of(self, standing: Standing) -> list[Entry]:
        return [entry for entry in self._found if entry.standing is standing]

    def _outdated(self) -> list[Entry]:
        supply = [*self._starting, *self._warm, *self._stocked]
        return [entry for entry in supply if entry.record.template != self._template]

    def _assign(self) -> list[Action]:
        current_first = sorted(self._warm, key=lambda entry: entry.record.template != self._template)
        dealt = sharing.deal(current_first, self._shares)
        taken = {entry.record.metadata.uid for entry, _ in dealt}
        self._warm = [entry for entry in self._warm if entry.record.metadata.uid not in taken]
        # What is dealt in this pass stays supply, but is out of reach: it can be recalled once it is seen assigned.
        self._dealt = len(dealt)
        return [
            Assign(entry.record, entry.pod, share.proxy.instance) for entry, share in dealt if entry.pod is not None
        ]

    def _count_room(self) -> int:
        """Return how many more Pods may exist."""
        counted = sum(not self._overdue(name) for name in self._observed.pods)
        to_come = sum(entry.pod is None for entry in self._found)
        return self._observed.service.spec.pod_ceiling - counted - to_come - self._observed.unseen_pods

    def _overdue(self, name: str) -> bool:
        pod = self._observed.pods[name]
        return pod.ending and self._durations.lasted(("ending", pod.metadata.uid), OVERDUE_SECONDS)

    def _missing(self) -> int:
        """Return how many pods to create, room and pacing aside."""
        unseen = self._observed.unseen_pods
        if outdated := len(self._outdated()):
            surge = max(1, self._base // SURGE_PART)
            current = self._supply - outdated
            return min(self._wanted - current, self._wanted + surge - self._supply) - unseen
        return max(self._wanted - self._supply, self._unmet(lambda share: share.missing)) - unseen

    def _unmet(self, need: Callable[[sharing.Share], int]) -> int:
        """Return how much of a need of the proxies no pod is on its way for."""
        return sum(need(share) for share in self._shares) - len(self._warm) - len(self._starting)

    def _shrink(self, missing: int) -> list[Action]:
        """Return what ends or recalls unused pods: outdated, idle where another proxy starves, or too many."""
        if outdated := self._outdated():
            return self._replace(outdated, missing)
        if any(share.missing or share.deficit for share in self._shares):
            return self._rebalance() if self._room <= 0 else []
        surplus = self._supply - self._wanted
        if surplus <= 0 or not self._durations.lasted("surplus", SURPLUS_SECONDS):
            return []
        return self._retire([*self._starting, *self._warm], self._stocked, surplus)

    def _rebalance(self) -> list[Action]:
        # Nothing can be made for who lacks pods, so whoever has idle ones gives some back: all of them to a queue,
        # what is above its own share to a new proxy.
        starving = self._unmet(lambda share: share.deficit)
        if starving > 0:
            idle = sharing.give_back(
                self._stocked, self._shares, starving, keep=lambda share: share.free if share.proxy.queued else 0
            )
        else:
            lacking = self._unmet(lambda share: share.missing)
            idle = sharing.give_back(self._stocked, self._shares, lacking, keep=lambda share: share.target)
        return [Recall(entry.record) for entry in idle]

    def _replace(self, outdated: list[Entry], missing: int) -> list[Action]:
        unready = [entry for entry in outdated if entry.standing is Standing.STARTING]
        warm = [entry for entry in outdated if entry.standing is Standing.WARM]
        stocked = [entry for entry in outdated if entry.standing is Standing.STOCKED]
        spare = len(self._warm) + self._dealt + len(self._stocked) - self._claimed - self._wanted
        if spare <= 0 and missing > 0 and self._room <= 0 and len(unready) == len(self._starting):
            spare = 1  # at maxPods nothing can be made beside the old ones: one has to go first
        return self._retire(unready, [], len(unready)) + self._retire(warm, stocked, spare)

    def _retire(self, unassigned: list[Entry], stocked: list[Entry], count: int) -> list[Action]:
        """End up to ``count`` unassigned pods, then recall stocked ones for what is left."""
        count = max(0, count)
        ended: list[Action] = [End(entry.record, EndReason.SURPLUS, entry.pod_uid) for entry in unassigned[:count]]
        recalled = sharing.give_back(stocked, self._shares, count - len(ended))
        return ended + [Recall(entry.record) for entry in recalled]
