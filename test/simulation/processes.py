"""The product's own processes: operators and proxies, each on a machine of its own."""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectError, ConnectionRefusedError
from twisted.internet.interfaces import IListeningPort

from isoproxy.kube.api import KubeApi
from isoproxy.observe.accesslog import AccessLog
from isoproxy.observe.metrics import Metrics
from isoproxy.operator.led import LedOperator
from isoproxy.operator.reconciler import Reconciler
from isoproxy.proxy.backend import Backend
from isoproxy.proxy.dialer import BackendProtocol
from isoproxy.proxy.host import ProxyHost
from isoproxy.proxy.listener import ClientFactory
from isoproxy.proxy.relay.result import Ending
from test.simulation.api import SimulatedApi
from test.simulation.machine import Machine
from test.simulation.nodes import Nodes, Program
from test.simulation.oracle import Oracle
from test.simulation.timeline import Timeline
from test.simulation.visitors import SimulatedRelay, Visitor, Wire

SYSTEM = "isoproxy-system"
EHOSTUNREACH = 113
DIAL = (0.0005, 0.01)  # seconds


class Process:
    """Anything of ours that runs."""

    def __init__(self, machine: Machine, api: SimulatedApi) -> None:
        self.machine = machine
        self.api = api


class OperatorProcess(Process):
    """An operator, alone or as a candidate among others."""

    def __init__(self, machine: Machine, api: SimulatedApi, random: Random, *, grace: float, elects: bool) -> None:
        super().__init__(machine, api)
        self._random = random
        self._grace = grace
        self._operator: Reconciler | LedOperator = self._candidate() if elects else self._make(api)
        machine.enter(self._operator.startService)

    def _make(self, api: KubeApi) -> Reconciler:
        return Reconciler(
            time=self.machine.time,
            api=api,
            random=self._random,
            metrics=Metrics(),
            grace_seconds=self._grace,
            instance=self.machine.name,
        )

    def _candidate(self) -> LedOperator:
        return LedOperator(
            api=self.api,
            time=self.machine.time,
            namespace=SYSTEM,
            identity=self.machine.name,
            make=self._make,
            jitter=self._random.random,
        )

    def end(self, ended: Callable[[], None]) -> None:
        """Stop it gently."""
        self.machine.enter(lambda: self._operator.stopService().addCallback(lambda _: ended()))


class _Port:
    def __init__(self, close: Callable[[], None]) -> None:
        self.stopListening = close

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", 9090)


class ProxyProcess(Process):
    """A proxy, with its side of the network: who connects to it, and whom it connects to."""

    def __init__(
        self,
        machine: Machine,
        api: SimulatedApi,
        random: Random,
        timeline: Timeline,
        *,
        home: str,
        service: tuple[str, str],
        grace: int,
        nodes: Nodes,
        oracle: Oracle,
    ) -> None:
        super().__init__(machine, api)
        self.home = home
        self.service = service
        self.visitors: dict[Wire, Visitor] = {}
        self.draining = False
        self.dial_seconds = DIAL
        """In which time a pod accepts, if it does."""
        self._random = random
        self._timeline = timeline
        self._nodes = nodes
        self._oracle = oracle
        self._factory: ClientFactory | None = None
        self.host = ProxyHost(
            reactor=machine,
            api=api,
            home=home,
            listen=lambda port: cast(Any, self),
            dialer=lambda pod: cast(Any, _Dial(self, pod)),
            metrics=Metrics(),
            access_log=AccessLog(oracle.line),
            service=service,
            grace_seconds=grace,
            linger_seconds=2.0,
            share_seconds=5.0,
            chance=random,
            make_relay=cast(Any, self._relay),
            time=machine.time,
        )
        machine.enter(self.host.startService)

    # Its port

    def listen(self, factory: ClientFactory) -> Deferred[IListeningPort]:
        """The endpoint that it listens by."""
        self._factory = factory
        return succeed(cast(IListeningPort, _Port(partial(self._close, factory))))

    def _close(self, factory: ClientFactory) -> None:
        if self._factory is factory:  # else a service made anew has the port already
            self._factory = None

    @property
    def open(self) -> bool:
        """Whether clients can connect."""
        return self.machine.alive and self._factory is not None

    def connect(self, visitor: Visitor) -> None:
        """Let a client connect."""
        self.machine.enter(self._accept, visitor)

    def _accept(self, visitor: Visitor) -> None:
        if self._factory is None:
            visitor.over = True  # refused
            return
        self._oracle.arrives(visitor, self._factory)
        visitor.arrive(self._factory, self.visitors)
        self._oracle.has_arrived(visitor)

    # The pods

    def dial(self, pod: Backend, dial: Deferred[Any]) -> None:
        """Connect to whoever has the address."""
        program = self._nodes.at(pod.ip, pod.pod_uid)
        if program is None:
            self.machine.enter(_fail, dial, ConnectError(EHOSTUNREACH))
        elif not program.listening:
            self.machine.enter(_fail, dial, ConnectionRefusedError(111))
        else:
            self._oracle.accepts(program, pod.uid, self.machine.name)
            self.machine.enter(self._connected, program, dial)

    def _connected(self, program: Program, dial: Deferred[Any]) -> None:
        if dial.called:
            return
        protocol = BackendProtocol()
        protocol.makeConnection(Wire(lambda: None, program))  # type: ignore[no-untyped-call]  # Twisted's
        dial.callback(protocol)

    def dial_later(self, pod: Backend) -> Deferred[Any]:
        """Send the first packet."""
        dial: Deferred[Any] = Deferred()
        self._oracle.dials(self.machine.name, pod.uid, lambda: not dial.called)
        self._timeline.after(self._random.uniform(*self.dial_seconds), self._syn, pod, dial)
        return dial

    def _syn(self, pod: Backend, dial: Deferred[Any]) -> None:
        if self.machine.alive and not dial.called:
            self.dial(pod, dial)

    def _relay(self, client: Wire, backend: Wire, early: bytes, eof: bool) -> SimulatedRelay:
        assert backend.program is not None
        visitor = self.visitors[client]
        self._oracle.handed_over(visitor, early, eof)
        return SimulatedRelay(self.machine, self._timeline, visitor, backend.program, self._oracle)

    # Its end

    def kill(self) -> list[Program]:
        """End it without a word; returns the programs whose connections broke."""
        self.machine.kill()
        self._oracle.died(self.machine.name)
        self._factory = None
        served = []
        for visitor in self.visitors.values():
            if visitor.relay is not None and not visitor.relay.is_over and visitor.program is not None:
                visitor.relay.is_over = True
                self._oracle.left(visitor, visitor.program, Ending.BACKEND_RESET, "its proxy died")
                served.append(visitor.program)
            visitor.over = True
        return served

    def drain(self, timeout: float, ended: Callable[[], None]) -> None:
        """Have it end gently."""
        self.draining = True
        self._oracle.told_to_end(self.machine.name)
        self.machine.enter(lambda: self.host.drain(timeout).addCallback(lambda _: ended()))


class _Dial:
    """The endpoint of one pod."""

    def __init__(self, process: ProxyProcess, pod: Backend) -> None:
        self._process = process
        self._pod = pod

    def connect(self, _: object) -> Deferred[Any]:
        return self._process.dial_later(self._pod)


def _fail(dial: Deferred[Any], error: Exception) -> None:
    if not dial.called:
        dial.errback(error)
