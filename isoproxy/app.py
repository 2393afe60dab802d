"""The program as one service: what starts after what, and the order in which it ends so that connections come first."""

import gc
import random
import socket
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import txaio
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint, serverFromString
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.python.failure import Failure

from isoproxy import openfiles
from isoproxy.kube.api import KubeApi
from isoproxy.kube.client import KubeClient
from isoproxy.kube.config import Connection
from isoproxy.listening import listen_now, url_of
from isoproxy.observe.accesslog import AccessLog
from isoproxy.observe.health import Health
from isoproxy.observe.metrics import Metrics
from isoproxy.observe.web import web_factory
from isoproxy.operator.led import LedOperator
from isoproxy.operator.reconciler import Reconciler
from isoproxy.proxy.dialer import tcp_dialer
from isoproxy.proxy.host import ProxyHost
from isoproxy.proxy.service import LINGER_SECONDS, SHARE_SECONDS
from isoproxy.settings import Role, Settings
from isoproxy.timesource import TimeSource

if TYPE_CHECKING:
    from isoproxy.local.machine import Machine

log = txaio.make_logger()

BACKLOG = 1024
"""Connections that may arrive between two turns of the reactor."""

STARTING = "process: still starting"


class Application(Service):
    """One process of isoproxy, in any of its roles."""

    def __init__(self, reactor: Any, settings: Settings, *, on_failure: Callable[[], None]) -> None:
        """``on_failure`` is called when this cannot start, before the reactor is stopped."""
        self._reactor = reactor
        self._settings = settings
        self._on_failure = on_failure
        self._metrics = Metrics()
        self._health = Health(TimeSource.real(reactor))
        self._pages: list[IListeningPort] = []
        self._machine: Machine | None = None
        self._client: KubeClient | None = None
        # A host name alone may be another process's too, or an earlier one's.
        self._identity = f"{socket.gethostname()}_{uuid.uuid4()}"
        self._operator: Reconciler | LedOperator | None = None
        self._proxies: ProxyHost | None = None
        self._starting: Deferred[None] = succeed(None)

    def startService(self) -> None:
        """Start everything; raises SystemExit, with one line, where the process's own listeners cannot listen."""
        Service.startService(self)
        settings = self._settings
        openfiles.allow_many()
        self._health.start()
        self._health.add(STARTING, lambda: False)
        self._serve_pages()
        connection = settings.connection
        if settings.local is not None:
            # Only then: the schemas of the API server cost half a second and 50 MiB that a proxy has no use for.
            from isoproxy.local.machine import Machine

            self._machine = Machine(self._reactor, settings.local)
            connection = Connection.plain(self._machine.listen())
        assert connection is not None
        self._client = KubeClient(self._reactor, connection, observer=self._metrics.api_request)
        self._starting = Deferred.fromCoroutine(self._start(self._client))
        self._starting.addErrback(self._not_started)
        # What is loaded by now stays. Left to the garbage collector, it would be searched through again and again, and
        # every connection stand still meanwhile: for tens of milliseconds.
        gc.collect()
        gc.freeze()

    def _serve_pages(self) -> None:
        for option, description, metrics, what in (
            ("--metrics-listen", self._settings.metrics_listen, self._metrics, "metrics and health are"),
            ("--health-listen", self._settings.health_listen, None, "health is"),
        ):
            if description:
                factory = web_factory(metrics=metrics, health=self._health, clock=self._reactor)
                page = listen_now(self._reactor, description, factory, option)
                self._pages.append(page)
                log.info("{what} at {url}", what=what, url=url_of(page, description))

    async def _start(self, client: KubeClient) -> None:
        if self._machine is not None:
            await self._machine.start(client)
        if self._settings.role in (Role.ALL, Role.OPERATOR):
            self._start_operator(client)
        if self._settings.role in (Role.ALL, Role.PROXY):
            self._start_proxies(client)
        self._health.remove(STARTING)

    def _start_operator(self, client: KubeClient) -> None:
        namespace = self._settings.election_namespace
        operator = self._operator_over(client) if not namespace else self._candidate(client, namespace)
        self._health.add("operator: still listing the cluster", lambda: operator.synced)
        operator.startService()
        self._operator = operator

    def _candidate(self, client: KubeClient, namespace: str) -> LedOperator:
        return LedOperator(
            api=client,
            time=TimeSource.real(self._reactor),
            namespace=namespace,
            identity=self._identity,
            make=self._operator_over,
            lease=self._settings.election_lease,
        )

    def _operator_over(self, api: KubeApi) -> Reconciler:
        return Reconciler(
            time=TimeSource.real(self._reactor),
            api=api,
            random=random.SystemRandom(),
            metrics=self._metrics,
            namespaces=self._settings.namespaces,
            grace_seconds=self._settings.proxy_grace,
            proxy_image=self._settings.proxies,
            instance=self._identity,
        )

    def _start_proxies(self, client: KubeClient) -> None:
        settings = self._settings
        service = settings.service
        proxies = ProxyHost(
            reactor=self._reactor,
            api=client,
            # Instances of one home follow each other; a process outside a pod is a home of its own.
            home=settings.pod_uid or str(uuid.uuid4()),
            listen=self._endpoint,
            dialer=tcp_dialer(self._reactor),
            metrics=self._metrics,
            access_log=AccessLog(),
            namespaces=settings.namespaces,
            service=(service.namespace, service.name) if service is not None else None,
            grace_seconds=settings.proxy_grace,
            # Where a load balancer stands before us, it needs a moment to hear that we are leaving.
            linger_seconds=0.0 if settings.role is Role.ALL else min(LINGER_SECONDS, settings.drain_timeout),
            share_seconds=0.0 if settings.role is Role.ALL else SHARE_SECONDS,
            follows_port=not settings.listen,
        )
        self._health.add("proxies: not all accept connections yet", lambda: proxies.ready)
        proxies.startService()
        self._proxies = proxies

    def _endpoint(self, port: int) -> IStreamServerEndpoint:
        if self._settings.listen:
            described: IStreamServerEndpoint = serverFromString(self._reactor, self._settings.listen)
            return described
        bind = self._settings.bind
        make = TCP6ServerEndpoint if ":" in bind else TCP4ServerEndpoint
        endpoint: IStreamServerEndpoint = make(self._reactor, port, backlog=BACKLOG, interface=bind)
        return endpoint

    def _not_started(self, failure: Failure) -> None:
        if failure.check(CancelledError):
            return
        log.error("isoproxy cannot start: {error}", error=failure.value)
        if self.running:  # else it is stopping already
            self._on_failure()
            self._reactor.callWhenRunning(self._reactor.stop)

    def stopService(self) -> Deferred[None]:
        """Stop; fires when nothing of this process is left. Connections get the drain timeout to end."""
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        """End the parts one after the other: MultiService would end them all at once, and hide what fails."""
        self._starting.cancel()
        if self._proxies is not None:
            await self._proxies.drain(self._settings.drain_timeout)
        if self._operator is not None:
            await self._operator.stopService()
        if self._machine is not None:
            await self._machine.stop()
        if self._client is not None:
            await self._client.close()
        for page in self._pages:
            await maybeDeferred(page.stopListening)
        self._health.stop()
