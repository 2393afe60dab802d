"""The objects that are made for a service: what the design says of each, as the Kubernetes API knows them."""

from dataclasses import replace
from typing import Any

import pytest
from kubernetes.client import V1ConfigMap, V1NetworkPolicy, V1Pod

from isoproxy.model import manifests, names
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.parsing import InvalidObject, Json, parse
from isoproxy.model.pod import Pod
from isoproxy.model.proxysettings import KEY, ProxySettings

EVERYTHING: Json = {
    "image": "registry.example/chess:2",
    "port": 7000,
    "replicas": 3,
    "maxPods": 30,
    "command": ["/chess"],
    "args": ["--listen", "$(POD_IP):$(PORT)"],
    "env": [{"name": "LEVEL", "value": "3"}, {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
    "resources": {"limits": {"memory": "64Mi", "cpu": "500m"}, "requests": {"cpu": "100m"}},
    "imagePullPolicy": "IfNotPresent",
    "imagePullSecrets": [{"name": "pull"}],
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "games", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 5}],
    "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "runtimeClassName": "gvisor",
    "volumes": [{"name": "books", "configMap": {"name": "openings"}}],
    "volumeMounts": [{"name": "books", "mountPath": "/books", "readOnly": True}],
    "readinessProbe": {"tcpSocket": {"port": 7000}},
    "securityContext": {"runAsNonRoot": True, "runAsUser": 1000},
    "containerSecurityContext": {"capabilities": {"drop": ["ALL"]}},
    "priorityClassName": "low",
    "podLabels": {"team": "games"},
    "podAnnotations": {"karpenter.sh/do-not-disrupt": "true"},
    "terminationGracePeriodSeconds": 0,
    "service": {"type": "NodePort", "port": 9000, "annotations": {"a": "b"}},
    "proxy": {
        "replicas": 2,
        "resources": {"limits": {"memory": "1Gi"}},
        "nodeSelector": {"net": "fast"},
        "tolerations": [{"key": "edge", "operator": "Exists"}],
        "priorityClassName": "high",
        "podLabels": {"team": "edge"},
        "podAnnotations": {"sidecar.istio.io/inject": "false"},
    },
    "queue": {"timeoutSeconds": 5, "maxLength": 6},
    "session": {"connectTimeoutSeconds": 1, "idleTimeoutSeconds": 2, "maxDurationSeconds": 3},
    "network": {"allowDNS": True, "allowedCIDRs": ["10.0.0.0/8", "fd00::/8"]},
}


def service(**spec: Any) -> DedicatedService:
    metadata = {"name": "chess", "namespace": "games", "uid": "service-uid"}
    return parse(DedicatedService, {"metadata": metadata, "spec": {"image": "chess:1"} | spec})


def record(of: DedicatedService, name: str = "chess-x1") -> IsolationPod:
    """The record of a pod as the API server returns it."""
    made = manifests.isolation_pod(of, name)
    return parse(IsolationPod, made | {"metadata": made["metadata"] | {"uid": f"uid-of-{name}"}})


def pod(**spec: Any) -> Json:
    of = service(**spec)
    return manifests.pod(of, record(of))


def container(**spec: Any) -> Json:
    (found,) = pod(**spec)["spec"]["containers"]
    assert isinstance(found, dict)
    return found


class TestIsolationPod:
    def test_names_its_service_and_pod_and_nothing_that_is_not_known_yet(self) -> None:
        made = manifests.isolation_pod(service(port=7000), "chess-x1")
        assert made["spec"] == {"serviceName": "chess", "podName": "chess-x1", "port": 7000}
        assert "status" not in made

    def test_belongs_to_its_service_by_label_and_owner(self) -> None:
        made = record(service())
        assert made.metadata.service_uid == "service-uid"
        assert made.metadata.owner_uid("DedicatedService") == "service-uid"
        assert made.metadata.namespace == "games"

    def test_remembers_the_template_of_its_pod(self) -> None:
        assert record(service()).template == manifests.template_hash(service())


@pytest.mark.parametrize("spec", [{}, EVERYTHING], ids=["bare", "everything"])
class TestPod:
    def test_is_one_that_the_kubernetes_api_takes(self, spec: Json) -> None:
        made = pod(**spec)
        assert V1Pod.model_validate(made).model_dump(by_alias=True, exclude_none=True, mode="json") == made

    def test_has_one_life(self, spec: Json) -> None:
        assert pod(**spec)["spec"]["restartPolicy"] == "Never"

    def test_is_owned_by_its_record_alone_which_nothing_has_to_wait_for(self, spec: Json) -> None:
        (owner,) = pod(**spec)["metadata"]["ownerReferences"]
        assert owner == {
            "apiVersion": "soh.re/v1alpha1",
            "kind": "IsolationPod",
            "name": "chess-x1",
            "uid": "uid-of-chess-x1",
            "controller": True,
        }

    def test_has_the_name_of_its_record_and_where_it_belongs_in_its_labels(self, spec: Json) -> None:
        made = parse(Pod, pod(**spec))
        assert (made.metadata.name, made.metadata.namespace) == ("chess-x1", "games")
        assert made.metadata.service_uid == "service-uid"
        assert made.isolated

    def test_is_walled_in_by_default(self, spec: Json) -> None:
        made = pod(**spec)["spec"]
        assert made["automountServiceAccountToken"] is False
        assert made["enableServiceLinks"] is False
        assert made["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container(**spec)["securityContext"]["allowPrivilegeEscalation"] is False

    def test_tells_its_program_where_it_is(self, spec: Json) -> None:
        env = {entry["name"]: entry for entry in container(**spec)["env"]}
        assert env["POD_IP"]["valueFrom"] == {"fieldRef": {"fieldPath": "status.podIP"}}
        assert env["POD_NAME"]["value"] == "chess-x1"
        assert env["PORT"]["value"] == str(spec.get("port", 8080))

    def test_opens_the_service_s_port(self, spec: Json) -> None:
        (port,) = container(**spec)["ports"]
        assert port["containerPort"] == spec.get("port", 8080)


class TestPodFields:
    def test_a_bare_pod_says_no_more_than_it_must(self) -> None:
        assert set(pod()["spec"]) == {
            "restartPolicy",
            "automountServiceAccountToken",
            "enableServiceLinks",
            "terminationGracePeriodSeconds",
            "securityContext",
            "containers",
        }
        assert set(container()) == {"name", "image", "ports", "env", "securityContext"}

    def test_without_a_readiness_probe_in_the_service_none_is_added(self) -> None:
        """A probe would be the one connection of a program that serves one."""
        assert not {"readinessProbe", "livenessProbe", "startupProbe"} & set(container())

    def test_a_pod_ends_within_a_second_unless_told_otherwise(self) -> None:
        assert pod()["spec"]["terminationGracePeriodSeconds"] == 1
        assert pod(terminationGracePeriodSeconds=0)["spec"]["terminationGracePeriodSeconds"] == 0

    @pytest.mark.parametrize(
        "field", ["imagePullSecrets", "nodeSelector", "tolerations", "affinity", "runtimeClassName"]
    )
    def test_pod_fields_are_passed_on_as_they_are(self, field: str) -> None:
        assert pod(**EVERYTHING)["spec"][field] == EVERYTHING[field]

    @pytest.mark.parametrize("field", ["volumes", "priorityClassName"])
    def test_further_pod_fields_are_too(self, field: str) -> None:
        assert pod(**EVERYTHING)["spec"][field] == EVERYTHING[field]

    @pytest.mark.parametrize(
        "field", ["image", "imagePullPolicy", "command", "args", "resources", "volumeMounts", "readinessProbe"]
    )
    def test_container_fields_are_passed_on_as_they_are(self, field: str) -> None:
        assert container(**EVERYTHING)[field] == EVERYTHING[field]

    def test_the_service_s_environment_follows_ours_so_that_it_may_refer_to_it(self) -> None:
        env = container(**EVERYTHING)["env"]
        assert [entry["name"] for entry in env] == ["POD_IP", "POD_NAME", "PORT", "LEVEL", "KEY"]
        assert env[3:] == EVERYTHING["env"]

    def test_the_service_s_security_context_is_laid_over_ours(self) -> None:
        context = pod(**EVERYTHING)["spec"]["securityContext"]
        assert context == {"seccompProfile": {"type": "RuntimeDefault"}, "runAsNonRoot": True, "runAsUser": 1000}
        own = {"seccompProfile": {"type": "Unconfined"}}
        assert pod(securityContext=own)["spec"]["securityContext"] == own

    def test_so_is_that_of_its_container(self) -> None:
        context = container(**EVERYTHING)["securityContext"]
        assert context == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        own = {"allowPrivilegeEscalation": True}
        assert container(containerSecurityContext=own)["securityContext"] == own

    def test_the_service_s_labels_and_annotations_are_beside_ours(self) -> None:
        asked, bare = pod(**EVERYTHING)["metadata"], pod()["metadata"]
        assert asked["annotations"] == EVERYTHING["podAnnotations"]
        assert "annotations" not in bare
        assert set(asked["labels"]) == {"team", *bare["labels"]}
        assert asked["labels"]["team"] == "games"

    def test_two_pods_of_a_service_differ_in_their_names_only(self) -> None:
        of = service(**EVERYTHING)
        one, other = (manifests.pod(of, record(of, name)) for name in ("chess-x1", "chess-x2"))
        assert one != other
        assert str(one).replace("chess-x1", "") == str(other).replace("chess-x2", "")


def policy(**spec: Any) -> Json:
    return manifests.network_policy(service(**spec))


@pytest.mark.parametrize("spec", [{}, EVERYTHING], ids=["bare", "everything"])
class TestNetworkPolicy:
    def test_is_one_that_the_kubernetes_api_takes(self, spec: Json) -> None:
        made = V1NetworkPolicy.model_validate(policy(**spec))
        # Some names of this kind are reserved words of Python: what is read is compared, not what is written back.
        assert made.spec.policy_types == ["Ingress", "Egress"]
        assert made.metadata.name == "chess-pods"

    def test_is_around_exactly_the_service_s_pods(self, spec: Json) -> None:
        selector = policy(**spec)["spec"]["podSelector"]
        assert set(selector) == {"matchLabels"}
        labels = pod(**spec)["metadata"]["labels"]
        assert selector["matchLabels"].items() <= labels.items()
        assert selector["matchLabels"] == {names.LABEL_SERVICE_UID: "service-uid", names.LABEL_ROLE: "pod"}

    def test_lets_in_only_the_service_s_proxies_on_its_port(self, spec: Json) -> None:
        proxies = {"matchLabels": {names.LABEL_SERVICE_UID: "service-uid", names.LABEL_ROLE: "proxy"}}
        assert policy(**spec)["spec"]["ingress"] == [
            {
                "from": [{"podSelector": proxies}],
                "ports": [{"protocol": "TCP", "port": spec.get("port", 8080)}],
            }
        ]

    def test_has_no_owner_with_which_it_would_go_before_the_pods(self, spec: Json) -> None:
        assert "ownerReferences" not in policy(**spec)["metadata"]


class TestEgress:
    RESOLVERS = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    DNS = {"to": [RESOLVERS], "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}

    def test_is_denied_entirely_unless_opened(self) -> None:
        assert policy()["spec"]["egress"] == []

    def test_is_opened_to_the_cluster_s_dns_alone(self) -> None:
        assert policy(network={"allowDNS": True})["spec"]["egress"] == [self.DNS]

    def test_is_opened_to_the_cidrs_alone(self) -> None:
        opened = policy(network={"allowedCIDRs": ["10.0.0.0/8", "fd00::/8"]})["spec"]["egress"]
        assert opened == [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}, {"ipBlock": {"cidr": "fd00::/8"}}]}]

    def test_is_opened_for_both(self) -> None:
        assert len(policy(**EVERYTHING)["spec"]["egress"]) == 2


@pytest.mark.parametrize("spec", [{}, EVERYTHING], ids=["bare", "everything"])
class TestSettings:
    def test_is_a_config_map_that_the_kubernetes_api_takes(self, spec: Json) -> None:
        made = manifests.settings_config_map(service(**spec))
        assert V1ConfigMap.model_validate(made).model_dump(by_alias=True, exclude_none=True, mode="json") == made
        assert made["metadata"]["name"] == "chess-proxy"
        assert made["metadata"]["labels"][names.LABEL_SERVICE_UID] == "service-uid"

    def test_are_read_back_as_they_were_written(self, spec: Json) -> None:
        of = service(**spec)
        read = ProxySettings.from_config_map(manifests.settings_config_map(of))
        assert read == ProxySettings.of(of)
        assert read.service_uid == "service-uid"
        assert read.listen_port == spec.get("service", {}).get("port", 9090)
        assert read.queue == of.spec.queue
        assert read.session == of.spec.session


class TestSettingsThatAreNotOurs:
    @pytest.mark.parametrize("obj", [{}, {"data": None}, {"data": {}}, {"data": {KEY: "{"}}])
    def test_are_refused_by_name(self, obj: Json) -> None:
        with pytest.raises(InvalidObject) as caught:
            ProxySettings.from_config_map(obj)
        assert caught.value.field == f"data.{KEY}"

    def test_are_refused_by_field(self) -> None:
        with pytest.raises(InvalidObject) as caught:
            ProxySettings.from_config_map({"data": {KEY: '{"namespace": "n"}'}})
        assert caught.value.field == "service"


# The fields of a pod that there were when an earlier operator made the hashes below.
NEW = {"containerSecurityContext", "imagePullPolicy", "podLabels", "podAnnotations"}
KNOWN_BEFORE = {field: value for field, value in EVERYTHING.items() if field not in NEW}


class TestTemplateHash:
    @pytest.mark.parametrize(("spec", "digest"), [({}, "be40cdddd1f1"), (KNOWN_BEFORE, "9267a9935ebb")])
    def test_is_what_earlier_operators_made_so_that_an_upgrade_replaces_no_pod(self, spec: Json, digest: str) -> None:
        assert manifests.template_hash(service(**spec)) == digest

    def test_is_a_short_label_value_and_the_same_for_the_same(self) -> None:
        digest = manifests.template_hash(service(**EVERYTHING))
        assert digest == manifests.template_hash(service(**EVERYTHING))
        assert digest.isalnum()
        assert 8 <= len(digest) <= 63

    def test_does_not_depend_on_the_order_of_names(self) -> None:
        one = service(nodeSelector={"a": "1", "b": "2"})
        other = service(nodeSelector={"b": "2", "a": "1"})
        assert manifests.template_hash(one) == manifests.template_hash(other)

    def test_does_not_depend_on_what_the_service_is_called_or_when_it_was_made(self) -> None:
        one = service()
        other = replace(one, metadata=replace(one.metadata, name="go", uid="another", generation=9))
        assert manifests.template_hash(one) == manifests.template_hash(other)

    def test_tells_nothing_where_a_field_is_unset_or_empty(self) -> None:
        assert manifests.template_hash(service()) == manifests.template_hash(service(args=[], resources={}))
