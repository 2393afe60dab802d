"""Makes the node known to the API server, and keeps it so."""

from collections.abc import Callable

import txaio
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.task import deferLater

from isoproxy.kube.errors import KubeError, NotFound
from isoproxy.kube.resources import LEASES, NODES, Json
from isoproxy.local.runtime.heartbeat import RENEW_SECONDS, Heartbeat, Write
from isoproxy.local.runtime.launch import Node
from isoproxy.local.runtime.nodeobject import lease_manifest, lease_spec, node_manifest, node_status

log = txaio.make_logger()

LEASE_NAMESPACE = "kube-node-lease"


class Registration:
    """Keeps the Node and its Lease, until it is stopped, as `Heartbeat` says. Whatever fails is tried again."""

    def __init__(self, node: Node, *, max_pods: int, on_registered: Callable[[], None]) -> None:
        """`on_registered` is called once, when both are there."""
        self._node = node
        self._max_pods = max_pods
        self._on_registered = on_registered
        self._heartbeat = Heartbeat()
        self._since = node.now()  # when it became ready
        self._uid = ""
        self._has_lease = False
        self._running: Deferred[None] | None = None

    def start(self) -> None:
        """Begin; at most once."""
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(lambda failure: log.failure("node {name}", failure=failure, name=self._node.name))

    def stop(self) -> None:
        """Write nothing any more. Idempotent."""
        if self._running is not None:
            self._running.cancel()

    async def _run(self) -> None:
        clock = self._node.clock
        try:
            while True:
                write, delay = self._heartbeat.next(clock.seconds())
                await deferLater(clock, delay)
                await self._make(write)
        except CancelledError:
            pass  # by stop()

    async def _make(self, write: Write) -> None:
        node = self._node
        sent_at = node.clock.seconds()
        call = self._put_node() if write is Write.NODE else self._put_lease()
        try:
            await Deferred.fromCoroutine(call).addTimeout(RENEW_SECONDS, node.clock)
        except (KubeError, TimeoutError) as error:
            if self._heartbeat.failed(write, node.clock.seconds(), node.jitter()):
                log.warn(
                    "node {name}: {what} cannot be written: {error!r}; trying on",
                    name=node.name,
                    what=write.value,
                    error=error,
                )
        else:
            if self._heartbeat.succeeded(write, sent_at):
                log.warn("node {name} was silent for long, and may have been taken for dead", name=node.name)
                self._since = node.now()

    async def _put_node(self) -> None:
        try:
            await self._put_status()
        except NotFound:
            await self._node.api.create(NODES, node_manifest(self._node.name))
            await self._put_status()

    async def _put_status(self) -> None:
        node = self._node
        status = node_status(runtime=node.runtime.name, max_pods=self._max_pods, since=self._since, now=node.now())
        answer = await node.api.patch(NODES, node.name, {"status": status}, subresource="status")
        self._uid = answer["metadata"]["uid"]

    async def _put_lease(self) -> None:
        node = self._node
        patch: Json = {"spec": lease_spec(node.name, node.now())}
        try:
            await node.api.patch(LEASES, node.name, patch, namespace=LEASE_NAMESPACE)
        except NotFound:
            await self._create_lease()
        if not self._has_lease:
            self._has_lease = True
            self._on_registered()

    async def _create_lease(self) -> None:
        node = self._node
        if self._has_lease:
            await self._put_node()  # it may have been deleted, and the Lease with it
        await node.api.create(LEASES, lease_manifest(node.name, self._uid, node.now()), namespace=LEASE_NAMESPACE)
