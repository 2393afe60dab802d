"""NetworkPolicies: which directions they are about, and what makes one that nobody could enforce. Pure."""

import re
from ipaddress import ip_network
from typing import Any

from isoproxy.local.apiserver.errors import FieldError
from isoproxy.local.apiserver.kinds.kind import Behaviour
from isoproxy.local.apiserver.metadata import validate_labels
from isoproxy.local.apiserver.schema.formats import is_cidr

Json = dict[str, Any]
Errors = list[FieldError]

_PORT_NAME = re.compile(r"(?=[a-z0-9-]*[a-z])(?!.*--)[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?\Z")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_PEER_SELECTORS = ("podSelector", "namespaceSelector")


class NetworkPolicyBehaviour(Behaviour):
    def prepare_create(self, obj: Json) -> Json:
        spec = obj.get("spec") or {}
        if spec.get("policyTypes"):
            return obj
        return obj | {"spec": spec | {"policyTypes": ["Ingress", "Egress"] if "egress" in spec else ["Ingress"]}}

    def prepare_update(self, obj: Json, old: Json) -> Json:
        del old
        return self.prepare_create(obj)

    def validate(self, obj: Json, old: Json | None) -> Errors:
        del old
        spec = obj["spec"]
        errors = _selector(spec.get("podSelector") or {}, "spec.podSelector")
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            for index, rule in enumerate(spec.get(direction) or ()):
                errors += _rule(rule, peers, f"spec.{direction}[{index}]")
        for index, name in enumerate(spec["policyTypes"]):
            if name not in ("Ingress", "Egress"):
                errors.append(_unsupported(f"spec.policyTypes[{index}]", name, "Ingress", "Egress"))
        return errors


def _rule(rule: Json, peers: str, path: str) -> Errors:
    errors: Errors = []
    for index, port in enumerate(rule.get("ports") or ()):
        errors += _port(port, f"{path}.ports[{index}]")
    for index, peer in enumerate(rule.get(peers) or ()):
        errors += _peer(peer, f"{path}.{peers}[{index}]")
    return errors


def _port(stated: Json, path: str) -> Errors:
    errors: Errors = []
    port, end = stated.get("port"), stated.get("endPort")
    if stated["protocol"] not in ("TCP", "UDP", "SCTP"):
        errors.append(_unsupported(f"{path}.protocol", stated["protocol"], "SCTP", "TCP", "UDP"))
    if type(port) is int and not 1 <= port <= 65535:
        errors.append(FieldError("Invalid value", f"{path}.port", "must be between 1 and 65535, inclusive", port))
    if type(port) is str and not _PORT_NAME.match(port):
        detail = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
        errors.append(FieldError("Invalid value", f"{path}.port", detail, port))
    if end is not None and (type(port) is not int or not port <= end <= 65535):
        detail = "must be greater than or equal to `port`"
        errors.append(FieldError("Invalid value", f"{path}.endPort", detail, end))
    return errors


def _peer(peer: Json, path: str) -> Errors:
    block = peer.get("ipBlock")
    selectors = [name for name in _PEER_SELECTORS if name in peer]
    if block is None and not selectors:
        return [FieldError("Required value", path, "must specify a peer")]
    if block is not None and selectors:
        return [FieldError("Forbidden", path, "may not specify both ipBlock and another peer")]
    if block is not None:
        return _block(block, f"{path}.ipBlock")
    return [error for name in selectors for error in _selector(peer[name], f"{path}.{name}")]


def _block(block: Json, path: str) -> Errors:
    cidr = block.get("cidr") or ""
    if not cidr:
        return [FieldError("Required value", f"{path}.cidr")]
    if not is_cidr(cidr):
        return [_no_cidr(f"{path}.cidr", cidr)]
    errors: Errors = []
    for index, hole in enumerate(block.get("except") or ()):
        place = f"{path}.except[{index}]"
        if not is_cidr(hole):
            errors.append(_no_cidr(place, hole))
        elif not _inside(hole, cidr):
            detail = f"must be a strict subset of `cidr` {cidr}"
            errors.append(FieldError("Invalid value", place, detail, hole))
    return errors


def _inside(inner: str, outer: str) -> bool:
    small, large = ip_network(inner, strict=False), ip_network(outer, strict=False)
    if small.version != large.version or small.prefixlen <= large.prefixlen:
        return False
    return small.network_address in large


def _no_cidr(path: str, value: str) -> FieldError:
    return FieldError("Invalid value", path, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)", value)


def _selector(selector: Json, path: str) -> Errors:
    errors = validate_labels(selector.get("matchLabels") or {}, f"{path}.matchLabels")
    for index, term in enumerate(selector.get("matchExpressions") or ()):
        place = f"{path}.matchExpressions[{index}]"
        operator, values = term.get("operator"), term.get("values")
        if operator not in _OPERATORS:
            errors.append(FieldError("Invalid value", f"{place}.operator", "not a valid selector operator", operator))
        elif operator in ("In", "NotIn") and not values:
            detail = "must be specified when `operator` is 'In' or 'NotIn'"
            errors.append(FieldError("Required value", f"{place}.values", detail))
        elif operator not in ("In", "NotIn") and values:
            detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            errors.append(FieldError("Forbidden", f"{place}.values", detail))
        errors += validate_labels({term.get("key", ""): ""}, f"{place}.key")
    return errors


def _unsupported(path: str, value: Any, *supported: str) -> FieldError:
    listed = ", ".join(f'"{name}"' for name in supported)
    return FieldError("Unsupported value", path, f"supported values: {listed}", value)
