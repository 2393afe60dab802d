"""The passes: each observes, plans and applies for one service, and tells what came of it."""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from random import Random

import txaio

from isoproxy.model.dedicatedservice import (
    DedicatedService,
    DedicatedServiceSpec,
    DedicatedServiceStatus,
    InvalidService,
)
from isoproxy.model.proxies import ProxyImage
from isoproxy.observe.metrics import Metrics
from isoproxy.operator import belonging, status
from isoproxy.operator.actions import ApplyChild, Child, DeleteChild
from isoproxy.operator.apply import Applier
from isoproxy.operator.childkinds import find, resource_of
from isoproxy.operator.cluster import Cluster
from isoproxy.operator.doom import Doom
from isoproxy.operator.herald import Herald
from isoproxy.operator.housekeeping import Housekeeping
from isoproxy.operator.memory import Memory
from isoproxy.operator.observed import Observed
from isoproxy.operator.pacing import Pacing
from isoproxy.operator.planner import clear, plan
from isoproxy.operator.publisher import Publisher
from isoproxy.operator.result import Result
from isoproxy.operator.standing import Entry, Standing
from isoproxy.operator.troubles import Trouble, of_doomed, of_invalid, troubles
from isoproxy.timesource import TimeSource

log = txaio.make_logger()

SETTLE_SECONDS = 1.0


class Passes:
    """Makes passes, and remembers from each what the service's next one is given."""

    def __init__(
        self,
        *,
        time: TimeSource,
        random: Random,
        metrics: Metrics,
        cluster: Cluster,
        housekeeping: Housekeeping,
        applier: Applier,
        publisher: Publisher,
        herald: Herald,
        proxy_image: ProxyImage | None,
    ) -> None:
        """``proxy_image`` is what each service's proxies are deployed from; without it they are not our business."""
        self._time = time
        self._random = random
        self._metrics = metrics
        self._cluster = cluster
        self._housekeeping = housekeeping
        self._applier = applier
        self._publisher = publisher
        self._herald = herald
        self._proxy_image = proxy_image
        self._memories: dict[str, Memory] = {}

    def remembered(self) -> list[str]:
        """Return the uids of the services that a pass was made for, and that were not forgotten since."""
        return list(self._memories)

    def called(self, uid: str) -> str:
        """Return the namespace and name of a service for the log; its uid, if it was gone before they were known."""
        service, memory = self._cluster.services.get(uid), self._memories.get(uid)
        if service is not None:
            return f"{service.metadata.namespace}/{service.metadata.name}"
        return "/".join(memory.name) if memory is not None and any(memory.name) else uid

    def forget(self, uid: str) -> None:
        """Drop what is kept of a service that is gone."""
        self._metrics.remove_pods(*self._memories.pop(uid).name)
        self._applier.forget(uid)
        self._publisher.forget(uid)
        self._herald.forget(uid)

    def begin_anew(self) -> None:
        """Take for new what held before: it may have ceased, and begun again, while nobody looked."""
        for memory in self._memories.values():
            memory.since, memory.doom = {}, Doom()
        self._herald.begin_anew()

    def count_no_pods(self) -> None:
        """Leave the pods to the metrics of another operator: they are counted where they are made."""
        for memory in self._memories.values():
            self._metrics.remove_pods(*memory.name)

    async def make(self, uid: str) -> float:
        """Make one pass for one service; returns in how many seconds to make the next at the latest."""
        memory = self._memories.setdefault(uid, Memory())
        service = self._cluster.services.get(uid)
        if memory.doom.stands(self._time.monotonic()):
            return await self._take_leave(uid, service, memory)
        if service is None or service.metadata.deletion_timestamp is not None:
            await self._applier.settled(uid)  # what is made now is left, too
            result = await self._applier.apply(await self._housekeeping.leftovers(uid), uid)
            _raise_first(result.failures)
            return math.inf
        late = await self._applier.outcome(uid)
        if late != Result():
            self._learn(memory, uid, late, trying=tuple(Child))
            if memory.doom.stands(self._time.monotonic()):
                return 0.0
        if isinstance(service, InvalidService):
            return await self._clear(service, memory)
        return await self._serve(service, memory, late.failures)

    async def _serve(self, service: DedicatedService, memory: Memory, failures: list[Exception]) -> float:
        """Observe, plan and apply; ``failures`` are those of what was begun in an earlier pass."""
        uid = service.metadata.uid
        observed = self._observe(service, memory)
        planned = plan(observed, self._time.monotonic(), self._random.random())
        memory.hand_on(planned)
        memory.name = service.metadata.namespace, service.metadata.name
        self._metrics.set_pods(*memory.name, _by_state(planned.entries))
        result = await self._applier.apply(planned.actions, uid, observed.children)
        trying = {action.child for action in planned.actions if isinstance(action, ApplyChild)}
        self._learn(memory, uid, result, trying=trying)
        if memory.doom.stands(self._time.monotonic()):
            return 0.0
        current = self._publisher.current(service)
        known = memory.known_obstacles(service, self._time.monotonic())
        # How pods failed that nobody lacks any more is only for the next that are to be made.
        pace = planned.pacing if planned.lacks else Pacing()
        observed = replace(observed, obstacles={**known, **planned.obstacles}, pacing=pace)
        today = self._publisher.now()
        self._herald.tell(service, troubles(observed, planned.entries, today), current.conditions)
        wanted = status.status(observed, planned, current, today)
        wait = await self._publisher.publish(service, wanted)
        _raise_first(failures + result.failures)
        if result.applied:
            return 0.0  # on to the next stage: an apply that changed nothing comes back as no event
        # What was written comes back as events, which wake us; should one be lost, look again soon.
        pause = memory.pause_left(self._time.monotonic())
        return min(wait, planned.wake_after, pause, SETTLE_SECONDS if planned.actions else math.inf)

    async def _clear(self, service: InvalidService, memory: Memory) -> float:
        """End what is over, of a service whose spec cannot be understood: that asks for none."""
        now = self._time.monotonic()
        unspecified = DedicatedService(metadata=service.metadata, spec=DedicatedServiceSpec(image=""))
        clearance = clear(self._observe(unspecified, memory), now)
        memory.since, memory.name = clearance.since, (service.metadata.namespace, service.metadata.name)
        self._metrics.set_pods(*memory.name, _by_state(clearance.entries))
        result = await self._applier.apply(clearance.actions, service.metadata.uid)
        wait = await self._give_up(service, of_invalid(service), self._publisher.current(service))
        _raise_first(result.failures)
        return min(wait, clearance.wake_after, SETTLE_SECONDS if clearance.actions else math.inf)

    async def _take_leave(self, uid: str, service: DedicatedService | InvalidService | None, memory: Memory) -> float:
        """End what a service has that goes with its namespace, until something new is to be tried there again."""
        actions = self._housekeeping.farewell(uid, memory.name)
        memory.forget_applied(action for action in actions if isinstance(action, DeleteChild))
        result = await self._applier.apply(actions, uid)
        wait = memory.doom.left(self._time.monotonic())
        if service is not None:
            shown = replace(DedicatedServiceStatus(), conditions=self._publisher.current(service).conditions)
            wait = min(wait, await self._give_up(service, of_doomed(), shown))
        _raise_first(result.failures)
        return wait

    async def _give_up(
        self, service: DedicatedService | InvalidService, found: list[Trouble], shown: DedicatedServiceStatus
    ) -> float:
        """Tell why nothing is done for a service; returns in how many seconds to come again."""
        self._herald.tell(service, found, shown.conditions)
        return await self._publisher.publish(service, status.given_up(service, found[0], shown, self._publisher.now()))

    def _learn(self, memory: Memory, uid: str, result: Result, *, trying: Collection[Child]) -> None:
        now, known = self._time.monotonic(), memory.obstacles.known()
        if result.met or result.made or not self._applier.busy(uid):  # else nobody has answered yet
            memory.doom = memory.doom.after(result.met, now, self._random.random, made=result.made)
        before = memory.setbacks
        memory.setbacks = before.after(result.setbacks, now, self._random.random, taken=result.taken)
        if memory.setbacks.count > before.count:
            why, delay = result.setbacks[0], memory.setbacks.left(now)
            log.warn("{name[0]}/{name[1]}: {why}; making pods again in {d:.1f} s", name=memory.name, why=why, d=delay)
        if result.refused and not (memory.refused or memory.pacing.refusals.why):  # the first: more are no news
            log.warn("{name[0]}/{name[1]}: {why}", name=memory.name, why=result.refused)
        for child, obstacle in result.obstacles.items():
            if known.get(child) != obstacle:
                log.warn("{name[0]}/{name[1]}: {why}", name=memory.name, why=obstacle.message)
        for action in memory.learn(result, trying=trying, now=now):
            log.info("{name[0]}/{name[1]}: {what} is put right", name=memory.name, what=action.title)

    def _observe(self, service: DedicatedService, memory: Memory) -> Observed:
        meta, uid, now = service.metadata, service.metadata.uid, self._time.monotonic()
        cluster = self._cluster
        seen = {resource: belonging.neighbours(meta, kind.of(uid, now)) for resource, kind in cluster.children.items()}
        found = {child: find(child, service, seen.get(resource_of(child), ())) for child in Child}
        records = tuple(belonging.neighbours(meta, cluster.records.of(uid, now)))
        being_made = self._applier.being_made(uid)
        unseen = len(being_made - {record.metadata.name for record in records})
        return Observed(
            service=service,
            records=records,
            pods={pod.metadata.name: pod for pod in belonging.pods(meta, cluster.pods.of(uid, now))},
            proxies=self._housekeeping.proxies(service),
            children={child: one for child, one in found.items() if one is not None},
            applied=memory.applied,
            obstacles=memory.obstacles.standing(now),
            contested=memory.contests.paused(now),
            remade=memory.losses.paused(now),
            proxy_image=self._proxy_image,
            proxy_pods=tuple(belonging.proxy_pods(meta, cluster.proxy_pods.of(uid, now))),
            family=memory.family,
            owed=memory.owed,
            pacing=memory.pacing,
            since=memory.since,
            being_made=being_made,
            unseen_pods=unseen + cluster.records.expected(uid).count_unknown(now),
            untaken=memory.untaken,
            refused=memory.refused,
            taken=memory.taken,
            paused=memory.setbacks.left(now) > 0,
        )


def _by_state(entries: tuple[Entry, ...]) -> dict[str, int]:
    counts = Counter(entry.standing for entry in entries)
    return {standing.value.replace(" ", "_"): counts[standing] for standing in Standing}


def _raise_first(failures: Sequence[Exception]) -> None:
    if failures:
        raise failures[0]
