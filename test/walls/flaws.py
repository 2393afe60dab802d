"""Mistakes that the operator could make in a NetworkPolicy, each with a promise of the table that would tell."""

from dataclasses import dataclass

from isoproxy.model.parsing import Json
from test.walls.terms import OPENED, Setting


@dataclass(frozen=True, slots=True)
class Flaw:
    """A mistake as a JSON patch (RFC 6902) of the policy as it is made, and the name of a promise that it breaks."""

    name: str
    patch: tuple[Json, ...]
    breaks: str
    setting: Setting = Setting.CLOSED


def _remove(path: str) -> tuple[Json, ...]:
    return ({"op": "remove", "path": path},)


def _put(path: str, value: object) -> tuple[Json, ...]:
    return ({"op": "add", "path": path, "value": value},)  # in an object this replaces, in a list it inserts


AROUND = "/spec/podSelector/matchLabels"
FROM = "/spec/ingress/0/from"
FROM_LABELS = f"{FROM}/0/podSelector/matchLabels"
NAME = "soh.re~1service"
UID = "soh.re~1service-uid"
ROLE = "soh.re~1role"

FLAWS = (
    Flaw("around pods of all services", _remove(f"{AROUND}/{UID}"), "a proxy reaches no pod of another service"),
    Flaw("around the proxies too", _remove(f"{AROUND}/{ROLE}"), "proxies themselves are not walled in"),
    Flaw("around the whole namespace", _put("/spec/podSelector", {}), "neighbours are not walled off"),
    Flaw(
        "in another namespace", _put("/metadata/namespace", "elsewhere"), "no neighbour in the namespace reaches a pod"
    ),
    Flaw("ways in left open", _remove("/spec/policyTypes/0"), "no host of the internet reaches a pod"),
    Flaw("ways out left open", _remove("/spec/policyTypes/1"), "a pod reaches no host outside of it"),
    Flaw("nobody let in", _put("/spec/ingress", []), "a proxy reaches its service's pods, by TCP"),
    Flaw("in from anywhere", _remove(FROM), "no host that pods may call reaches a pod"),
    Flaw("in from the namespace", _put(f"{FROM}/0/podSelector", {}), "no neighbour in the namespace reaches a pod"),
    Flaw(
        "in from proxies of any uid", _remove(f"{FROM_LABELS}/{UID}"), "the label of a proxy's role alone opens nothing"
    ),
    Flaw(
        "in from a proxy by its name",
        _remove(f"{FROM_LABELS}/{UID}") + _put(f"{FROM_LABELS}/{NAME}", "chess"),
        "a proxy of an older service of the same name reaches no pod",
    ),
    Flaw(
        "in from any role",
        _remove(f"{FROM_LABELS}/{ROLE}"),
        "no pod reaches another one of its service",
        Setting.EVERYWHERE,  # else what goes out is refused before it could come in
    ),
    Flaw(
        "in from any namespace",
        _put(f"{FROM}/0/namespaceSelector", {}),
        "a proxy's labels open nothing in another namespace",
    ),
    Flaw(
        "in from any address",
        _put(f"{FROM}/1", {"ipBlock": {"cidr": "::/0"}}),
        "no host of the IPv6 internet reaches a pod",
    ),
    Flaw("in on every port", _remove("/spec/ingress/0/ports"), "a proxy reaches no other port of them"),
    Flaw("in on a wrong port", _put("/spec/ingress/0/ports/0/port", 443), "a proxy reaches its service's pods, by TCP"),
    Flaw("in by UDP", _put("/spec/ingress/0/ports/0/protocol", "UDP"), "a proxy reaches its service's pods, by TCP"),
    Flaw(
        "in on the new port alone",
        _remove("/spec/ingress/0/ports/0"),
        "a proxy reaches the earlier port while pods with it are in use, and no longer",
        Setting.PORT_CHANGED,
    ),
    Flaw("everything opened", _put("/spec/egress", [{}]), "a pod does not reach the cloud's metadata"),
    Flaw(
        "DNS by UDP alone",
        _remove("/spec/egress/0/ports/1"),
        "a pod reaches the cluster's DNS where it is opened",
        Setting.DNS,
    ),
    Flaw("DNS by any host", _remove("/spec/egress/0/to"), "opening DNS opens its port on no host", Setting.DNS),
    Flaw(
        "DNS by any pod of the system",
        _remove("/spec/egress/0/to/0/podSelector"),
        "opening DNS opens no other pod of the system",
        Setting.DNS,
    ),
    Flaw(
        "DNS by pods of any namespace",
        _put("/spec/egress/0/to/0/namespaceSelector", {}),
        "opening DNS opens no pod of users, whatever its label",
        Setting.DNS,
    ),
    Flaw("DNS on every port", _remove("/spec/egress/0/ports"), "opening DNS opens no other port of it", Setting.DNS),
    Flaw(
        "DNS in an opened network alone",
        _put("/spec/egress/0/to", [{"ipBlock": {"cidr": OPENED}}]),
        "a pod reaches the cluster's DNS where it is opened",
        Setting.BOTH,
    ),
    Flaw(
        "a wider network",
        _put("/spec/egress/0/to/0/ipBlock/cidr", "0.0.0.0/0"),
        "a pod does not reach the API server",
        Setting.CIDR,
    ),
    Flaw(
        "a narrower network",
        _put("/spec/egress/0/to/0/ipBlock/except", ["198.51.100.0/28"]),
        "a pod reaches hosts in the opened network",
        Setting.CIDR,
    ),
)
