"""Nodes: they start a program for each Pod, say how it does, and end it. What a pod's image is called is its fate."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

from isoproxy.kube.resources import PODS, Json
from test.simulation.addresses import REST_SECONDS, Addresses
from test.simulation.history import History
from test.simulation.podwrites import PodWrites
from test.simulation.server import Server
from test.simulation.timeline import Timeline

NODES = 3
UNREACHABLE_SECONDS = 40.0
EVICTION_SECONDS = 60.0
LONGEST_FAILURE = 5.0
"""Kubelets before 1.22 say that a pod which they evict has failed, while its program has yet to end."""


@dataclass(slots=True, eq=False)
class Program:
    """What runs in one pod. ``fate`` is what its image is called."""

    namespace: str
    name: str
    uid: str
    service_uid: str
    fate: str
    node: int
    ip: str = ""
    alive: bool = False
    listening: bool = False
    ready: bool = False
    rests: bool = False
    """Its address is rested when it ends."""
    grace: float | None = None
    """How many seconds it had at most when it was told to end, None if it was not."""

    def __str__(self) -> str:
        return f"{self.name} ({self.uid[:8]})"


class Nodes:
    """All nodes, and the controllers of Pods. ``ended`` is called when a program ends, ``excused`` whether that was of
    others' doing."""

    def __init__(
        self,
        *,
        timeline: Timeline,
        random: Random,
        server: Server,
        history: History,
        ended: Callable[[Program], None],
        excused: Callable[[Program], bool],
    ) -> None:
        self._timeline = timeline
        self._random = random
        self._history = history
        self._pods = PodWrites(server, history)
        self._tell_ended = ended
        self._excused = excused
        self.programs: dict[str, Program] = {}
        """By uid, of Pods that exist."""
        self._addresses: Addresses[Program] = Addresses(timeline)
        self._cordoned: set[int] = set()
        self._looking = False
        self._watch = server.watch(PODS, None, self._look_later)

    def at(self, ip: str, meant: str) -> Program | None:
        """The program that has an address now; whoever means the pod of another uid meets none while that rests."""
        program = self._addresses.holder(ip)
        is_astray = program is not None and program.uid != meant and self._addresses.rests(ip)
        return None if is_astray else program

    def of(self, name: str) -> Program | None:
        """The program of a Pod, by its name."""
        return next((program for program in self.programs.values() if program.name == name), None)

    def living(self) -> list[Program]:
        """Every program that runs, in the order in which they began."""
        return [program for program in self.programs.values() if program.alive]

    def crash(self, program: Program, phase: str = "Failed") -> None:
        """Let a program end by itself."""
        if program.alive:
            program.rests = True
            self._end(program)
            self._report(program, {"phase": phase, "conditions": _ready(False)})

    def evict(self, program: Program) -> None:
        """Let a node end a program for want of room: its Pod has failed, and stays."""
        if program.alive:
            program.rests = True
            delay = self._random.choice([0.0, self._random.uniform(0.0, LONGEST_FAILURE)])
            self._timeline.after(delay, self._end, program)
            why = "The node was low on resource: memory."
            report = {"phase": "Failed", "reason": "Evicted", "message": why, "conditions": _ready(False)}
            self._report(program, report)

    def lose(self, node: int) -> None:
        """Let a node fall silent for good: what runs there is gone, and nobody is told for a while."""
        for program in self.on(node):
            program.rests = True
            self._end(program)
            self._timeline.after(UNREACHABLE_SECONDS, self._write, program, {"conditions": _ready(False)})
            self._timeline.after(EVICTION_SECONDS, self._pods.remove, program)

    def reboot(self, node: int) -> None:
        """Let a node start anew: what ran there has failed, which it says when it is back."""
        for program in self.on(node):
            program.rests = True
            self._end(program)
            report = {"phase": "Failed", "reason": "NodeReboot", "conditions": _ready(False)}
            self._timeline.after(self._random.uniform(1.0, 10.0), self._report, program, report)

    def swap_addresses(self, one: Program, other: Program, *, rest: float = REST_SECONDS) -> None:
        """Let two programs of a node come back with each other's address, which it says at once: their connections
        break. ``rest``: for how long who means the one does not meet the other."""
        self._addresses.swap(one.ip, other.ip, rest=rest)
        one.ip, other.ip = other.ip, one.ip
        for program in (one, other):
            self._tell_ended(program)
            self._report(program, {"podIP": program.ip, "conditions": _ready(program.ready)})

    def part(self, node: int) -> bool:
        """Let nobody hear of a node, nor it of anybody: what runs there runs on, and can be connected to.

        False if that is so already.
        """
        return self._pods.part(node)

    def heal(self, node: int) -> None:
        """Let a node be heard of again."""
        self._pods.heal(node)
        for program in self.on(node):
            self._report(program, {"conditions": _ready(program.ready)})

    def doubt(self, program: Program) -> None:
        """Take a program for not Ready, as nobody has heard of its node."""
        self._write(program, {"conditions": _ready(False)})

    def cordon(self, node: int) -> None:
        """Let nothing more begin on a node, unless there would be none left."""
        if len(self._cordoned | {node}) < NODES:
            self._cordoned.add(node)

    def uncordon(self, node: int) -> None:
        """Let pods begin on a node again."""
        self._cordoned.discard(node)

    def open(self) -> list[int]:
        """The nodes on which something may begin."""
        return [node for node in range(NODES) if node not in self._cordoned]

    def on(self, node: int) -> list[Program]:
        """Every program that runs on a node."""
        return [program for program in self.living() if program.node == node]

    def _look_later(self) -> None:
        if not self._looking:
            self._looking = True
            self._timeline.after(self._random.uniform(0.001, 0.02), self._look)

    def _look(self) -> None:
        self._looking = False
        for event in self._watch.take():
            meta = event.stored.object["metadata"]
            program = self.programs.get(meta["uid"])
            if event.type == "DELETED":
                if program is not None:
                    self._end(program)
                    del self.programs[program.uid]
            elif program is None:
                self._admit(event.stored.object)
            elif "deletionTimestamp" in meta:
                self._told_to_end(program, meta["deletionGracePeriodSeconds"])

    def _told_to_end(self, program: Program, grace: float) -> None:
        """It may do so at once, or be killed when its time is up; who is told again has less time than before."""
        if program.grace is None or grace < program.grace:
            program.grace = grace
            delay = self._random.choice([grace, self._random.uniform(0.0, grace)])
            self._timeline.after(delay, self._finish, program)

    def _admit(self, pod: Json) -> None:
        meta = pod["metadata"]
        fate = pod["spec"]["containers"][0]["image"].partition(":")[0]
        program = Program(
            namespace=meta["namespace"],
            name=meta["name"],
            uid=meta["uid"],
            service_uid=meta["labels"]["soh.re/service-uid"],
            fate=fate,
            node=self._random.choice(self.open()),
        )
        self.programs[program.uid] = program
        if "deletionTimestamp" in meta:
            self._told_to_end(program, meta["deletionGracePeriodSeconds"])
        elif fate != "never":
            self._timeline.after(self._random.uniform(0.05, 0.8) * (25 if fate == "slow" else 1), self._start, program)

    def _start(self, program: Program) -> None:
        if program.uid not in self.programs or program.rests:
            return
        if self._pods.holds_back(program, partial(self._start, program)) or not self._pods.bind(program):
            return
        program.ip = self._addresses.give(program)
        if not program.ip:
            self._history.wrong("I4: pods are made without end")
            return
        program.alive = True
        program.listening = program.fate != "refuses"
        self._report(program, {"phase": "Running", "podIP": program.ip, "conditions": _ready(False)})
        if program.fate == "dies":
            self._timeline.after(self._random.uniform(0.0, 1.0), self.crash, program)
        else:
            self._timeline.after(self._random.uniform(0.0, 0.5), self._become_ready, program)

    def _become_ready(self, program: Program) -> None:
        if not program.alive:
            return
        program.ready = not (program.fate == "flaps" and program.ready)
        self._report(program, {"conditions": _ready(program.ready)})
        if program.fate == "flaps":
            self._timeline.after(self._random.uniform(0.1, 5.0), self._become_ready, program)

    def _finish(self, program: Program) -> None:
        """End what was told to end, and then its object."""
        if program.uid in self.programs and not self._pods.holds_back(program, partial(self._finish, program)):
            self._end(program)
            self._timeline.after(self._random.uniform(0.0, 0.3), self._pods.remove, program)

    def _end(self, program: Program) -> None:
        program.rests = program.rests or self._excused(program)
        if not program.alive:
            program.rests = True  # it is never to start
            return
        program.alive = program.listening = False
        self._addresses.take_back(program.ip, rests=program.rests)
        self._history.note(f"program of {program} ends")
        self._tell_ended(program)

    def _write(self, program: Program, status: Json) -> None:
        if program.uid in self.programs:
            self._pods.write(program, status)

    def _report(self, program: Program, status: Json) -> None:
        if program.uid in self.programs:
            self._pods.report(program, status)


def _ready(is_ready: bool) -> list[Json]:
    return [{"type": "Ready", "status": "True" if is_ready else "False"}]
