"""A proxy instance: takes in what it is assigned, claims, records, keeps its Lease, and dies."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

from isoproxy.kube.cache import Change
from isoproxy.model.isolationpod import IsolationPod, Phase
from isoproxy.model.proxylease import RENEW_SECONDS
from test.operator.builders import lease
from test.operator.world.events import Events
from test.operator.world.store import Store, Watch

LATENCY = 0.2
COALESCE_SECONDS = 0.25
LINGER_SECONDS = 5.0
FINAL = (Phase.RELEASED, Phase.RETURNED)


class Surroundings(Protocol):
    """What a proxy finds around it."""

    events: Events
    random: Random
    store: Store
    grace: float

    def connected(self, proxy: "Proxy", record: IsolationPod) -> bool:
        """Dial the record's address; whether a pod answered."""
        ...

    def closed(self, record: IsolationPod) -> None:
        """The connection to the record's pod is over."""
        ...


@dataclass(slots=True, eq=False)
class Client:
    """A connection: waits for a pod, then has it for ``seconds``."""

    seconds: float
    since: float
    fate: str = "waiting"  # then served, or gone
    waited: float = 0.0


@dataclass(slots=True)
class Story:
    """What became of a pod that left the stock, and what of it is written."""

    record: IsolationPod
    wanted: Phase
    outcome: str = ""
    written: Phase = Phase.IDLE
    client: Client | None = None

    @property
    def told(self) -> bool:
        return self.written is not Phase.IDLE


class Proxy:
    """One instance, as the design has it, on simulated time."""

    def __init__(self, world: Surroundings, instance: str) -> None:
        self._world = world
        self._events = world.events
        self._store = world.store
        self.instance = instance
        self.living = True
        self.reachable = True
        self.draining = self.ended = False
        self.stock: OrderedDict[str, IsolationPod] = OrderedDict()
        self.queue: deque[Client] = deque()
        self.stories: dict[str, Story] = {}
        self._ever: set[str] = set()
        self._renewed_at = self._events.now
        self._said = (0, 0, 0, False, False)
        self._last_write = -1.0
        self._writing = False
        self._created = self._events.now
        self.watch: Watch[IsolationPod] = self._store.records.watch(self._seen, lag=0.3)
        self._renew()

    @property
    def silent_for(self) -> float:
        """For how long its Lease has not been renewed, as far as it knows."""
        return self._events.now - self._renewed_at

    # --- clients

    def connect(self, client: Client) -> None:
        self._fence()
        if self.stock:
            _, record = self.stock.popitem(last=False)
            self._claim(client, record)
        else:
            self.queue.append(client)
        self._news()

    def hang_up(self) -> None:
        if self.queue:
            self.queue.popleft().fate = "gone"
            self._news()

    def broke(self, pod_uid: str) -> None:
        """A pod ended; if it was claimed, so did its connection."""
        for story in self.stories.values():
            if story.record.spec.pod_uid == pod_uid and story.client is not None:
                self._finish(story, "backend_reset")

    def _claim(self, client: Client, record: IsolationPod) -> None:
        story = self.stories[record.metadata.uid] = Story(record, Phase.IDLE, client=client)
        client.fate, client.waited = "served", self._events.now - client.since
        if not self._world.connected(self, record):
            self._finish(story, "dial_failed")
            return
        self._later(1.0, lambda: self._tell(story, Phase.IN_USE) if story.wanted is Phase.IDLE else None)
        self._later(client.seconds, lambda: self._finish(story, "completed"))

    def _finish(self, story: Story, outcome: str) -> None:
        if story.wanted not in FINAL:
            story.outcome = outcome
            self._world.closed(story.record)
            self._tell(story, Phase.RELEASED)

    # --- assignments

    def _seen(self, change: Change[IsolationPod]) -> None:
        record = change.new
        named = record or change.old
        if not self.living or named is None or named.spec.proxy != self.instance:
            return
        uid = named.metadata.uid
        offered = record is not None and record.status.phase is Phase.IDLE and not record.recalled
        if uid in self.stock and not offered:
            self._return(self.stock.pop(uid))
        elif record is not None and uid not in self._ever and record.status.phase is Phase.IDLE:
            self._ever.add(uid)
            if not offered or self.draining_done or self._fence():
                self._return(record)
            elif self.queue:
                self._claim(self.queue.popleft(), record)
            else:
                self.stock[uid] = record
        self._news()

    def _return(self, record: IsolationPod) -> None:
        story = self.stories[record.metadata.uid] = Story(record, Phase.IDLE)
        self._tell(story, Phase.RETURNED)

    def _fence(self) -> bool:
        """Drop the stock if the operator may have given it up by now; returns whether it may have."""
        if self.silent_for < self._world.grace:
            return False
        while self.stock:
            self._return(self.stock.popitem()[1])
        return True

    # --- records

    def _tell(self, story: Story, phase: Phase) -> None:
        story.wanted = phase
        self._later(self._world.random.uniform(0, LATENCY), lambda: self._write(story, phase))

    def _write(self, story: Story, phase: Phase) -> None:
        if story.wanted is not phase or story.written is phase:
            return
        if not self.reachable:
            self._later(1.0, lambda: self._write(story, phase))
            return
        uid = story.record.metadata.uid
        record = self._store.records.items.get(story.record.metadata.name)
        if record is not None and record.metadata.uid == uid and record.status.phase not in FINAL:
            status = replace(
                record.status, phase=phase, in_use=phase is Phase.IN_USE, proxy=self.instance, outcome=story.outcome
            )
            self._store.records.put(record, status=status)
        story.written = phase
        if phase in FINAL:
            del self.stories[uid]
        self._news()

    # --- the Lease

    @property
    def draining_done(self) -> bool:
        return self.draining and not self._accepting

    def drain(self) -> None:
        """Accept for a while yet, return the stock, let connections end, say so, and exit."""
        self.draining = self._accepting = True
        self._news()
        self._later(LINGER_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._accepting = False
        while self.queue:
            self.queue.popleft().fate = "gone"
        while self.stock:
            self._return(self.stock.popitem()[1])
        self._news()
        self._end_when_told()

    def _end_when_told(self) -> None:
        if self.stories:
            self._later(0.5, self._end_when_told)
        else:
            self.ended = True
            self._news()

    def _word(self) -> tuple[int, int, int, bool, bool]:
        untold = sum(not story.told for story in self.stories.values())
        return len(self.queue), len(self.stock) + untold, untold, self.draining, self.ended

    def _news(self) -> None:
        word = self._word()
        if not self.living or self._writing or word == self._said:
            return
        urgent = (word[0] > 0 and self._said[0] == 0) or word[3:] != self._said[3:]
        self._writing = True
        pause = 0.0 if urgent else max(0.0, self._last_write + COALESCE_SECONDS - self._events.now)
        self._later(pause, self._send)

    def _renew(self) -> None:
        if not self._writing:
            self._writing = True
            self._send()
        self._later(RENEW_SECONDS, self._renew)

    def _send(self) -> None:
        word, sent_at = self._word(), self._events.now
        self._last_write = sent_at
        self._later(self._world.random.uniform(0, LATENCY), lambda: self._sent(word, sent_at))

    def _sent(self, word: tuple[int, int, int, bool, bool], sent_at: float) -> None:
        self._writing = False
        if not self.reachable:
            return
        queued, held, claimed, draining, ended = word
        self._store.leases.put(
            lease(
                self.instance,
                created=self._created,
                queued=queued,
                held=held,
                claimed=claimed,
                draining=draining,
                ended=ended,
                grace_seconds=int(self._world.grace),
            )
        )
        self._said, self._renewed_at = word, sent_at
        if ended:
            self.die()
        else:
            self._news()

    # --- its end

    def cut_off(self, seconds: float) -> None:
        """Part it from the API server for a while."""
        self.reachable = False
        self.watch.pause()

        def heal() -> None:
            self.reachable = True
            self.watch.resume()

        self._events.after(seconds, heal)

    def deafen(self, seconds: float) -> None:
        """Let its watch hang for a while, without an error."""
        self.watch.pause()
        self._events.after(seconds, self.watch.resume)

    def die(self) -> None:
        """End without another word."""
        self.living = False
        self.watch.close()
        for client in self.queue:
            client.fate = "gone"
        for story in self.stories.values():
            self._world.closed(story.record)

    def _later(self, delay: float, do: Callable[[], object]) -> None:
        self._events.after(delay, lambda: do() if self.living else None)
