"""The arithmetic of one pass: supply against demand, shares against stock, old templates against new."""

from collections.abc import Callable

from isoproxy.model.pod import Pod
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

Allowance = Callable[[int, int, float], int]


class Pool:
    """The arithmetic of one pass over supply, demand and shares."""

    def __init__(self, observed: Observed, found: list[Entry], durations: Durations, template: str) -> None:
        self._observed = observed
        self._durations = durations
        self._template = template
        self._found = found
        self._shares = sharing.shares(observed, found, self._template, durations)
        counted = {share.proxy.instance: share for share in self._shares if share.counted}
        self._starting = self._of(Standing.STARTING)
        self._warm = self._of(Standing.WARM)
        self._stocked = [entry for entry in self._of(Standing.STOCKED) if entry.record.spec.proxy in counted]
        self._base = observed.service.spec.replicas
        self._reserve = self._base - sum(share.target for share in counted.values())
        self._wanted = self._base + sum(share.proxy.queued for share in self._shares if share.open)
        self._ready = len(self._warm) + len(self._stocked) - sum(share.claimed for share in counted.values())
        self._supply = len(self._starting) + self._ready
        self._room = self._count_room()
        self.lacks = False
        """Whether fewer pods are Ready than wanted, once it is known what to do."""

    def actions(self, allowance: Allowance | None, now: float) -> list[Action]:
        """Return what to assign, recall, create and end; ``allowance`` paces creation, None forbids it."""
        actions = self._assign()
        actions += [Recall(entry.record) for entry in self._of(Standing.UNFIT)]
        outdated = self._outdated([*self._starting, *self._warm, *self._stocked])
        missing = self._missing(len(outdated))
        self.lacks = missing + len(self._starting) > 0
        missing -= self._observed.unseen_pods
        if allowance is not None and missing > 0:
            paced = allowance(len(self._starting), self._observed.unseen_pods, now)
            actions += [MakePod(self._observed.service)] * max(0, min(missing, self._room, paced))
        if outdated:
            return actions + self._replace(missing)
        if any(share.missing or share.deficit for share in self._shares):
            return actions + (self._rebalance() if self._room <= 0 else [])
        surplus = self._durations.least("surplus", self._supply - self._wanted, SURPLUS_SECONDS)
        return actions + self._retire(surplus)

    @property
    def owed(self) -> dict[str, float]:
        """What the proxies whose clients still wait are owed of the pods to come."""
        return sharing.owed(self._shares)

    def _of(self, standing: Standing) -> list[Entry]:
        return [entry for entry in self._found if entry.standing is standing]

    def _endable(self, among: list[Entry]) -> list[Entry]:
        # Without its record, a Pod that is just being made would be counted by nobody until it is there.
        return [entry for entry in among if not self._observed.awaits_pod(entry.record)]

    def _outdated(self, among: list[Entry]) -> list[Entry]:
        return [entry for entry in among if entry.record.template != self._template]

    def _assign(self) -> list[Action]:
        outdated = self._outdated(self._warm)
        current = [entry for entry in self._warm if entry.record.template == self._template]
        dealt = sharing.deal(current, self._shares)
        current = current[len(dealt) :]
        for share in self._shares:
            share.outdated = 0  # where new ones are too few, those that are to be replaced will do
        stopgaps = sharing.deal(outdated, self._shares)
        # What is dealt in this pass stays supply, but is out of reach: it can be recalled once it is seen assigned.
        self._warm = current + outdated[len(stopgaps) :]
        return [
            Assign(entry.record, entry.pod, share.proxy.instance)
            for entry, share in dealt + stopgaps
            if entry.pod is not None
        ]

    def _count_room(self) -> int:
        """Return how many more Pods may exist."""
        counted = sum(pod.isolated and not self._overdue(pod) for pod in self._observed.pods.values())
        to_come = sum(entry.pod is None and not entry.record.assigned for entry in self._found)
        return self._observed.service.spec.pod_ceiling - counted - to_come - self._observed.unseen_pods

    def _overdue(self, pod: Pod) -> bool:
        allowed = (pod.metadata.deletion_grace_period_seconds or 0) + OVERDUE_SECONDS
        return pod.ending and self._durations.lasted(("ending", pod.metadata.uid), allowed)

    def _leaving(self) -> int:
        """Return how many Pods are about to make room: their end is decided, but they still exist."""
        deaf = {share.proxy.instance for share in self._shares if share.deaf}
        going = {
            entry.record.spec.pod_name
            for entry in self._found
            if entry.standing is Standing.OVER
            or (entry.standing in (Standing.UNFIT, Standing.RECALLED) and entry.record.spec.proxy not in deaf)
        }
        ending = (pod for pod in self._observed.pods.values() if pod.isolated and pod.ending and not self._overdue(pod))
        return len(going | {pod.metadata.name for pod in ending})

    def _missing(self, outdated: int) -> int:
        """Return how many pods there should be more, room and pacing aside."""
        if outdated:
            surge = max(1, self._base // SURGE_PART)
            return min(self._wanted - (self._supply - outdated), self._wanted + surge - self._supply)
        return self._reserve + self._unmet(lambda share: share.missing + share.deficit)

    def _unmet(self, need: Callable[[sharing.Share], int]) -> int:
        """Return how much of a need of the proxies no pod is on its way for."""
        return sum(need(share) for share in self._shares) - len(self._warm) - len(self._starting)

    def _replace(self, missing: int) -> list[Action]:
        """End outdated pods that are not Ready, and as many Ready ones as there are more than wanted."""
        unready, warm = self._outdated(self._endable(self._starting)), self._outdated(self._warm)
        spare = self._ready - self._wanted
        if spare <= 0 and missing > 0 and self._room <= 0 and not self._starting and not self._leaving():
            spare = 1  # at maxPods nothing can be made beside the old ones: one has to go first
        ended = unready + warm[: max(0, spare)]
        stocked = self._outdated(self._stocked)
        return _ends(ended) + self._recall(stocked, spare - len(warm), keep=lambda _: 0)

    def _rebalance(self) -> list[Action]:
        # Nothing can be made for who lacks pods, so whoever has idle ones gives some back: all of them to a queue,
        # what is above its own share to a new proxy. What is on its way out already makes room first.
        if (starving := self._unmet(lambda share: share.deficit)) > 0:
            count, keep = starving, _all_where_a_queue_is
        else:
            count, keep = self._unmet(lambda share: share.missing), _its_target
        return self._recall(self._stocked, count - self._leaving(), keep=keep)

    def _retire(self, surplus: int) -> list[Action]:
        """End or recall unused pods that are too many: first who is not Ready, then unassigned ones, then stock.

        No Ready one goes before there are enough Ready ones without it, and no share is cut into.
        """
        spare = max(0, len(self._starting) + len(self._warm) - self._reserve)
        unready = self._endable(self._starting)[: min(surplus, spare)]
        ready = min(surplus - len(unready), self._ready - self._wanted)
        warm = self._warm[: max(0, min(ready, spare - len(unready)))]
        return _ends(unready + warm) + self._recall(self._stocked, ready - len(warm), keep=_its_target)

    def _recall(self, among: list[Entry], count: int, *, keep: Callable[[sharing.Share], int]) -> list[Action]:
        return [Recall(entry.record) for entry in sharing.give_back(among, self._shares, count, keep=keep)]


def _its_target(share: sharing.Share) -> int:
    return share.target


def _all_where_a_queue_is(share: sharing.Share) -> int:
    return share.free if share.proxy.queued else 0


def _ends(entries: list[Entry]) -> list[Action]:
    return [End(entry.record, EndReason.SURPLUS, entry.pod_uid) for entry in entries]
