"""What proxies may do is little, and written out."""

from typing import Any

from kubernetes.client import V1NetworkPolicy, V1Role, V1RoleBinding

from isoproxy.model import proxyaccess
from isoproxy.model.parsing import Json
from test.model.test_manifests import service


def policy(**spec: Any) -> Json:
    found = proxyaccess.network_policy(service(**spec))["spec"]
    assert isinstance(found, dict)
    return found


def ports(rule: Json) -> list[int]:
    assert {port["protocol"] for port in rule["ports"]} == {"TCP"}
    return [port["port"] for port in rule["ports"]]


def test_a_proxy_may_read_its_records_and_settings_and_write_what_it_says_of_itself() -> None:
    granted = {
        (resource, verb): rule.get("resourceNames")
        for rule in proxyaccess.rules("chess")
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert granted == {
        ("isolationpods", "get"): None,
        ("isolationpods", "list"): None,
        ("isolationpods", "watch"): None,
        ("isolationpods/status", "patch"): None,
        ("leases", "create"): None,
        ("leases", "patch"): None,
        ("configmaps", "list"): ["chess-proxy"],
        ("configmaps", "watch"): ["chess-proxy"],
    }


def test_the_role_is_given_to_the_service_s_own_account_alone() -> None:
    of = service()
    account, role = proxyaccess.service_account(of), proxyaccess.role(of)
    binding = V1RoleBinding.model_validate(proxyaccess.role_binding(of))
    assert V1Role.model_validate(role).rules is not None
    assert (binding.role_ref.kind, binding.role_ref.name) == ("Role", role["metadata"]["name"])
    assert binding.subjects is not None
    (subject,) = binding.subjects
    assert (subject.kind, subject.name, subject.namespace) == ("ServiceAccount", account["metadata"]["name"], "games")


class TestNetworkPolicy:
    def test_is_one_that_the_kubernetes_api_takes(self) -> None:
        made = V1NetworkPolicy.model_validate(proxyaccess.network_policy(service()))
        assert made.spec is not None
        assert made.spec.policy_types == ["Ingress", "Egress"]

    def test_is_around_the_proxies_not_the_pods(self) -> None:
        assert policy()["podSelector"]["matchLabels"] == {"soh.re/service-uid": "service-uid", "soh.re/role": "proxy"}

    def test_lets_everybody_in_to_the_ports_of_clients_metrics_and_probes(self) -> None:
        (rule,) = policy()["ingress"]
        assert set(rule) == {"ports"}
        assert ports(rule) == [9090, 8080, 8081]

    def test_lets_out_to_the_service_s_pods_on_their_ports_and_to_api_servers(self) -> None:
        to_pods, to_api_servers = policy(port=7000)["egress"]
        (peer,) = to_pods["to"]
        assert peer == {"podSelector": {"matchLabels": {"soh.re/service-uid": "service-uid", "soh.re/role": "pod"}}}
        assert ports(to_pods) == [7000]
        assert set(to_api_servers) == {"ports"}
        assert {443, 6443} < set(ports(to_api_servers))

    def test_keeps_the_way_to_pods_of_an_older_port_open(self) -> None:
        of = service(port=7000)
        to_pods, _ = proxyaccess.network_policy(of, ports_in_use={8080})["spec"]["egress"]
        assert ports(to_pods) == [7000, 8080]
