"""An object of any kind that we read: it is understood, or refused in a line with the path of what is wrong."""

import json
from collections.abc import Callable
from typing import Any

from isoproxy.local.runtime.environment import program, references
from isoproxy.local.runtime.facts import CannotRun, Sandbox
from isoproxy.local.runtime.podspec import LocalPod, PodSpec, parse_pod, runnable
from isoproxy.model import manifests, proxies, proxyaccess
from isoproxy.model.dedicatedservice import DedicatedService, InvalidService, parse_service
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.jsontext import parse_json
from isoproxy.model.leaderlease import LeaderLease
from isoproxy.model.parsing import InvalidObject, parser
from isoproxy.model.pod import Pod
from isoproxy.model.proxies import ProxyImage
from isoproxy.model.proxylease import ProxyLease
from isoproxy.model.proxysettings import ProxySettings
from isoproxy.operator.childkinds import parse_child
from test.fuzz.failures import check_line

PARSERS: tuple[Callable[[Any], Any], ...] = (
    parse_service,
    parser(IsolationPod),
    parser(Pod),
    parser(ProxyLease),
    parser(LeaderLease),
    ProxySettings.from_config_map,
    parse_child,
    parse_pod,
)
IMAGE = ProxyImage("proxy:1")
MOST_ARGUMENT = 128 * 1024
"""Bytes of a word that Linux gives to a program."""
LONGEST = 365 * 86_400
"""Seconds that no limit of ours is beyond."""


def run(data: bytes) -> None:
    """``data`` is the object, as a watch brings it."""
    try:
        obj = parse_json(data)
    except ValueError as error:
        check_line(str(error))
        return
    if not isinstance(obj, dict):
        return  # a client refuses it
    for parse in PARSERS:
        try:
            made = parse(obj)
        except InvalidObject as error:
            check_line(str(error))
        else:
            _use(made)


def _use(made: Any) -> None:
    """Ask of it what the product asks."""
    for name in dir(type(made)):
        if isinstance(getattr(type(made), name), property):
            getattr(made, name)
    if isinstance(made, InvalidService):
        check_line(made.problem)
    elif isinstance(made, DedicatedService):
        _use_service(made)
    elif isinstance(made, ProxySettings):
        assert 0 <= made.listen_port < 65536
        limits = (made.queue.timeout_seconds, made.session.connect_timeout_seconds, made.session.max_duration_seconds)
        assert all(limit is None or 0 < limit < LONGEST for limit in limits)
    elif isinstance(made, LocalPod):
        _use_pod(made)


def _use_service(service: DedicatedService) -> None:
    made = json.dumps(
        [
            manifests.isolation_pod(service, "one"),
            manifests.network_policy(service),
            manifests.settings_config_map(service),
            proxies.deployment(service, IMAGE),
            proxies.client_service(service),
            proxyaccess.role(service),
        ]
    )
    assert len(made) < 50 * len(str(service)) + 20_000
    ProxySettings.from_config_map(manifests.settings_config_map(service))


def _use_pod(pod: LocalPod) -> None:
    try:
        spec = runnable(pod)
    except CannotRun as error:
        check_line(str(error))
    else:
        _command(pod, spec)


def _command(pod: LocalPod, spec: PodSpec) -> None:
    container = spec.containers[0]
    values = dict.fromkeys(references(container), "value")
    sandbox = Sandbox("127.0.0.2", {"POD_IP": "127.0.0.2"})
    try:
        command = program(pod, container, sandbox, node="node", values=values)
    except CannotRun as error:
        check_line(str(error))
    else:
        assert all(len(word) <= MOST_ARGUMENT for word in (*command.argv, *command.environment.values()))
