"""The columns of `kubectl get` for the built-in kinds. Pure. Times are seconds since the epoch."""

from typing import Any

from isoproxy.local.apiserver.kinds.durations import since
from isoproxy.local.apiserver.kinds.kind import Column, dig

Json = dict[str, Any]

NONE = "<none>"


def name(obj: Json, _: float) -> Any:
    return obj["metadata"].get("name", "")


def age(obj: Json, now: float) -> Any:
    return since(obj["metadata"].get("creationTimestamp"), now)


NAME = Column("Name", name, format="name", description="Name must be unique within a namespace.")
AGE = Column("Age", age, description="How long ago the object was created.")
DEFAULT = (NAME, AGE)


def _field(*path: str, empty: str = "") -> Any:
    return lambda obj, _: dig(obj, path) or empty


def _count(*path: str) -> Any:
    return lambda obj, _: sum(len(obj.get(key) or ()) for key in path)


CONFIG_MAPS = (NAME, Column("Data", _count("data", "binaryData"), "integer"), AGE)
SECRETS = (NAME, Column("Type", _field("type")), Column("Data", _count("data"), "integer"), AGE)
SERVICE_ACCOUNTS = (NAME, Column("Secrets", _count("secrets"), "integer"), AGE)
NAMESPACES = (NAME, Column("Status", _field("status", "phase")), AGE)
LEASES = (NAME, Column("Holder", _field("spec", "holderIdentity")), AGE)
CRDS = (NAME, Column("Created At", _field("metadata", "creationTimestamp"), "date"))


def _endpoints(obj: Json, _: float) -> Any:
    found = []
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            found += [f"{address.get('ip')}:{port.get('port')}" for address in subset.get("addresses") or ()]
    more = f" + {len(found) - 3} more..." if len(found) > 3 else ""
    return ",".join(found[:3]) + more or NONE


ENDPOINTS = (NAME, Column("Endpoints", _endpoints), AGE)


def selector_text(selector: Any) -> str:
    """A label selector as one string: `a=b,c in (d,e),!f`."""
    if type(selector) is not dict:
        return NONE
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for term in selector.get("matchExpressions") or ():
        key, operator, values = term.get("key"), term.get("operator"), ",".join(term.get("values") or ())
        words = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": f"{key}"}
        parts.append(words.get(operator, f"!{key}"))
    return ",".join(parts) or NONE


NETWORK_POLICIES = (
    NAME,
    Column("Pod-Selector", lambda obj, _: selector_text(dig(obj, ("spec", "podSelector")))),
    AGE,
)


def _ports(obj: Json, _: float) -> Any:
    found = []
    for port in dig(obj, ("spec", "ports")) or ():
        node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
        found.append(f"{port.get('port')}{node_port}/{port.get('protocol', 'TCP')}")
    return ",".join(found) or NONE


def _service_selector(obj: Json, _: float) -> Any:
    selector = dig(obj, ("spec", "selector")) or {}
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items())) or NONE


SERVICES = (
    NAME,
    Column("Type", _field("spec", "type")),
    Column("Cluster-IP", _field("spec", "clusterIP", empty=NONE)),
    Column("External-IP", lambda obj, _: ",".join(dig(obj, ("spec", "externalIPs")) or ()) or NONE),
    Column("Port(s)", _ports),
    AGE,
    Column("Selector", _service_selector, priority=1),
)


def _node_status(obj: Json, _: float) -> Any:
    conditions = dig(obj, ("status", "conditions")) or ()
    ready = next((item.get("status") for item in conditions if item.get("type") == "Ready"), None)
    words = ["Ready" if ready == "True" else "NotReady" if ready is not None else "Unknown"]
    if dig(obj, ("spec", "unschedulable")):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _node_roles(obj: Json, _: float) -> Any:
    prefix = "node-role.kubernetes.io/"
    labels = obj["metadata"].get("labels") or {}
    return ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix))) or NONE


def _node_address(kind: str) -> Any:
    def address(obj: Json, _: float) -> Any:
        found = dig(obj, ("status", "addresses")) or ()
        return next((item.get("address") for item in found if item.get("type") == kind), NONE)

    return address


def _node_info(key: str) -> Any:
    return _field("status", "nodeInfo", key, empty="<unknown>")


NODES = (
    NAME,
    Column("Status", _node_status),
    Column("Roles", _node_roles),
    AGE,
    Column("Version", _field("status", "nodeInfo", "kubeletVersion")),
    Column("Internal-IP", _node_address("InternalIP"), priority=1),
    Column("External-IP", _node_address("ExternalIP"), priority=1),
    Column("OS-Image", _node_info("osImage"), priority=1),
    Column("Kernel-Version", _node_info("kernelVersion"), priority=1),
    Column("Container-Runtime", _node_info("containerRuntimeVersion"), priority=1),
)


def _last_seen(obj: Json, now: float) -> Any:
    series = dig(obj, ("series", "lastObservedTime"))
    return since(series or obj.get("lastTimestamp") or obj.get("eventTime"), now)


def _first_seen(obj: Json, now: float) -> Any:
    return since(obj.get("firstTimestamp") or obj.get("eventTime"), now)


def _event_object(obj: Json, _: float) -> Any:
    about = obj.get("involvedObject") or {}
    return f"{about.get('kind', '').lower()}/{about['name']}" if about.get("name") else about.get("kind", "").lower()


def _event_source(obj: Json, _: float) -> Any:
    source = obj.get("source") or {}
    words = [
        source.get("component") or obj.get("reportingComponent"),
        source.get("host") or obj.get("reportingInstance"),
    ]
    return ", ".join(word for word in words if word)


EVENTS = (
    Column("Last Seen", _last_seen),
    Column("Type", _field("type")),
    Column("Reason", _field("reason")),
    Column("Object", _event_object),
    Column("Subobject", _field("involvedObject", "fieldPath"), priority=1),
    Column("Source", _event_source, priority=1),
    Column("Message", lambda obj, _: (obj.get("message") or "").strip()),
    Column("First Seen", _first_seen, priority=1),
    Column("Count", lambda obj, _: dig(obj, ("series", "count")) or obj.get("count") or 1, "integer", priority=1),
    Column("Name", name, format="name", priority=1),
)
