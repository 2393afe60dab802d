"""Rights as RBAC has them, and those that somebody has made use of, as the API server's audit log tells."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from test.cluster.cluster import Cluster
from test.cluster.parts.controlplane import AUDIT
from test.running.api import Json

CREATED = 201
FORBIDDEN = 403


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one kind, such as ``isolationpods/status``: on the object of that name, or on all where it is ""."""

    group: str
    resource: str
    verb: str
    name: str = ""

    def covers(self, other: "Right") -> bool:
        """Whether who has this right has the other."""
        where = (self.group, self.resource, self.verb)
        return where == (other.group, other.resource, other.verb) and self.name in ("", other.name)


def granted(rules: Iterable[Json]) -> set[Right]:
    """Return the rights that the rules of a Role give."""
    return {
        Right(group, resource, verb, name)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    }


def uncovered(by: Iterable[Right], among: Iterable[Right]) -> list[Right]:
    """Return the rights ``among`` which there are some that none of the others covers."""
    holds = list(by)
    return sorted(one for one in among if not any(right.covers(one) for right in holds))


def unused(rights: Iterable[Right], by: Iterable[Right]) -> list[Right]:
    """Return the rights that nothing takes that was done with them."""
    uses = list(by)
    return sorted(right for right in rights if not any(right.covers(use) for use in uses))


@dataclass(frozen=True, slots=True)
class Asked:
    """A right that a request took, and in which namespace; "" is all of them."""

    right: Right
    namespace: str


class Asking:
    """What the programs in pods ask of the API server from now on."""

    def __init__(self, cluster: Cluster) -> None:
        self._path = cluster.files.log(AUDIT)
        self._start = self._path.stat().st_size

    def of(self, namespace: str, account: str) -> set[Asked]:
        """Return what was asked under a ServiceAccount, in vain too."""
        return {asked for event in self._events(namespace, account) for asked in _asked(event)}

    def refused(self, namespace: str, account: str, *, within: str) -> int:
        """Return how often something in the namespace ``within`` was forbidden to a ServiceAccount."""
        events = [event for event in self._events(namespace, account) if event["responseStatus"]["code"] == FORBIDDEN]
        return len([event for event in events if event["objectRef"].get("namespace") == within])

    def _events(self, namespace: str, account: str) -> list[Json]:
        user = f"system:serviceaccount:{namespace}:{account}"
        with self._path.open("rb") as file:
            file.seek(self._start)
            lines = [line for line in file if user.encode() in line and line.endswith(b"\n")]  # the last may be half
        return [event for event in map(json.loads, lines) if event["user"]["username"] == user]


def _asked(event: Json) -> Iterator[Asked]:
    """Yield what a request takes: an apply that has made an object was allowed to create it, too."""
    what, verb = event["objectRef"], event["verb"]
    resource = "/".join(filter(None, (what["resource"], what.get("subresource"))))
    verbs = ["create", verb] if verb == "patch" and event["responseStatus"]["code"] == CREATED else [verb]
    for one in verbs:
        right = Right(what.get("apiGroup", ""), resource, one, what.get("name", ""))
        yield Asked(right, what.get("namespace", ""))
