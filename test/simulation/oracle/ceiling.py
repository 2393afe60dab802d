"""I4: there are no more pods than ``maxPods``, but for one batch for each further operator that acts."""

from collections import deque
from collections.abc import Callable
from itertools import pairwise

from isoproxy.kube.resources import LEASES, PODS
from test.simulation.oracle.cluster import Change
from test.simulation.oracle.scene import Scene

LATELY_SECONDS = 60.0
"""For so long the requests of an operator that died may take effect, and one that is deaf go by what it has heard."""
FIRST_BATCH, BATCH = 8, 64
"""How many pods may be starting at once, before any of the service has proved to work and after."""
PROOF_SECONDS = 10.0


class Ceiling:
    """``working`` is how many operators there are or were lately; of those that elect a leader only leaders count."""

    def __init__(self, scene: Scene, *, working: Callable[[float], int], elects: bool) -> None:
        self._scene = scene
        self._working = working
        self._elects = elects
        self._led: deque[tuple[float, str]] = deque()
        self._made_at: dict[str, float] = {}  # service uid -> its first pod
        scene.cluster.tell(PODS, self._pod_changed)
        scene.cluster.tell(LEASES, self._lease_changed)

    def _pod_changed(self, change: Change) -> None:
        if change.before is not None or change.gone:
            return
        labels = change.now["metadata"]["labels"]
        name, uid = labels["soh.re/service"], labels["soh.re/service-uid"]
        self._made_at.setdefault(uid, self._scene.now)
        most = self._most(name)
        if most is None or uid in self._scene.cluster.doings.services:
            return
        batch = min(most, self._batch(uid))
        allowed = most + batch * (self._acting() - 1)
        pods = self._scene.cluster.pods.values()
        there = sum(one["metadata"]["labels"]["soh.re/service-uid"] == uid for one in pods)
        if there > allowed:
            self._scene.wrong(f"I4: {there} pods of {name}, of which there may be {allowed}")

    def _most(self, name: str) -> int | None:
        """The highest that was asked for lately, None if there was no limit."""
        specs = self._scene.cluster.specs[name]
        since = self._scene.now - LATELY_SECONDS
        lately = [spec for (_, spec), (until, _) in pairwise(specs) if until >= since]
        bounds: list[int | None] = [spec.get("maxPods") for spec in (*lately, specs[-1][1])]
        known = [bound for bound in bounds if bound is not None]
        return max(known) if len(known) == len(bounds) else None

    def _batch(self, uid: str) -> int:
        return FIRST_BATCH if self._scene.now - self._made_at[uid] < PROOF_SECONDS else BATCH

    def _acting(self) -> int:
        if not self._elects:
            return self._working(LATELY_SECONDS)
        while len(self._led) > 1 and self._led[1][0] < self._scene.now - LATELY_SECONDS:
            self._led.popleft()
        return max(1, len(self._led))

    def _lease_changed(self, change: Change) -> None:
        """Follow who leads: (since when, who)."""
        holder = change.now["spec"].get("holderIdentity", "")
        is_election = not change.now["metadata"].get("labels", {}).get("soh.re/service")
        if is_election and holder and not change.gone and (not self._led or self._led[-1][1] != holder):
            self._led.append((self._scene.now, holder))
