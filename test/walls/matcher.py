"""The table's cases as questions to a matcher of policies: labels and addresses for its parties, policies as made."""

import json
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from isoproxy.model import manifests, names
from isoproxy.model.dedicatedservice import DedicatedService, parse_service
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.parsing import Json, parse
from test.walls.terms import NETWORK, PORTS, Case, Party, Port, Setting

NAMESPACE = "games"


def service(name: str, uid: str, network: Mapping[str, object]) -> DedicatedService:
    """Return a service, parsed from its manifest."""
    parsed = parse_service(
        {
            "metadata": {"name": name, "namespace": NAMESPACE, "uid": uid},
            "spec": {"image": "chess:1", "port": PORTS[Port.SERVED], "network": network},
        }
    )
    assert isinstance(parsed, DedicatedService), parsed
    return parsed


OTHER = service("go", "uid-of-another", NETWORK[Setting.EVERYWHERE])
OLD = service("chess", "uid-of-old", NETWORK[Setting.CLOSED])


def ours(setting: Setting) -> DedicatedService:
    """Return the service whose wall is tried."""
    return service("chess", "uid-of-ours", NETWORK[setting])


def policies(setting: Setting) -> list[Json]:
    """Return the NetworkPolicies that the operator makes: the service's, then that of the other service."""
    in_use = {Port.SERVED, Port.EARLIER} if setting is Setting.PORT_CHANGED else {Port.SERVED}
    return [
        manifests.network_policy(ours(setting), ports_in_use={PORTS[port] for port in in_use}),
        manifests.network_policy(OTHER),
    ]


def passing(program: Path, walls: Mapping[Setting, Sequence[Json]], cases: Collection[Case]) -> set[Case]:
    """Return those of ``cases`` that get through, by the answers of one run of ``program`` (see its main.go)."""
    asked = {setting: [case for case in cases if case.setting is setting] for setting in walls}
    questions = [
        {"policies": walls[setting], "traffic": [_traffic(case) for case in of_setting]}
        for setting, of_setting in asked.items()
    ]
    run = subprocess.run([program], input=json.dumps(questions), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return {
        case
        for of_setting, answers in zip(asked.values(), json.loads(run.stdout), strict=True)
        for case, answer in zip(of_setting, answers, strict=True)
        if answer["egress"] and answer["ingress"]
    }


def _traffic(case: Case) -> Json:
    parties = _parties(ours(case.setting))
    return {
        "source": parties[case.promise.source],
        "destination": parties[case.promise.destination],
        "resolvedPort": PORTS[case.promise.port],
        "protocol": case.protocol.value,
    }


def _parties(service: DedicatedService) -> dict[Party, Json]:
    impostor = {names.LABEL_SERVICE_UID: "uid-of-nothing", names.LABEL_ROLE: names.ROLE_PROXY}
    return {
        Party.POD: _pod("10.244.0.1", _labels_of_pods(service)),
        Party.SIBLING: _pod("10.244.0.2", _labels_of_pods(service)),
        Party.PROXY: _pod("10.244.0.3", _labels_of_proxies(service)),
        Party.OTHER_POD: _pod("10.244.0.4", _labels_of_pods(OTHER)),
        Party.OTHER_PROXY: _pod("10.244.0.5", _labels_of_proxies(OTHER)),
        Party.OLD_PROXY: _pod("10.244.0.6", _labels_of_proxies(OLD)),
        Party.IMPOSTOR: _pod("10.244.0.7", impostor),
        Party.LIKENESS: _pod("10.244.0.8", _labels_of_proxies(service), namespace="elsewhere"),
        Party.NEIGHBOUR: _pod("10.244.0.9", {"app": "web"}),
        Party.STRANGER: _pod("10.244.0.10", {"app": "web"}, namespace="elsewhere"),
        Party.CLUSTER_DNS: _pod("10.244.0.11", {"k8s-app": "kube-dns"}, namespace="kube-system"),
        Party.LIKE_DNS: _pod("10.244.0.12", {"k8s-app": "kube-dns"}),
        Party.SYSTEM_POD: _pod("10.244.0.13", {"app": "web"}, namespace="kube-system"),
        Party.NODE: {"ip": "172.30.1.1"},
        Party.API_SERVER: {"ip": "172.30.1.2"},
        Party.METADATA: {"ip": "169.254.169.254"},
        Party.OPENED_HOST: {"ip": "198.51.100.1"},
        Party.HOST: {"ip": "203.0.113.1"},
        Party.OPENED_HOST_6: {"ip": "2001:db8:1::1"},
        Party.HOST_6: {"ip": "2001:db8:2::1"},
    }


def _pod(ip: str, labels: Mapping[str, str], *, namespace: str = NAMESPACE) -> Json:
    of_namespace = {"kubernetes.io/metadata.name": namespace}
    return {"ip": ip, "internal": {"podLabels": labels, "namespace": namespace, "namespaceLabels": of_namespace}}


def _labels_of_pods(service: DedicatedService) -> dict[str, str]:
    record = parse(IsolationPod, manifests.isolation_pod(service, f"{service.metadata.name}-x1"))
    labels: dict[str, str] = manifests.pod(service, record)["metadata"]["labels"]
    return labels


def _labels_of_proxies(service: DedicatedService) -> dict[str, str]:
    return {
        names.LABEL_SERVICE: service.metadata.name,
        names.LABEL_SERVICE_UID: service.metadata.uid,
        names.LABEL_ROLE: names.ROLE_PROXY,
    }
