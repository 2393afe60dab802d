"""A world with all its parts: it begins as its script says, lets happen what is written there, and comes to rest."""

from collections.abc import Callable
from random import Random

from isoproxy.kube.resources import DEDICATED_SERVICES, Json, Resource
from test.simulation.api import SimulatedApi
from test.simulation.history import History
from test.simulation.link import Link
from test.simulation.machine import Machine
from test.simulation.namespaces import Namespaces
from test.simulation.nodes import NODES, Nodes, Program
from test.simulation.oracle import Oracle
from test.simulation.processes import SYSTEM, OperatorProcess, Process, ProxyProcess
from test.simulation.script import Script
from test.simulation.server import Server
from test.simulation.timeline import Timeline
from test.simulation.visitors import Manner, Visitor

NAMESPACE = "games"
GRACE = 30
MOST_STEPS = 200_000
"""In one stretch of time; the busiest take a tenth of it."""


class World:
    """One cluster. Everything of chance is drawn from the script's seed, by each part from a stream of its own."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.timeline = Timeline(self.stream("order"))
        self.history = History(lambda: self.timeline.now)
        self.server = Server(self.timeline, self.stream("server"))
        self.oracle = Oracle(
            timeline=self.timeline,
            history=self.history,
            server=self.server,
            grace=GRACE,
            working=self._working,
            elects=script.elects,
        )
        self.nodes = Nodes(
            timeline=self.timeline,
            random=self.stream("nodes"),
            server=self.server,
            history=self.history,
            ended=self._program_ended,
            excused=self.oracle.excused,
        )
        self.namespaces = Namespaces(
            timeline=self.timeline,
            random=self.stream("namespaces"),
            server=self.server,
            history=self.history,
            oracle=self.oracle,
        )
        self.is_homeless = False
        """Whether the namespace is deleted, and has yet to be made anew."""
        self.operators: list[OperatorProcess] = []
        self.proxies: list[ProxyProcess] = []
        self.visitors: list[Visitor] = []
        self.dead: list[Process] = []  # kept, so that nothing of them is collected at a time of its own
        self.homes = 0
        self._machines = 0
        self._operators_left: list[float] = []
        self._begin()

    def stream(self, name: str) -> Random:
        """A stream of chance of its own."""
        return Random(f"{self.script.seed} {name}")

    def _begin(self) -> None:
        for namespace in (NAMESPACE, SYSTEM):
            self.namespaces.create(namespace)
        for number, spec in enumerate(self.script.services):
            self.make_service(f"s{number}", dict(spec))
        for _ in range(self.script.operators):
            self.start_operator()
        for number in range(len(self.script.services)):
            for _ in range(self.script.proxies):
                self.start_proxy((NAMESPACE, f"s{number}"))

    # What there is

    def do(self, resource: Resource, effect: Callable[..., object]) -> object:
        """Do something at the API server, as the users and controllers around us do: at once and without a fault."""
        kind = self.server.kind(resource)
        return self.server.perform(lambda core: effect(core, kind))

    def make_service(self, name: str, spec: Json) -> None:
        """Create a DedicatedService."""
        self.history.note(f"DedicatedService {name} is made: {spec}")
        manifest = {
            "apiVersion": "soh.re/v1alpha1",
            "kind": "DedicatedService",
            "metadata": {"name": name},
            "spec": spec,
        }
        self.do(DEDICATED_SERVICES, lambda core, kind: core.create(kind, NAMESPACE, manifest))

    def processes(self) -> list[Process]:
        """Every process of ours that runs."""
        return [*self.operators, *self.proxies]

    def services(self) -> list[Json]:
        """Every DedicatedService there is."""
        return self.server.objects(DEDICATED_SERVICES)

    def machine(self, name: str) -> tuple[Machine, SimulatedApi]:
        """A new process's clock and API client."""
        self._machines += 1
        name = f"{name}-{self._machines}"
        random = self.stream(name)
        machine = Machine(
            name,
            self.timeline,
            self.history,
            rate=1.0 + self.script.drift * random.uniform(-1.0, 1.0),
            offset=random.uniform(0.0, 1000.0),
        )
        return machine, SimulatedApi(machine, self.timeline, self.server, Link(random), self.history)

    def start_operator(self) -> OperatorProcess:
        """Start another operator."""
        machine, api = self.machine("operator")
        self.history.note(f"{machine.name} starts")
        process = OperatorProcess(
            machine, api, self.stream(f"{machine.name}'s own"), grace=GRACE, elects=self.script.elects
        )
        self.operators.append(process)
        return process

    def start_proxy(self, service: tuple[str, str], home: str = "") -> ProxyProcess:
        """Start another proxy of a service, in a new pod or again in that of one that died."""
        machine, api = self.machine("proxy")
        if not home:
            home = self._new_home()
        self.history.note(f"{machine.name} starts for {service[1]} in {home}")
        process = ProxyProcess(
            machine,
            api,
            self.stream(f"{machine.name}'s own"),
            self.timeline,
            home=home,
            service=service,
            grace=GRACE,
            nodes=self.nodes,
            oracle=self.oracle,
        )
        self.proxies.append(process)
        return process

    def _new_home(self) -> str:
        """The pod of a proxy, on a node on which something may begin."""
        self.homes += 1
        while self.homes % NODES not in self.nodes.open():
            self.homes += 1
        return f"home{self.homes}"

    def proxies_on(self, node: int) -> list[ProxyProcess]:
        """Every proxy that runs on a node."""
        return [proxy for proxy in self.proxies if int(proxy.home.removeprefix("home")) % NODES == node]

    def _working(self, lately: float) -> int:
        """How many operators there are, or were within so many seconds: what they have begun may still come."""
        return len(self.operators) + sum(left >= self.timeline.now - lately for left in self._operators_left)

    def retire(self, process: OperatorProcess | ProxyProcess) -> list[Program]:
        """A process is no more; returns the programs whose connections broke."""
        served = process.kill() if isinstance(process, ProxyProcess) else []
        process.machine.kill()
        self.dead.append(process)
        if isinstance(process, ProxyProcess):
            self.proxies.remove(process)
        else:
            self.operators.remove(process)
            self._operators_left.append(self.timeline.now)
        return served

    def visit(self, proxy: ProxyProcess, manner: Manner, stay: float) -> Visitor:
        """Let a client come to a proxy."""
        number = len(self.visitors) + 1
        visitor = Visitor(number, proxy.service[1], manner, stay, proxy.machine)
        self.visitors.append(visitor)
        self.history.note(f"{visitor} comes to {proxy.machine.name}, {manner.value}, {stay:.1f} s")
        proxy.connect(visitor)
        return visitor

    def _program_ended(self, program: Program) -> None:
        for visitor in self.visitors:
            if visitor.program is program and visitor.relay is not None and not visitor.relay.is_over:
                visitor.relay.program_ended()

    # How it goes on

    def run(self, seconds: float) -> bool:
        """Let time pass; False as soon as something is wrong."""
        until, began = self.timeline.now + seconds, self.timeline.steps
        while self.timeline.step(until):
            if self.timeline.steps - began > MOST_STEPS:
                self.history.wrong(f"I5: more than {MOST_STEPS} steps in {seconds} s: something spins")
            if self.history.wrongs:
                return False
        return not self.history.wrongs

    def await_home(self) -> None:
        """Let time pass until there is the namespace, if it is to be made anew."""
        while self.is_homeless and self.run(1.0):
            pass

    def end(self) -> None:
        """Let no process do anything any more, not even when it is collected."""
        for process in self.processes():
            process.machine.kill()
