"""What nodes and controllers write of Pods; of one that is no more, they write nothing. A node that is parted from the
API server says what it has to say when it is back."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

from isoproxy.kube.resources import PODS, Json
from isoproxy.local.apiserver.errors import StatusError
from isoproxy.local.apiserver.options import DeleteOptions
from test.simulation.history import History
from test.simulation.server import Server


class Placed(Protocol):
    """What runs in a Pod, on a node."""

    namespace: str
    name: str
    uid: str
    node: int
    ip: str


class PodWrites:
    """The way from the nodes to the API server."""

    def __init__(self, server: Server, history: History) -> None:
        self._server = server
        self._history = history
        self._unsaid: dict[int, list[Callable[[], None]]] = {}
        """Of each node that is parted."""

    def part(self, node: int) -> bool:
        """Let nobody hear of a node, nor it of anybody; False if that is so already."""
        if node in self._unsaid:
            return False
        self._unsaid[node] = []
        return True

    def heal(self, node: int) -> None:
        """Let a node be heard of again."""
        for say in self._unsaid.pop(node, []):
            say()

    def holds_back(self, placed: Placed, act: Callable[[], None]) -> bool:
        """Whether its node is parted, so that it acts when it is back."""
        if placed.node not in self._unsaid:
            return False
        self._unsaid[placed.node].append(act)
        return True

    def bind(self, placed: Placed) -> bool:
        """From now on its deletion waits for the node; False if it was deleted meanwhile."""
        kind, node = self._server.kind(PODS), f"node-{placed.node}"
        try:
            self._server.perform(lambda core: core.bind(kind, placed.namespace, placed.name, node))
        except StatusError:
            return False
        return True

    def report(self, placed: Placed, status: Json) -> None:
        """A node says how a Pod does."""
        if not self.holds_back(placed, partial(self.report, placed, status)):
            self.write(placed, status)

    def write(self, placed: Placed, status: Json) -> None:
        """Somebody says how a Pod does, who need not hear of its node."""
        kind = self._server.kind(PODS)
        patch = {"metadata": {"uid": placed.uid}, "status": status}
        with suppress(StatusError), self._history.acting(f"node-{placed.node}"):
            self._server.perform(
                lambda core: core.patch(kind, placed.namespace, placed.name, patch, subresource="status")
            )
            ready = status["conditions"][0]["status"]
            self._history.note(f"pod {placed}: {status.get('phase', '')} {ready} {placed.ip}")

    def remove(self, placed: Placed) -> None:
        """A node confirms that a Pod has ended: it is gone."""
        if self.holds_back(placed, partial(self.remove, placed)):
            return
        kind, options = self._server.kind(PODS), DeleteOptions(uid=placed.uid, grace_period_seconds=0)
        with suppress(StatusError):
            self._server.perform(lambda core: core.delete(kind, placed.namespace, placed.name, options))
