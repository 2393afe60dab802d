"""The composition root: command line in, an unstarted service out. Nothing else touches the global reactor."""

import getopt
import os
import re
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, ClassVar

from twisted.application.service import IService
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import (
    AdoptedStreamServerEndpoint,
    TCP4ServerEndpoint,
    TCP6ServerEndpoint,
    serverFromString,
)
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.python import usage

from isoproxy.app import Application
from isoproxy.exitstatus import exit_in_failure
from isoproxy.kube.config import ConfigError, Connection, load_connection, own_namespace
from isoproxy.model.dedicatedservice import PullPolicy
from isoproxy.model.leaderlease import LEASE_NAME
from isoproxy.model.proxies import ProxyImage
from isoproxy.model.proxyaccess import API_SERVER_PORTS
from isoproxy.optionrules import problem
from isoproxy.settings import Local, Role, ServiceName, Settings
from isoproxy.timesource import go_by_boottime

DEFAULTS = {
    "api-listen": "tcp:8001:interface=127.0.0.1",
    "proxy-pull-policy": PullPolicy.IF_NOT_PRESENT.value,
    "proxy-grace": "300",
}
"""Of options that are refused where they are of no consequence: taken once that has been looked at."""
LEAST_GRACE = 10
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SERVICE = re.compile(r"[a-z]([-a-z0-9]{0,48}[a-z0-9])?")
LONGEST = 7 * 86400
LAST_PORT = 65535


class Options(usage.Options):
    """The command line of ``twistd isoproxy``."""

    synopsis = "[options] [--local FILE...]"
    longdesc = (
        "Gives every TCP connection a pod of its own. With --local, everything runs on this machine: FILEs are"
        " manifests, folders of them, or - for standard input. Without it, the cluster of the kubeconfig (or of the"
        " pod that this runs in) is used."
    )
    optFlags: ClassVar[list[list[str | None]]] = [
        ["local", None, "run an API server and the pods inside this process, from the manifests in FILEs"],
        ["leader-elect", None, "with --role operator: act only while no other operator does"],
        ["proxy-ipv6", None, "have proxies listen on IPv6, too: for clusters whose pods have no other addresses"],
        ["no-disruption-budgets", None, "make none for proxies: clusters before 1.21 have no policy/v1"],
        ["no-unready-evictions", None, "have budgets say nothing of proxies that are not ready: before 1.27 none can"],
    ]
    optParameters: ClassVar[list[list[Any]]] = [
        ["role", None, Role.ALL.value, "all, operator, proxy; with --local also none: only API server and pods"],
        ["bind", None, None, "address that services listen on [127.0.0.1 with --local, else every address]"],
        [
            "api-listen",
            None,
            None,
            "with --local: endpoint of the API server. It asks nobody who they are: whoever can connect, any user of"
            f" this machine and any pod, can run programs as you and read every Secret [{DEFAULTS['api-listen']}]",
        ],
        ["kubeconfig", None, None, "kubeconfig file of the cluster"],
        ["context", None, None, "context in the kubeconfig"],
        ["service", None, None, "with --role proxy: the DedicatedService to serve, as NAMESPACE/NAME"],
        ["listen", None, None, "with --role proxy: endpoint for clients, such as tcp:9090 [the service's port]"],
        ["leader-election-namespace", None, None, "where operators agree on a leader [the pod's own, else default]"],
        ["leader-election-id", None, None, f"the Lease by which they agree [{LEASE_NAME}]"],
        ["proxy-image", None, None, "with --role operator: deploy each service's proxies, from this image"],
        ["proxy-pull-policy", None, None, "when to pull it: Always, Never [IfNotPresent]"],
        ["drain-timeout", None, None, "seconds that connections get to end at a stop [30; 0 with --local]"],
        ["proxy-grace", None, None, "seconds from a proxy's expiry to the end of its pods [300]"],
        ["metrics-listen", None, None, "endpoint for /metrics, /healthz and /readyz, such as tcp:8080"],
        ["health-listen", None, None, "endpoint for /healthz and /readyz alone, such as tcp:8081"],
    ]

    def __init__(self) -> None:
        usage.Options.__init__(self)
        self["namespace"] = []
        self["proxy-pull-secret"] = []
        self["api-server-port"] = []
        self["files"] = ()

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Take the command line; options may follow FILEs, as in ``--local a.yaml --role none``."""
        arguments = list(sys.argv[1:] if options is None else options)
        # What cannot be understood is left to the base class to say.
        with suppress(getopt.GetoptError):
            found, files = getopt.gnu_getopt(arguments, self.shortOpt, self.longOpt)
            arguments = [self._joined(*option) for option in found] + ["--", *files]
        usage.Options.parseOptions(self, arguments)

    def _joined(self, option: str, value: str) -> str:
        takes_value = f"{option.removeprefix('--')}=" in self.longOpt
        return f"{option}={value}" if takes_value else option

    def opt_namespace(self, namespace: str) -> None:
        """look after this namespace only (may be repeated) [every namespace]"""
        self["namespace"].append(namespace)

    def opt_proxy_pull_secret(self, name: str) -> None:
        """pull the proxies' image with this secret of the service's namespace (may be repeated)"""
        self["proxy-pull-secret"].append(name)

    def opt_api_server_port(self, text: str) -> None:
        """let proxies out to API servers on this port (may be repeated) [443, 6443, 8443, 16443]"""
        self["api-server-port"].append(_port("api-server-port", text))

    def parseArgs(self, *files: str) -> None:
        """Take the manifests."""
        self["files"] = files

    def postOptions(self) -> None:
        """Check what options say together; raises UsageError with one line."""
        self._check_role()
        for option, value in DEFAULTS.items():
            if self[option] is None:
                self[option] = value
        self._check_proxies()
        for name in ("metrics-listen", "health-listen"):
            _check_endpoint(name, self[name])
        for name in ("api-listen", "listen"):
            _check_tcp(name, _check_endpoint(name, self[name]))
        if self["bind"] and not (isIPAddress(self["bind"]) or isIPv6Address(self["bind"])):
            raise usage.UsageError(f"--bind: {self['bind']!r} is no IP address")
        for name in self["namespace"]:
            _check_name("namespace", name, "namespace")
        for option, kind in (("leader-election-namespace", "namespace"), ("leader-election-id", "Lease")):
            if self[option] is not None:
                _check_name(option, self[option], kind)
        self["proxy-grace"] = int(_seconds("proxy-grace", self["proxy-grace"], LEAST_GRACE))
        if self["drain-timeout"] is None:
            self["drain-timeout"] = "0" if self["local"] else "30"
        self["drain-timeout"] = _seconds("drain-timeout", self["drain-timeout"], 0)

    def _check_role(self) -> None:
        try:
            role = Role(self["role"])
        except ValueError:
            raise usage.UsageError(f"--role: {self['role']!r} is none of all, operator, proxy, none") from None
        if (line := problem(role, self)) is not None:
            raise usage.UsageError(line)

    def _check_proxies(self) -> None:
        policies = [policy.value for policy in PullPolicy]
        if self["proxy-image"] == "":
            raise usage.UsageError("--proxy-image: an empty name is no image")
        if self["proxy-pull-policy"] not in policies:
            raise usage.UsageError(
                f"--proxy-pull-policy: {self['proxy-pull-policy']!r} is none of {', '.join(policies)}"
            )

    def settings(self) -> Settings:
        """Return the settings of these options; raises UsageError where the cluster's configuration is unusable."""
        local = Local(self["api-listen"], tuple(self["files"])) if self["local"] else None
        return Settings(
            role=Role(self["role"]),
            local=local,
            connection=None if local else self._connection(),
            namespaces=tuple(self["namespace"]),
            election_namespace=self._election_namespace(),
            election_lease=self["leader-election-id"] or LEASE_NAME,
            proxies=self._proxies(),
            service=_service_name(self["service"]),
            bind=self["bind"] if self["bind"] is not None else ("127.0.0.1" if local else ""),
            listen=self["listen"] or "",
            metrics_listen=self["metrics-listen"] or "",
            health_listen=self["health-listen"] or "",
            drain_timeout=self["drain-timeout"],
            proxy_grace=self["proxy-grace"],
            pod_uid=os.environ.get("POD_UID", ""),
        )

    def _election_namespace(self) -> str:
        if not self["leader-elect"]:
            return ""
        return self["leader-election-namespace"] or own_namespace() or "default"

    def _proxies(self) -> ProxyImage | None:
        if self["proxy-image"] is None:
            return None
        return ProxyImage(
            self["proxy-image"],
            pull_policy=PullPolicy(self["proxy-pull-policy"]),
            pull_secrets=tuple(self["proxy-pull-secret"]),
            grace_seconds=self["proxy-grace"],
            budgets=not self["no-disruption-budgets"],
            evicts_unready=not self["no-unready-evictions"],
            api_server_ports=tuple(self["api-server-port"]) or API_SERVER_PORTS,
            ipv6=bool(self["proxy-ipv6"]),
        )

    def _connection(self) -> Connection:
        try:
            return load_connection(self["kubeconfig"], self["context"])
        except ConfigError as error:
            raise usage.UsageError(str(error)) from error


def _service_name(text: str | None) -> ServiceName | None:
    if not text:
        return None
    namespace, _, name = text.partition("/")
    if not (_NAME.fullmatch(namespace) and _SERVICE.fullmatch(name)):
        raise usage.UsageError(f"--service: {text!r} is not NAMESPACE/NAME of a DedicatedService")
    return ServiceName(namespace, name)


def _seconds(option: str, text: str, least: int) -> float:
    try:
        value = float(text)
    except ValueError:
        raise usage.UsageError(f"--{option}: {text!r} is no number of seconds") from None
    if not least <= value <= LONGEST:
        raise usage.UsageError(f"--{option}: {text} is not between {least} seconds and a week")
    return value


def _port(option: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= LAST_PORT):
        raise usage.UsageError(f"--{option}: {text!r} is no port")
    return int(text)


def _check_name(option: str, name: str, kind: str) -> None:
    if not _NAME.fullmatch(name):
        raise usage.UsageError(f"--{option}: {name!r} is no name of a {kind}")


def _check_endpoint(option: str, description: str | None) -> IStreamServerEndpoint | None:
    from twisted.internet import reactor

    if description is None:
        return None
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
    except Exception as error:  # the parser raises whatever a wrong argument happens to cause
        raise usage.UsageError(f"--{option}: {description!r} is no endpoint description: {error}") from error
    return endpoint


def _check_tcp(option: str, endpoint: IStreamServerEndpoint | None) -> None:
    """Refuse what is no bare TCP: clients' sockets are taken from Twisted as they are, and the API has a URL."""
    is_tcp = isinstance(endpoint, (TCP4ServerEndpoint, TCP6ServerEndpoint)) or (
        isinstance(endpoint, AdoptedStreamServerEndpoint) and endpoint.addressFamily != socket.AF_UNIX
    )
    if endpoint is not None and not is_tcp:
        raise usage.UsageError(f"--{option} takes tcp, tcp6 and systemd: what comes over anything else is not served")


def makeService(options: Options) -> IService:
    """Return the program that ``options`` describe, not started yet."""
    from twisted.internet import reactor

    try:
        settings = options.settings()
    except usage.UsageError as error:
        raise SystemExit(f"isoproxy: {error}") from error
    go_by_boottime(reactor)
    return Application(reactor, settings, on_failure=exit_in_failure)
