"""Nodes: they start a program for each Pod, say how it does, and end it. What a pod's image is called is its fate.

Addresses are used again at once, and the last one first, where a pod ended because the operator ended it: whoever
still dials it meets somebody else. Those of pods that ended otherwise are rested: that an address goes to another pod
before anybody could hear of it is the one case that no proxy can tell.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from isoproxy.kube.resources import PODS, Json
from isoproxy.local.apiserver.errors import StatusError
from isoproxy.local.apiserver.options import DeleteOptions
from test.simulation.history import History
from test.simulation.server import Server
from test.simulation.timeline import Timeline

FATES = ("good", "slow", "never", "dies", "refuses", "silent", "flaps")
NODES = 3
REST_SECONDS = 600.0
UNREACHABLE_SECONDS = 40.0
EVICTION_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class Program:
    """What runs in one pod. ``excused`` is whether others than the operator may have ended it."""

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
        self._server = server
        self._history = history
        self._tell_ended = ended
        self._excused = excused
        self.programs: dict[str, Program] = {}
        """By uid, of Pods that exist."""
        self._addresses: dict[str, Program] = {}
        self._free: list[str] = [f"10.0.0.{number}" for number in range(250, 0, -1)]
        self._looking = False
        self._watch = server.watch(PODS, None, self._look_later)

    def at(self, ip: str) -> Program | None:
        """The program that has an address now."""
        return self._addresses.get(ip)

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

    def lose(self, node: int) -> None:
        """Let a node fall silent for good: what runs there is gone, and nobody is told for a while."""
        for program in self._on(node):
            program.rests = True
            self._end(program)
            self._timeline.after(UNREACHABLE_SECONDS, self._report, program, {"conditions": _ready(False)})
            self._timeline.after(EVICTION_SECONDS, self._remove, program)

    def reboot(self, node: int) -> None:
        """Let a node start anew: what ran there has failed, which it says when it is back."""
        for program in self._on(node):
            program.rests = True
            self._end(program)
            report = {"phase": "Failed", "reason": "NodeReboot", "conditions": _ready(False)}
            self._timeline.after(self._random.uniform(1.0, 10.0), self._report, program, report)

    def _on(self, node: int) -> Iterator[Program]:
        return iter([program for program in self.living() if program.node == node % NODES])

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
                self._timeline.after(self._random.uniform(0.0, 1.0), self._finish, program)

    def _admit(self, pod: Json) -> None:
        meta = pod["metadata"]
        fate = pod["spec"]["containers"][0]["image"].partition(":")[0]
        program = Program(
            namespace=meta["namespace"],
            name=meta["name"],
            uid=meta["uid"],
            service_uid=meta["labels"]["soh.re/service-uid"],
            fate=fate,
            node=self._random.randrange(NODES),
        )
        self.programs[program.uid] = program
        if "deletionTimestamp" in meta:
            self._timeline.after(0.1, self._finish, program)
        elif fate != "never":
            self._timeline.after(self._random.uniform(0.05, 0.8) * (25 if fate == "slow" else 1), self._start, program)

    def _start(self, program: Program) -> None:
        if program.uid not in self.programs or program.rests:
            return
        if not self._free:
            self._history.wrong("I4: pods are made without end")
            return
        if not self._bind(program):
            return
        program.ip = self._free.pop()
        self._addresses[program.ip] = program
        program.alive = True
        program.listening = program.fate != "refuses"
        self._report(program, {"phase": "Running", "podIP": program.ip, "conditions": _ready(False)})
        if program.fate == "dies":
            self._timeline.after(self._random.uniform(0.0, 1.0), self.crash, program)
        else:
            self._timeline.after(self._random.uniform(0.0, 0.5), self._become_ready, program)

    def _bind(self, program: Program) -> bool:
        """From now on its deletion waits for the node."""
        kind = self._server.kind(PODS)
        try:
            self._server.perform(lambda core: core.bind(kind, program.namespace, program.name, f"node-{program.node}"))
        except StatusError:
            return False  # it was deleted meanwhile
        return True

    def _become_ready(self, program: Program) -> None:
        if not program.alive:
            return
        program.ready = not (program.fate == "flaps" and program.ready)
        self._report(program, {"conditions": _ready(program.ready)})
        if program.fate == "flaps":
            self._timeline.after(self._random.uniform(0.1, 5.0), self._become_ready, program)

    def _finish(self, program: Program) -> None:
        """End what was told to end, and then its object."""
        if program.uid in self.programs:
            self._end(program)
            self._timeline.after(self._random.uniform(0.0, 0.3), self._remove, program)

    def _end(self, program: Program) -> None:
        program.rests = program.rests or self._excused(program)
        if not program.alive:
            program.rests = True  # it is never to start
            return
        program.alive = program.listening = False
        del self._addresses[program.ip]
        if program.rests:
            self._timeline.after(REST_SECONDS, self._free.append, program.ip)
        else:
            self._free.append(program.ip)
        self._history.note(f"program of {program} ends")
        self._tell_ended(program)

    def _report(self, program: Program, status: Json) -> None:
        if program.uid in self.programs:
            with suppress(StatusError), self._history.acting(f"node-{program.node}"):
                kind = self._server.kind(PODS)
                patch = {"metadata": {"uid": program.uid}, "status": status}
                self._server.perform(
                    lambda core: core.patch(kind, program.namespace, program.name, patch, subresource="status")
                )
                self._history.note(
                    f"pod {program}: {status.get('phase', '')} {status['conditions'][0]['status']} {program.ip}"
                )

    def _remove(self, program: Program) -> None:
        with suppress(StatusError):
            options = DeleteOptions(uid=program.uid, grace_period_seconds=0)
            kind = self._server.kind(PODS)
            self._server.perform(lambda core: core.delete(kind, program.namespace, program.name, options))


def _ready(is_ready: bool) -> list[Json]:
    return [{"type": "Ready", "status": "True" if is_ready else "False"}]
