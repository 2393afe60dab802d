"""What the operator deploys proxies as: what the design says of each object, as the Kubernetes API knows them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from kubernetes.client import V1Deployment, V1PodDisruptionBudget, V1Service

from isoproxy.model import manifests, names, proxies, proxyaccess
from isoproxy.model.dedicatedservice import DedicatedService, PullPolicy
from isoproxy.model.parsing import Json
from isoproxy.model.proxies import ProxyImage
from isoproxy.model.proxysettings import ProxySettings
from isoproxy.proxy import service as proxy_service
from isoproxy.tap import Options
from test.model.test_manifests import EVERYTHING, service

IMAGE = ProxyImage("isoproxy:1")
OBJECTS: list[Callable[[DedicatedService], Json]] = [
    manifests.settings_config_map,
    proxyaccess.network_policy,
    proxyaccess.service_account,
    proxyaccess.role,
    proxyaccess.role_binding,
    lambda of: proxies.deployment(of, IMAGE),
    proxies.client_service,
    lambda of: proxies.disruption_budget(of, IMAGE),
]


def deployment(image: ProxyImage = IMAGE, /, **spec: Any) -> Json:
    return proxies.deployment(service(**spec), image)


def template(image: ProxyImage = IMAGE, /, **spec: Any) -> Json:
    found = deployment(image, **spec)["spec"]["template"]
    assert isinstance(found, dict)
    return found


def container(image: ProxyImage = IMAGE, /, **spec: Any) -> Json:
    (found,) = template(image, **spec)["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def clients(**spec: Any) -> Json:
    found = proxies.client_service(service(service=spec))["spec"]
    assert isinstance(found, dict)
    return found


def options(**spec: Any) -> Options:
    """The command line of a proxy's container, as the program reads it."""
    found = Options()
    found.parseOptions(container(**spec)["args"])
    return found


@pytest.mark.parametrize("make", OBJECTS)
def test_all_of_them_belong_to_their_service_and_can_be_found(make: Callable[[DedicatedService], Json]) -> None:
    meta = make(service())["metadata"]
    (owner,) = meta["ownerReferences"]
    assert (meta["name"], meta["namespace"]) == ("chess-proxy", "games")
    assert (owner["kind"], owner["uid"], "blockOwnerDeletion" in owner) == ("DedicatedService", "service-uid", False)
    assert meta["labels"] == {
        "soh.re/service": "chess",
        "soh.re/service-uid": "service-uid",
        "app.kubernetes.io/name": "chess",
        "app.kubernetes.io/managed-by": "isoproxy",
        "app.kubernetes.io/component": "proxy",
    }


@pytest.mark.parametrize("spec", [{}, EVERYTHING], ids=["bare", "everything"])
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda of: proxies.deployment(of, IMAGE), V1Deployment),
        (proxies.client_service, V1Service),
        (lambda of: proxies.disruption_budget(of, IMAGE), V1PodDisruptionBudget),
    ],
)
def test_they_are_what_the_kubernetes_api_takes(
    make: Callable[[DedicatedService], Json], kind: Any, spec: Json
) -> None:
    made = make(service(**spec))
    assert kind.model_validate(made).model_dump(by_alias=True, exclude_none=True, mode="json") == made


class TestDeployment:
    def test_has_as_many_proxies_as_were_asked_for_also_while_it_is_rolled_out(self) -> None:
        found = deployment(proxy={"replicas": 3})["spec"]
        assert found["replicas"] == 3
        assert found["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}

    def test_selects_its_own_pods_and_never_those_of_another_service_of_its_name(self) -> None:
        found = deployment()["spec"]
        selector = found["selector"]["matchLabels"]
        assert selector == {names.LABEL_SERVICE_UID: "service-uid", names.LABEL_ROLE: "proxy"}
        assert selector.items() <= found["template"]["metadata"]["labels"].items()

    @pytest.mark.parametrize(
        "change",
        [
            {"queue": {"timeoutSeconds": 3}},
            {"session": {"idleTimeoutSeconds": 3, "connectTimeoutSeconds": 2}},
            {"service": {"port": 7000, "type": "NodePort", "annotations": {"a": "b"}}},
            {"image": "chess:2", "port": 7000, "replicas": 9, "maxPods": 99, "network": {"allowDNS": True}},
            {"proxy": {"replicas": 5}},
        ],
    )
    def test_no_proxy_is_replaced_for_what_can_change_without(self, change: Json) -> None:
        assert template(**change) == template()

    def test_a_proxy_may_do_nothing_it_does_not_need(self) -> None:
        pod, main = template()["spec"], container()
        assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        assert main["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert (pod["serviceAccountName"], pod["enableServiceLinks"]) == ("chess-proxy", False)

    def test_proxies_keep_to_different_nodes_where_they_can(self) -> None:
        (spread,) = template()["spec"]["topologySpreadConstraints"]
        assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")

    def test_a_proxy_is_never_the_first_to_be_killed_for_memory(self) -> None:
        assert container()["resources"]["requests"]["memory"]
        asked = {"limits": {"memory": "1Gi"}}
        assert container(proxy={"resources": asked})["resources"] == asked

    def test_a_service_says_where_its_proxies_run_and_what_is_on_them_beside_ours(self) -> None:
        asked, found = EVERYTHING["proxy"], template(**EVERYTHING)
        for field in ("nodeSelector", "tolerations", "priorityClassName"):
            assert found["spec"][field] == asked[field]
        assert found["metadata"]["annotations"] == asked["podAnnotations"]
        assert found["metadata"]["labels"] == template()["metadata"]["labels"] | {"team": "edge"}

    def test_says_no_more_than_was_asked_for_so_that_an_upgrade_rolls_no_proxy_out(self) -> None:
        assert set(template()) == {"metadata", "spec"}
        assert set(template()["metadata"]) == {"labels"}
        assert set(template()["spec"]) == {
            "serviceAccountName",
            "automountServiceAccountToken",
            "enableServiceLinks",
            "terminationGracePeriodSeconds",
            "securityContext",
            "topologySpreadConstraints",
            "containers",
        }

    def test_is_pulled_as_the_operator_was_told(self) -> None:
        image = ProxyImage("r.example/isoproxy:2", PullPolicy.ALWAYS, ("one", "two"))
        assert container(image)["image"] == "r.example/isoproxy:2"
        assert container(image)["imagePullPolicy"] == "Always"
        assert template(image)["spec"]["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]
        assert "imagePullSecrets" not in template()["spec"]

    def test_tells_its_proxies_apart_by_the_uids_of_their_pods(self) -> None:
        assert container()["env"] == [{"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}]


class TestCommandLine:
    def test_is_a_proxy_of_the_service(self) -> None:
        found = options()
        assert (found["role"], found["service"], found["proxy-grace"]) == ("proxy", "games/chess", 300)

    def test_listens_where_the_ports_and_probes_say(self) -> None:
        found, main = options(), container()
        ports = {port["name"]: port["containerPort"] for port in main["ports"]}
        assert found["listen"].split(":")[:2] == ["tcp", str(ports["clients"])]
        assert found["metrics-listen"] == f"tcp:{ports['metrics']}"
        assert found["health-listen"] == f"tcp:{ports['health']}"
        assert main["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
        assert main["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "health"}

    def test_listens_on_ipv6_where_the_operator_was_told_so(self) -> None:
        found = container(ProxyImage("i", ipv6=True))["args"]
        listening = [argument for argument in found if "listen=" in argument]
        assert len(listening) == 3
        assert all("-listen=tcp6:" in argument for argument in listening)

    @pytest.mark.parametrize(("longest", "drain"), [(None, 86405), (60, 65), (604800, 604800)])
    def test_gives_connections_all_the_time_that_one_may_take_and_the_kubelet_waits(
        self, longest: int | None, drain: int
    ) -> None:
        session = {} if longest is None else {"maxDurationSeconds": longest}
        assert options(session=session)["drain-timeout"] == drain
        last_words = template(session=session)["spec"]["terminationGracePeriodSeconds"] - drain
        needed = proxy_service.CUT_SECONDS + proxy_service.FLUSH_SECONDS + proxy_service.LAST_WORD_SECONDS
        assert last_words > needed

    def test_a_proxy_that_hangs_does_not_get_the_time_to_drain(self) -> None:
        assert container()["livenessProbe"]["terminationGracePeriodSeconds"] == proxies.HUNG_SECONDS
        assert template()["spec"]["terminationGracePeriodSeconds"] > proxies.HUNG_SECONDS

    def test_clusters_before_1_21_are_not_given_a_grace_that_they_do_not_know(self) -> None:
        assert "terminationGracePeriodSeconds" not in container(ProxyImage("i", budgets=False))["livenessProbe"]

    def test_a_slow_start_is_no_failure_and_a_slow_answer_none_either(self) -> None:
        main = container()
        start = main["startupProbe"]
        assert start["httpGet"] == main["livenessProbe"]["httpGet"]
        assert start["periodSeconds"] * start["failureThreshold"] >= 120
        assert deployment()["spec"]["progressDeadlineSeconds"] > start["periodSeconds"] * start["failureThreshold"]
        assert {main[probe]["timeoutSeconds"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")} == {5}

    def test_the_linger_is_that_of_the_proxy(self) -> None:
        assert proxies.LINGER_SECONDS >= proxy_service.LINGER_SECONDS


class TestService:
    def test_leads_its_port_to_where_proxies_listen_whatever_it_is(self) -> None:
        (port,) = clients(port=7000)["ports"]
        assert port == {"name": "clients", "protocol": "TCP", "port": 7000, "targetPort": "clients"}
        assert clients(port=0)["ports"][0]["port"] == 9090

    def test_leads_to_the_proxies(self) -> None:
        assert clients()["selector"].items() <= template()["metadata"]["labels"].items()

    def test_says_no_more_than_was_asked_for(self) -> None:
        assert set(clients()) == {"type", "selector", "ports"}
        assert "annotations" not in proxies.client_service(service())["metadata"]

    def test_has_what_was_asked_for(self) -> None:
        asked = {
            "type": "LoadBalancer",
            "nodePort": 30123,
            "loadBalancerClass": "example.com/internal",
            "loadBalancerSourceRanges": ["10.0.0.1/8"],
            "externalTrafficPolicy": "Local",
        }
        found = clients(**asked)
        assert found["ports"][0]["nodePort"] == 30123
        assert found["loadBalancerClass"] == "example.com/internal"
        assert found["loadBalancerSourceRanges"] == ["10.0.0.0/8"]
        assert (found["type"], found["externalTrafficPolicy"]) == ("LoadBalancer", "Local")
        made = proxies.client_service(service(service={"annotations": {"a": "b"}}))
        assert made["metadata"]["annotations"] == {"a": "b"}


@pytest.mark.parametrize("replicas", [1, 5])
def test_evictions_take_one_proxy_at_a_time_and_never_wait_for_ever(replicas: int) -> None:
    selector = deployment()["spec"]["selector"]
    of = service(proxy={"replicas": replicas})
    budget = proxies.disruption_budget(of, IMAGE)["spec"]
    assert budget == {"maxUnavailable": 1, "selector": selector, "unhealthyPodEvictionPolicy": "AlwaysAllow"}
    older = proxies.disruption_budget(of, replace(IMAGE, evicts_unready=False))["spec"]
    assert older == {"maxUnavailable": 1, "selector": selector}


def test_settings_of_deployed_proxies_name_the_port_that_they_listen_on_anyway() -> None:
    of = service(service={"port": 7000})
    told = ProxySettings.from_config_map(manifests.settings_config_map(of, listen_port=proxyaccess.CLIENTS_PORT))
    assert told.listen_port == 9090
    assert ProxySettings.from_config_map(manifests.settings_config_map(of)).listen_port == 7000
