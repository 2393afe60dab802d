"""Namespaces that are deleted: what is in them goes by and by, on some clusters in any order, and then they too."""

from random import Random

from isoproxy.kube.resources import (
    CONFIG_MAPS,
    DEDICATED_SERVICES,
    ISOLATION_PODS,
    LEASES,
    NAMESPACES,
    NETWORK_POLICIES,
    PODS,
    Json,
    Resource,
)
from isoproxy.local.apiserver.errors import StatusError
from test.simulation.history import History
from test.simulation.oracle import Oracle
from test.simulation.server import Server
from test.simulation.timeline import Timeline

LATEST_LOOK = 7.0
"""A real controller begins after five seconds; until then nothing can be created, and nothing is deleted."""
LONGEST_EMPTYING = 10.0  # seconds
_KINDS = (DEDICATED_SERVICES, ISOLATION_PODS, PODS, LEASES, CONFIG_MAPS, NETWORK_POLICIES)


class Namespaces:
    """The controller of Namespaces: the server's own, which deletes pods first, and one as before Kubernetes 1.33."""

    def __init__(self, *, timeline: Timeline, random: Random, server: Server, history: History, oracle: Oracle) -> None:
        self._timeline = timeline
        self._random = random
        self._server = server
        self._history = history
        self._oracle = oracle
        self._walls = server.watch(NETWORK_POLICIES, None, self._excuse_walls)

    def create(self, name: str) -> bool:
        """Create a namespace; False while there is one of that name, if only for a while."""
        kind = self._server.kind(NAMESPACES)
        try:
            self._server.perform(lambda core: core.create(kind, "", {"metadata": {"name": name}}))
        except StatusError:
            return False
        self._history.note(f"namespace {name} is made")
        return True

    def delete(self, name: str) -> None:
        """Begin to delete a namespace, with all that is in it."""
        kind = self._server.kind(NAMESPACES)
        stored, _ = self._server.perform(lambda core: core.delete(kind, "", name))
        self._history.note(f"namespace {name} is deleted")
        for service in self._in(DEDICATED_SERVICES, name):
            self._oracle.doings.services.add(service["metadata"]["uid"])
        self._server.collects = False
        self._timeline.after(self._random.uniform(0.0, LATEST_LOOK), self._collect)
        if self._random.random() < 0.5:
            for resource in _KINDS:
                delay = self._random.uniform(0.0, LONGEST_EMPTYING)
                self._timeline.after(delay, self._empty, name, stored.object["metadata"]["uid"], resource)

    def _excuse_walls(self) -> None:
        """What falls with its namespace was not taken away by us."""
        for event in self._walls.take():
            meta = event.stored.object["metadata"]
            namespace = self._server.find(NAMESPACES, "", meta["namespace"])
            if event.type == "DELETED" and namespace is not None and "deletionTimestamp" in namespace["metadata"]:
                self._oracle.doings.walls.add(meta["name"])

    def _collect(self) -> None:
        self._server.collects = True

    def _empty(self, name: str, uid: str, resource: Resource) -> None:
        """Delete all objects of a kind, unless the namespace is another by now."""
        namespace = self._server.find(NAMESPACES, "", name)
        if namespace is None or namespace["metadata"]["uid"] != uid:
            return
        with self._history.acting("namespace controller"):
            for found in self._in(resource, name):
                self._delete(resource, found["metadata"])

    def _delete(self, resource: Resource, meta: Json) -> None:
        if resource == NETWORK_POLICIES:
            self._oracle.doings.walls.add(meta["name"])
        self._history.note(f"delete {resource.plural}/{meta['name']}")
        kind = self._server.kind(resource)
        self._server.perform(lambda core: core.delete(kind, meta["namespace"], meta["name"]))

    def _in(self, resource: Resource, name: str) -> list[Json]:
        return [one for one in self._server.objects(resource) if one["metadata"]["namespace"] == name]
