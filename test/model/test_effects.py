"""Every field of a DedicatedService's spec has an effect, and just where it is said to have one."""

from typing import Any

import pytest

from isoproxy.model import manifests, proxies, proxyaccess
from isoproxy.model.dedicatedservice import DedicatedService, DedicatedServiceSpec
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.parsing import Json, parse
from test.model.schemas import leaves
from test.operator.builders import Scene, made

POD, RECORD, POLICY, SETTINGS, PLANNER = "pod", "record", "policy", "settings", "planner"
PROXIES, PROXY_POLICY, CLIENTS = "the proxies' deployment", "the proxies' policy", "the clients' service"

# For each field: another value than the default, and where that shows.
EFFECTS: dict[str, tuple[Any, set[str]]] = {
    "image": ("chess:2", {POD}),
    "port": (7000, {POD, POLICY, RECORD, PROXY_POLICY}),
    "replicas": (4, {PLANNER}),
    "maxPods": (2, {PLANNER}),
    "command": (["/chess"], {POD}),
    "args": (["--fast"], {POD}),
    "env": ([{"name": "LEVEL", "value": "3"}], {POD}),
    "resources": ({"limits": {"cpu": "1"}}, {POD}),
    "imagePullPolicy": ("Always", {POD}),
    "imagePullSecrets": ([{"name": "pull"}], {POD}),
    "nodeSelector": ({"disk": "ssd"}, {POD}),
    "tolerations": ([{"operator": "Exists"}], {POD}),
    "affinity": ({"nodeAffinity": {}}, {POD}),
    "runtimeClassName": ("gvisor", {POD}),
    "volumes": ([{"name": "v", "emptyDir": {}}], {POD}),
    "volumeMounts": ([{"name": "v", "mountPath": "/v"}], {POD}),
    "readinessProbe": ({"tcpSocket": {"port": 1}}, {POD}),
    "securityContext": ({"runAsUser": 1}, {POD}),
    "containerSecurityContext": ({"readOnlyRootFilesystem": True}, {POD}),
    "priorityClassName": ("low", {POD}),
    "podLabels": ({"team": "games"}, {POD}),
    "podAnnotations": ({"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}, {POD}),
    "terminationGracePeriodSeconds": (5, {POD}),
    "service.type": ("NodePort", {CLIENTS}),
    "service.port": (7000, {SETTINGS, CLIENTS}),
    "service.annotations": ({"a": "b"}, {CLIENTS}),
    "service.nodePort": (30000, {CLIENTS}),
    "service.loadBalancerClass": ("example.com/internal", {CLIENTS}),
    "service.loadBalancerSourceRanges": (["10.0.0.0/8"], {CLIENTS}),
    "service.externalTrafficPolicy": ("Local", {CLIENTS}),
    "proxy.replicas": (2, {PROXIES}),
    "proxy.resources": ({"limits": {"cpu": "1"}}, {PROXIES}),
    "proxy.nodeSelector": ({"disk": "ssd"}, {PROXIES}),
    "proxy.tolerations": ([{"operator": "Exists"}], {PROXIES}),
    "proxy.priorityClassName": ("high", {PROXIES}),
    "proxy.podLabels": ({"team": "games"}, {PROXIES}),
    "proxy.podAnnotations": ({"karpenter.sh/do-not-disrupt": "true"}, {PROXIES}),
    "queue.timeoutSeconds": (1, {SETTINGS}),
    "queue.maxLength": (0, {SETTINGS}),
    "session.connectTimeoutSeconds": (1, {SETTINGS}),
    "session.idleTimeoutSeconds": (1, {SETTINGS}),
    "session.maxDurationSeconds": (1, {SETTINGS, PROXIES}),
    "network.allowDNS": (True, {POLICY}),
    "network.allowedCIDRs": (["10.0.0.0/8"], {POLICY}),
}


def service(path: str = "", value: Any = None) -> DedicatedService:
    """A service of which one field differs from the defaults."""
    spec: Json = {"image": "chess:1"}
    if path:
        name, _, inner = path.partition(".")
        spec[name] = {inner: value} if inner else value
    return parse(DedicatedService, {"metadata": {"name": "s", "uid": "u"}, "spec": spec})


def effects(of: DedicatedService) -> dict[str, Any]:
    """What is made of a service, part by part."""
    template = manifests.template_hash(of)
    record = manifests.isolation_pod(of, "p")
    assert record["metadata"]["labels"].pop("soh.re/template") == template
    pod = manifests.pod(of, parse(IsolationPod, record))
    scene = Scene().proxy("a", queued=3)
    scene.service = of
    scene.stand()
    image = proxies.ProxyImage("isoproxy:1")
    return {
        POD: pod,
        "template": template,
        RECORD: record,
        POLICY: manifests.network_policy(of),
        SETTINGS: manifests.settings_config_map(of)["data"],
        PROXY_POLICY: proxyaccess.network_policy(of),
        PROXIES: proxies.deployment(of, image),
        CLIENTS: proxies.client_service(of),
        PLANNER: made(scene.plan()),
    }


def test_the_list_has_every_field() -> None:
    assert list(EFFECTS) == list(leaves(DedicatedServiceSpec))


@pytest.mark.parametrize("path", EFFECTS)
def test_a_field_shows_where_it_should_and_nowhere_else(path: str) -> None:
    value, expected = EFFECTS[path]
    plain, changed = effects(service()), effects(service(path, value))
    template_changed = plain.pop("template") != changed.pop("template")
    differing = {part for part in plain if plain[part] != changed[part]}
    assert differing == expected
    assert template_changed == (POD in expected), "pods are replaced when, and only when, they would be made otherwise"
