"""Keeps a proxy for each DedicatedService that this process serves: all of them, or the one of its Deployment."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import txaio
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall

from isoproxy.kube.api import KubeApi
from isoproxy.kube.reflector import Change, Reflector
from isoproxy.kube.resources import CONFIG_MAPS, DEDICATED_SERVICES
from isoproxy.model import names
from isoproxy.model.dedicatedservice import DedicatedService, InvalidService, parse_service
from isoproxy.model.names import ServiceKey
from isoproxy.model.proxysettings import ProxySettings
from isoproxy.observe.accesslog import AccessLog
from isoproxy.observe.metrics import Metrics
from isoproxy.proxy.connection import RelayFactory
from isoproxy.proxy.dialer import Dialer
from isoproxy.proxy.listener import Listen
from isoproxy.proxy.relay import PipePool
from isoproxy.proxy.service import GRACE_SECONDS, ProxyService, new_instance, relays
from isoproxy.timesource import TimeSource

log = txaio.make_logger()

GONE_SECONDS = 1.0
"""Settings that are missing for so long are gone, and their service with them: where somebody only deleted them, the
operator has put that right by then."""


class ProxyHost(Service):
    """The proxies of one process."""

    def __init__(
        self,
        *,
        reactor: Any,
        api: KubeApi,
        home: str,
        listen: Listen,
        dialer: Dialer,
        metrics: Metrics,
        access_log: AccessLog,
        namespaces: Sequence[str] = (),
        service: ServiceKey | None = None,
        grace_seconds: int = GRACE_SECONDS,
        linger_seconds: float = 0.0,
        share_seconds: float = 0.0,
        follows_port: bool = True,
        chance: random.Random | None = None,
        make_relay: RelayFactory | None = None,
        time: TimeSource | None = None,
    ) -> None:
        """Serve every DedicatedService of ``namespaces``, all if there are none; or just ``service``, whose settings
        come from its ConfigMap then. ``follows_port``: whether to listen where settings say, or where ``listen`` does
        whatever they say. ``home``: see ``new_instance``; the rest: see ProxyService."""
        self._reactor = reactor
        self._time = time or TimeSource.real(reactor)
        self._api = api
        self._home = home
        self._chance = chance or random.SystemRandom()
        self._namespaces = namespaces
        self._service = service
        self._follows_port = follows_port
        self._options: dict[str, Any] = {
            "listen": listen,
            "dialer": dialer,
            "metrics": metrics,
            "access_log": access_log,
            "grace_seconds": grace_seconds,
            "linger_seconds": linger_seconds,
            "share_seconds": share_seconds,
            "make_relay": make_relay or relays(reactor, PipePool()),
            "time": self._time,
            "jitter": self._chance.random,
        }
        self._reflectors: list[Reflector[Any]] = []
        self._proxies: dict[ServiceKey, ProxyService] = {}
        self._ending: dict[ProxyService, None] = {}  # a set, in order
        self._is_draining = False
        self._doubt: IDelayedCall | None = None

    @property
    def ready(self) -> bool:
        """Whether everything that is to be served is; in a drain, whether it still is."""
        if self._is_draining:
            left = {*self._proxies.values(), *self._ending}
            return bool(left) and all(proxy.ready for proxy in left)
        known = bool(self._reflectors) and all(reflector.synced for reflector in self._reflectors)
        return known and (bool(self._proxies) or self._service is None) and self._all_ready()

    def _all_ready(self) -> bool:
        # Of many services one that cannot have its port, which its status tells, must not take the others down.
        return all(proxy.ready or (self._service is None and proxy.listen_error) for proxy in self._proxies.values())

    def startService(self) -> None:
        """Begin to watch for what to serve."""
        super().startService()  # type: ignore[no-untyped-call]  # twisted.application is not typed
        if self._service is None:
            self._reflectors = [self._watch_services(namespace) for namespace in self._namespaces or (None,)]
        else:
            self._reflectors = [self._watch_settings(*self._service)]
        for reflector in self._reflectors:
            reflector.start()

    def stopService(self) -> Deferred[None]:
        """End now; ``drain`` first to end gently."""
        super().stopService()  # type: ignore[no-untyped-call]  # as above
        return self.drain(0.0)

    def drain(self, timeout: float) -> Deferred[None]:
        """Drain all proxies at the same time, see ``ProxyService.drain``; fires when all are done."""
        return Deferred.fromCoroutine(self._drain(timeout))

    async def _drain(self, timeout: float) -> None:  # noqa: ASYNC109  # it is passed on
        self._is_draining = True
        if self._service is None:
            await self._watch_no_more()
        self._ending |= dict.fromkeys(self._proxies.values())
        self._proxies.clear()
        await DeferredList([self._end(proxy, timeout) for proxy in list(self._ending)])
        await self._watch_no_more()

    async def _watch_no_more(self) -> None:
        self._doubt_no_more()
        reflectors, self._reflectors = self._reflectors, []
        await DeferredList([reflector.stop() for reflector in reflectors])

    def _watch_services(self, namespace: str | None) -> Reflector[DedicatedService | InvalidService]:
        return Reflector(
            api=self._api,
            resource=DEDICATED_SERVICES,
            parse=parse_service,
            clock=self._reactor,
            on_change=self._service_changed,
            namespace=namespace,
            jitter=self._chance.random,
        )

    def _service_changed(self, change: Change[DedicatedService | InvalidService]) -> None:
        new = change.new
        if new is None or new.metadata.deletion_timestamp is not None:
            self._serve_no_more(change.key)
        elif isinstance(new, DedicatedService):  # an invalid one is served as it was
            self._serve(change.key, ProxySettings.of(new))

    def _watch_settings(self, namespace: str, service: str) -> Reflector[ProxySettings]:
        return Reflector(
            api=self._api,
            resource=CONFIG_MAPS,
            parse=ProxySettings.from_config_map,
            clock=self._reactor,
            on_change=self._settings_changed,
            namespace=namespace,
            field_selector=f"metadata.name={names.proxy_name(service)}",
            jitter=self._chance.random,
        )

    def _settings_changed(self, change: Change[ProxySettings]) -> None:
        self._doubt_no_more()
        if change.new is None:
            self._doubt = self._time.call_later(GONE_SECONDS, self._expect_clients, False)
            return
        self._expect_clients(True)
        if (change.new.namespace, change.new.service) == self._service:
            self._serve(self._service, change.new)

    def _expect_clients(self, does: bool) -> None:
        # Settings that are gone end nothing: where the service is gone too, this process is told to end, and then
        # there is no other proxy for clients to be sent to meanwhile.
        for proxy in (*self._proxies.values(), *self._ending):
            proxy.expect_clients(does)

    def _doubt_no_more(self) -> None:
        if self._doubt is not None and self._doubt.active():
            self._doubt.cancel()

    def _serve(self, key: ServiceKey, settings: ProxySettings) -> None:
        if self._is_draining:
            return
        if not self._follows_port:
            settings = replace(settings, listen_port=0)  # always the same, so that it never opens its own port again
        proxy = self._proxies.get(key)
        if proxy is not None and proxy.settings.service_uid != settings.service_uid:
            self._serve_no_more(key)  # deleted and made anew
            proxy = None
        if proxy is not None:
            proxy.apply(settings)
            return
        instance = new_instance(self._home, self._chance)
        proxy = self._proxies[key] = ProxyService(
            reactor=self._reactor, api=self._api, settings=settings, instance=instance, **self._options
        )
        proxy.startService()

    def _serve_no_more(self, key: ServiceKey) -> None:
        proxy = self._proxies.pop(key, None)
        if proxy is None:
            return
        log.info("{namespace}/{name} is no more", namespace=key[0], name=key[1])
        self._ending[proxy] = None
        self._end(proxy, 0.0)

    def _end(self, proxy: ProxyService, timeout: float) -> Deferred[None]:
        return proxy.drain(timeout).addCallback(lambda _: self._ending.pop(proxy, None))
