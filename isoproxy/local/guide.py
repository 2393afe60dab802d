"""Tells whoever started a local cluster where things are, and what to try."""

import txaio
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from isoproxy.kube.api import KubeApi
from isoproxy.kube.reflector import Change, Reflector
from isoproxy.kube.resources import DEDICATED_SERVICES
from isoproxy.listening import as_seen_here
from isoproxy.model.dedicatedservice import DedicatedService, InvalidService, parse_service

log = txaio.make_logger()


class Guide:
    """Watches for services to be reachable, and says how to reach each."""

    def __init__(self, *, api: KubeApi, clock: IReactorTime) -> None:
        self._reflector = Reflector(
            api=api, resource=DEDICATED_SERVICES, parse=parse_service, clock=clock, on_change=self._changed
        )

    def start(self, url: str) -> None:
        """Begin with what there is from the start: the API server at ``url``."""
        log.info("the API server is at {url}; try: kubectl --server {url} get dedi,ipods", url=url)
        self._reflector.start()

    def stop(self) -> Deferred[None]:
        """Say no more."""
        return self._reflector.stop()

    def _changed(self, change: Change[DedicatedService | InvalidService]) -> None:
        if change.new is None:
            return
        before = _open_at(change.old) if change.old is not None else set()
        meta = change.new.metadata
        for endpoint in sorted(_open_at(change.new) - before):
            host, _, port = endpoint.rpartition(":")
            log.info(
                "{namespace}/{name} is at {endpoint}; try: nc {host} {port}",
                namespace=meta.namespace,
                name=meta.name,
                endpoint=endpoint,
                host=as_seen_here(host.strip("[]")),
                port=port,
            )


def _open_at(service: DedicatedService | InvalidService) -> set[str]:
    """Return where a client would be served."""
    conditions = service.status.conditions
    ready = any(condition.type == "Ready" and condition.status == "True" for condition in conditions)
    return set(service.status.endpoints) if ready else set()
