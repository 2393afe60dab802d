"""Which options of the command line go together: one that would be of no consequence is refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from isoproxy.settings import Role

Given = Mapping[str, Any]
"""Options by name; None, 0, [] or () is one that was not given."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """What each of ``options`` needs where it is given, and what is said where that is not so."""

    options: tuple[str, ...]
    holds: Callable[[Role, Given], bool]
    line: str
    """With ``{option}`` and ``{role}``."""


def _has_proxies(role: Role, _: Given) -> bool:
    return role in (Role.ALL, Role.PROXY)


def _has_operator(role: Role, _: Given) -> bool:
    return role in (Role.ALL, Role.OPERATOR)


def _is_operator_on_a_cluster(role: Role, given: Given) -> bool:
    return role is Role.OPERATOR and not given["local"]


_RULES = [
    _Rule(("files",), lambda _, given: given["local"], "FILEs are for --local; for a cluster, use kubectl apply"),
    _Rule(
        ("kubeconfig", "context"),
        lambda _, given: not given["local"],
        "--local brings its own API server: --kubeconfig and --context are for clusters",
    ),
    _Rule(("api-listen",), lambda _, given: given["local"], "--{option} is for --local: a cluster has its API server"),
    _Rule(
        ("listen",),
        lambda role, _: role is Role.PROXY,
        "--{option} is for --role proxy; services say their port themselves",
    ),
    _Rule(
        ("bind",),
        lambda _, given: given["listen"] is None,
        "--{option} and --listen both say where to listen: one of them is enough",
    ),
    _Rule(("bind", "drain-timeout"), _has_proxies, "--{option} is for proxies: --role {role} runs none"),
    _Rule(
        ("namespace",),
        _has_operator,
        "--{option} is for --role all and operator: --service names the one of a proxy",
    ),
    _Rule(
        ("proxy-grace",),
        lambda role, _: role is not Role.NONE,
        "--{option} is for operators and proxies: --role {role} runs neither",
    ),
    _Rule(("leader-elect", "proxy-image"), _is_operator_on_a_cluster, "--{option} is for --role operator on a cluster"),
    _Rule(
        ("leader-election-namespace", "leader-election-id"),
        lambda _, given: given["leader-elect"],
        "--{option} goes with --leader-elect",
    ),
    _Rule(
        (
            "proxy-pull-policy",
            "proxy-pull-secret",
            "proxy-ipv6",
            "api-server-port",
            "no-disruption-budgets",
            "no-unready-evictions",
        ),
        lambda _, given: given["proxy-image"] is not None,
        "--{option} goes with --proxy-image",
    ),
]


def problem(role: Role, given: Given) -> str | None:
    """Return one line about what does not go together, None where all of it does."""
    if role is Role.NONE and not given["local"]:
        return "--role none is for --local"
    if role is Role.PROXY and given["local"]:
        return "--role proxy needs an API server that is there: --local does not go with it"
    if (role is Role.PROXY) != bool(given["service"]):
        return "--role proxy and --service NAMESPACE/NAME go together"
    for rule in _RULES:
        for option in rule.options:
            if given[option] not in (None, 0, [], ()) and not rule.holds(role, given):
                return rule.line.format(option=option, role=role.value)
    return None
