"""A whole proxy on a turned clock, and any order of events around it: what must always hold, does."""

from collections import Counter
from dataclasses import replace
from typing import Any, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectError, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from isoproxy.kube.errors import KubeError, NotSent, ServerError, WatchEnded, WatchExpired
from isoproxy.kube.resources import ISOLATION_PODS, LEASES
from isoproxy.model import names
from isoproxy.observe.accesslog import AccessLog
from isoproxy.observe.metrics import Metrics
from isoproxy.proxy.backend import Backend
from isoproxy.proxy.connection import Connection
from isoproxy.proxy.dialer import BackendProtocol
from isoproxy.proxy.listener import ClientFactory, ClientProtocol
from isoproxy.proxy.relay.result import Ending, RelayResult
from isoproxy.proxy.service import ProxyService
from isoproxy.timesource import TimeSource
from test.faults import REPLY_LOST, Fault
from test.memoryapi import MemoryApi, make_core
from test.proxy.net import outcome_of, site_settings
from test.proxy.operator import INSTANCE, Operator

GRACE = 60


class Port:
    """A listening port that nobody but the test connects to."""

    def __init__(self, factory: ClientFactory) -> None:
        self.factory = factory
        self.open = True

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", 9090)

    def stopListening(self) -> None:
        self.open = False


class Wire(StringTransport):
    """A client's connection, without a socket."""

    def getHandle(self) -> None:
        return None


class Relayed:
    """A relay that ends when the test or the session says so."""

    bytes_in = bytes_out = 1
    last_activity = 0.0

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.done: Deferred[RelayResult] = Deferred()

    def start(self) -> Deferred[RelayResult]:
        return self.done

    def abort(self, _: object) -> None:
        self._clock.callLater(0, self.end, Ending.ABORTED)

    def backend_gone(self) -> None:
        """It goes on: the program has not closed."""

    def end(self, ending: Ending) -> None:
        if not self.done.called:
            self.done.callback(RelayResult(ending, 1, 1, ""))


class ProxyMachine(RuleBasedStateMachine):
    """Clients, pods, an operator and an API server, all of them at their worst."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.clock.advance(1_000_000)
        core = make_core(self.clock)
        self.api = MemoryApi(core, self.clock)
        self.operator = Operator(core, self.clock)
        self.lines: list[str] = []
        self.clients: list[ClientProtocol] = []
        self.ports: list[Port] = []
        self.dials: list[tuple[Backend, Deferred[Any]]] = []
        self.relays: list[Relayed] = []
        self.dialled_by: dict[str, set[Connection]] = {}
        self.wrongs: list[str] = []
        self.assigned: dict[str, str] = {}  # names and uids, of those that are gone too
        self.down_since: float | None = None
        self.stale: set[str] = set()  # what was assigned before the fence fell
        self.proxy = ProxyService(
            reactor=self.clock,
            api=self.api,
            settings=replace(
                site_settings(
                    queue={"timeout_seconds": 5, "max_length": 3}, connect_timeout_seconds=2, max_duration_seconds=40
                ),
                service_uid=self.operator.serve(),
            ),
            instance=INSTANCE,
            listen=lambda port: cast(Any, self),
            dialer=lambda pod: cast(Any, Dial(self, pod)),
            metrics=Metrics(),
            access_log=AccessLog(self.lines.append),
            grace_seconds=GRACE,
            linger_seconds=0.0,
            make_relay=cast(Any, self.make_relay),
            time=TimeSource.simulated(self.clock),
            jitter=lambda: 0.5,
        )
        self.proxy.startService()
        self.clock.advance(0)

    def listen(self, factory: ClientFactory) -> Deferred[Port]:
        """The endpoint of the listener."""
        self.ports.append(Port(factory))
        return succeed(self.ports[-1])

    def make_relay(self, client: Any, backend: Any, early: bytes, eof: bool) -> Relayed:
        self.relays.append(Relayed(self.clock))
        return self.relays[-1]

    # Clients

    @rule()
    def connect(self) -> None:
        client = self.ports[0].factory.buildProtocol(IPv4Address("TCP", "192.0.2.7", len(self.clients)))
        self.clients.append(client)
        client.makeConnection(Wire())  # type: ignore[no-untyped-call]  # Twisted's

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), what=st.sampled_from(["sends", "floods", "shuts down", "resets"]))
    def client_acts(self, data: st.DataObject, what: str) -> None:
        client = data.draw(st.sampled_from(self.clients))
        if client._connection is None or client._connection.relay is not None:
            return  # the relay's business
        if what == "resets":
            client.connectionLost()
        elif what == "shuts down":
            client.readConnectionLost()
        elif not cast(Wire, client.transport).disconnected:
            client.dataReceived(b"x" if what == "sends" else bytes(70_000))

    # Pods

    @precondition(lambda self: self.dials)
    @rule(data=st.data(), how=st.sampled_from(["connects", "connects", "refuses", "is dead", "is ours to blame"]))
    def dial_ends(self, data: st.DataObject, how: str) -> None:
        place = data.draw(st.integers(0, len(self.dials) - 1))
        _, dial = self.dials.pop(place)
        if dial.called:
            return  # it was cancelled
        if how == "connects":
            protocol = BackendProtocol()
            protocol.makeConnection(StringTransport())  # type: ignore[no-untyped-call]  # Twisted's
            dial.callback(protocol)
        else:
            errors = {
                "refuses": ConnectionRefusedError(111),
                "is dead": ConnectError(113),
                "is ours to blame": ConnectError(24),
            }
            dial.errback(errors[how])

    @precondition(lambda self: self.relays)
    @rule(data=st.data(), ending=st.sampled_from(Ending))
    def relay_ends(self, data: st.DataObject, ending: Ending) -> None:
        data.draw(st.sampled_from(self.relays)).end(ending)

    # The operator and the API server

    @rule(count=st.integers(1, 3))
    def assign(self, count: int) -> None:
        for _ in range(count):
            name = f"pod-{len(self.assigned)}"
            self.assigned[name] = self.operator.assign(name).metadata.uid

    @precondition(lambda self: self.assigned)
    @rule(data=st.data(), what=st.sampled_from(["recall", "delete", "touch", "hide", "show"]))
    def meddle(self, data: st.DataObject, what: str) -> None:
        name = data.draw(st.sampled_from(list(self.assigned)))
        if not self.operator.has(ISOLATION_PODS, name):
            return
        if what == "delete":
            self.operator.delete(ISOLATION_PODS, name)
        elif what in ("hide", "show"):
            self.operator.relabel(name, INSTANCE if what == "show" else "hidden")
        else:
            self.operator.annotate(name, names.ANNOTATION_RECALL if what == "recall" else "touched")

    @rule(verb=st.sampled_from(["get", "list", "patch", "create"]), fault=st.sampled_from(["lost", "500", "down"]))
    def fail_once(self, verb: str, fault: str) -> None:
        errors: dict[str, KubeError] = {"500": ServerError(500), "down": NotSent("down")}
        self.api.faults.order(REPLY_LOST if fault == "lost" else Fault(errors[fault]), verb)

    @rule(error=st.sampled_from([WatchEnded(), NotSent("broken"), WatchExpired("too old")]))
    def break_watch(self, error: KubeError) -> None:
        self.api.break_watches(error)

    @rule()
    def switch_api(self) -> None:
        going_down = self.down_since is None
        if self.down_since is not None and self.clock.seconds() - self.down_since > GRACE:
            self.stale = set(self.assigned.values())
        self.down_since = self.clock.seconds() if going_down else None
        if going_down:
            self.api.go_down()
        else:
            self.api.come_back()

    @precondition(lambda self: self.down_since is None)
    @rule(meanwhile=st.integers(0, 2))
    def long_outage(self, meanwhile: int) -> None:
        """Longer than the grace, with an operator that did not know of it."""
        self.switch_api()
        if meanwhile:
            self.assign(meanwhile)
        for _ in range(GRACE + 1):
            self.clock.advance(1.0)
        self.switch_api()

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.5, 6.0, 30.0]))
    def pass_time(self, seconds: float) -> None:
        for _ in range(10):
            self.clock.advance(seconds / 10)

    # What must always hold

    def dialled(self, pod: Backend) -> None:
        """Somebody dials. What is wrong with that is kept for later: an exception would look like a broken dialer."""
        owners = self.dialled_by.setdefault(pod.uid, set())
        owners.update(one for one in self.proxy._sessions._open if one.pod == pod)
        if len(owners) != 1:
            self.wrongs.append(f"{pod.name} is dialled for {len(owners)} connections")
        if pod.uid in self.stale:
            self.wrongs.append(f"{pod.name} is dialled, which was assigned before the fence fell")
        if self.proxy._assignments.complete and not self.is_offered(pod):
            self.wrongs.append(f"{pod.name} is dialled, which is known to be gone or asked back")
        if self.down_since is not None and self.clock.seconds() - self.down_since > GRACE:
            self.wrongs.append(f"{pod.name} is dialled behind the fence")

    def is_offered(self, pod: Backend) -> bool:
        """Whether the proxy, by what it has seen, may use a pod that it has not connected to yet."""
        record = self.proxy._assignments.newest(pod)
        return record is not None and not record.recalled

    @invariant()
    def no_dial_is_wrong(self) -> None:
        assert not self.wrongs

    @invariant()
    def no_pod_has_two_connections(self) -> None:
        relayed = [
            client._connection.pod
            for client in self.clients
            if client._connection is not None and client._connection.relay is not None
        ]
        assert all(count == 1 for count in Counter(pod.uid for pod in relayed if pod is not None).values())

    @invariant()
    def every_connection_is_open_or_told_of(self) -> None:
        live = self.proxy._sessions.live()
        assert live.sessions + len(self.lines) == len(self.clients)
        assert live.queued <= 3 + live.sessions
        assert live.stock == 0 or live.queued == 0

    def teardown(self) -> None:
        """However it went, it ends in order."""
        self.api.faults.clear()
        for item in self.operator.all(ISOLATION_PODS):
            # What was hidden all the time is nobody's to settle.
            self.operator.relabel(item["metadata"]["name"], INSTANCE)
        for _ in range(50):
            self.clock.advance(1.0)
        drained = outcome_of(self.proxy.drain(5.0))
        for _ in range(40):
            self.clock.advance(1.0)
        assert drained
        assert len(self.lines) == len(self.clients)
        assert not self.ports[0].open
        unfinished = {
            item["metadata"]["name"]: item["status"]["phase"]
            for item in self.operator.all(ISOLATION_PODS)
            if item["status"]["phase"] not in ("Released", "Returned")
        }
        assert not unfinished
        lease = self.operator.get(LEASES, f"web-{INSTANCE}")
        assert lease["metadata"]["annotations"]["soh.re/ended"] == "true"
        assert not self.clock.getDelayedCalls()


class Dial:
    """The endpoint of one pod."""

    def __init__(self, machine: ProxyMachine, pod: Backend) -> None:
        self._machine = machine
        self._pod = pod

    def connect(self, _: object) -> Deferred[Any]:
        self._machine.dialled(self._pod)
        dial: Deferred[Any] = Deferred()
        self._machine.dials.append((self._pod, dial))
        return dial


ProxyMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestProxyMachine = ProxyMachine.TestCase
