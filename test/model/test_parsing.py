"""JSON is parsed once: leniently where it may be, and with the path of what is wrong where it may not."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from isoproxy.model.dedicatedservice import DedicatedService, InvalidService, parse_service
from isoproxy.model.isolationpod import IsolationPod, Phase
from isoproxy.model.parsing import MOST_DEPTH, InvalidObject, dump, parse, parser
from isoproxy.model.pod import MOST_SAID, Pod
from isoproxy.model.proxylease import LONGEST_GRACE_SECONDS, ProxyLease, lease_manifest
from isoproxy.model.proxysettings import KEY, ProxySettings

RECORD: dict[str, Any] = {"metadata": {"name": "p"}, "spec": {"serviceName": "s", "podName": "p", "port": 1}}


def service(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "s", "namespace": "n", "uid": "u"}, "spec": {"image": "i"} | spec}


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"metadata": {"name": "s"}}, "spec"),
    ({"metadata": {"name": "s"}, "spec": {}}, "spec.image"),
    ({"metadata": {"name": "s"}, "spec": []}, "spec"),
    (service(replicas="many"), "spec.replicas"),
    (service(maxPods={}), "spec.maxPods"),
    (service(command=["a", 1]), "spec.command[1]"),
    (service(env=[{"name": "A"}, "B"]), "spec.env[1]"),
    (service(nodeSelector={"zone": 1}), "spec.nodeSelector.zone"),
    (service(queue={"timeoutSeconds": "soon"}), "spec.queue.timeoutSeconds"),
    (service(service={"type": "Ingress"}), "spec.service.type"),
    (service(network={"allowedCIDRs": [None]}), "spec.network.allowedCIDRs[0]"),
    (service(network={"allowedCIDRs": ["10.0.0.0/8", "999.0.0.0/99"]}), "spec.network.allowedCIDRs[1]"),
    (service(terminationGracePeriodSeconds=1.5), "spec.terminationGracePeriodSeconds"),
]


@pytest.mark.parametrize(("obj", "field"), FAULTS, ids=[field for _, field in FAULTS])
class TestAFault:
    def test_is_named_by_its_path(self, obj: dict[str, Any], field: str) -> None:
        with pytest.raises(InvalidObject) as caught:
            parse(DedicatedService, obj)
        assert caught.value.field == field
        assert str(caught.value) == f"{field}: {caught.value.problem}"
        assert "pydantic" not in str(caught.value)

    def test_makes_a_service_invalid_and_does_not_hide_it(self, obj: dict[str, Any], field: str) -> None:
        found = parse_service(obj)
        assert isinstance(found, InvalidService)
        assert found.metadata.name == "s"
        assert found.problem.startswith(f"{field}: ")


def test_a_fault_does_not_repeat_what_was_written_there() -> None:
    """It may be a secret."""
    with pytest.raises(InvalidObject) as caught:
        parse(DedicatedService, service(env=["hunter2"]))
    assert "hunter2" not in str(caught.value)


def test_a_fault_is_told_in_a_line_whatever_the_fields_are_called() -> None:
    labels = {"metadata": {"name": "s", "labels": {"a\nb\x1b[2J" + "x" * 5000: 7}}, "spec": {"image": "i"}}
    with pytest.raises(InvalidObject, match=r"^metadata\.labels\.a b") as caught:
        parse(DedicatedService, labels)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) <= 1024


def test_what_is_passed_on_as_it_is_is_not_nested_without_end() -> None:
    deep: Any = {}
    for _ in range(MOST_DEPTH):
        deep = {"a": deep}
    assert isinstance(parse_service(service(affinity=deep)), DedicatedService)
    found = parse_service(service(affinity={"a": deep}))
    assert isinstance(found, InvalidService)
    assert found.problem == f"spec.affinity: nested more than {MOST_DEPTH} deep"
    found = parse_service(service(volumes=[{}, {"a": deep}]))
    assert isinstance(found, InvalidService)
    assert found.problem.startswith("spec.volumes[1]: ")


@pytest.mark.parametrize("data", [None, [], {}, {KEY: 7}, {KEY: "{"}, {KEY: "[" * 5000}, {KEY: "[1]"}, {KEY: "{}"}])
def test_what_is_no_config_map_of_ours_is_refused(data: Any) -> None:
    with pytest.raises(InvalidObject):
        ProxySettings.from_config_map({"metadata": {"name": "s-proxy"}, "data": data})


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ({"listenPort": 70_000}, "listenPort"),
        ({"queue": {"timeoutSeconds": 10**400}}, "queue.timeoutSeconds"),
        ({"session": {"connectTimeoutSeconds": -1}}, "session.connectTimeoutSeconds"),
    ],
)
def test_settings_that_nobody_can_go_by_are_refused(part: dict[str, Any], field: str) -> None:
    settings = {"namespace": "n", "service": "s", "serviceUid": "u", "listenPort": 1, "queue": {}, "session": {}}
    with pytest.raises(InvalidObject) as caught:
        ProxySettings.from_config_map({"data": {KEY: json.dumps(settings | part)}})
    assert caught.value.field == field


@pytest.mark.parametrize("moment", ["2026-01-01T00:00:00", "2026-01-01", "yesterday"])
def test_a_time_that_could_be_any_is_a_fault(moment: str) -> None:
    """Times are compared with each other: one of no zone with one that has one would be an error of ours."""
    with pytest.raises(InvalidObject) as caught:
        parse(ProxyLease, {"metadata": {"name": "l", "creationTimestamp": moment}})
    assert caught.value.field == "metadata.creationTimestamp"


def test_an_object_without_a_name_is_nobody_s() -> None:
    with pytest.raises(InvalidObject):
        parse_service({"metadata": {}, "spec": {}})
    with pytest.raises(InvalidObject):
        parse_service({})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "any",
        ":/1",
        "999.0.0.0/99",
        "10.0.0.0",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/255.0.0.0",
        "010.0.0.0/8",
        "fd00::/129",
        "fe80::1%eth0/64",
        "::ffff:10.0.0.0/104",  # IPv4 in disguise: API servers are about to refuse it
    ],
)
def test_what_no_network_policy_could_have_as_a_network_is_a_fault(text: str) -> None:
    with pytest.raises(InvalidObject, match=r"^spec\.network\.allowedCIDRs\[0\]: .*CIDR notation"):
        parse(DedicatedService, service(network={"allowedCIDRs": [text]}))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("FD00:0::1/8", "fd00::/8"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_is_known_by_its_usual_name(written: str, meant: str) -> None:
    assert parse(DedicatedService, service(network={"allowedCIDRs": [written]})).spec.network.allowed_cidrs == (meant,)


def test_unknown_fields_are_left_to_those_who_know_them() -> None:
    assert parse(DedicatedService, service(tomorrow={"new": 1})) == parse(DedicatedService, service())


def test_a_parsed_object_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        parse(IsolationPod, RECORD).spec.proxy = "mine"  # type: ignore[misc]  # that is the point


def test_times_are_read_with_their_zone() -> None:
    read = parser(IsolationPod)(RECORD | {"status": {"phase": "InUse", "connectionStartTime": "2026-01-01T00:00:00Z"}})
    assert read.status.connection_start_time == datetime(2026, 1, 1, tzinfo=UTC)
    assert read.status.phase is Phase.IN_USE


def test_a_phase_that_is_not_known_is_a_fault() -> None:
    with pytest.raises(InvalidObject) as caught:
        parse(IsolationPod, RECORD | {"status": {"phase": "Parked"}})
    assert caught.value.field == "status.phase"


def test_what_is_unset_is_left_out_of_a_dump_and_names_are_those_of_json() -> None:
    dumped = dump(parse(IsolationPod, RECORD | {"spec": RECORD["spec"] | {"podIP": "10.0.0.1"}}))
    assert dumped["spec"]["podIP"] == "10.0.0.1"
    assert "connectionStartTime" not in dumped["status"]


class TestRecord:
    def test_belongs_to_the_service_and_template_of_its_labels(self) -> None:
        labels = {"soh.re/service-uid": "u", "soh.re/template": "t"}
        read = parse(IsolationPod, RECORD | {"metadata": {"name": "p", "labels": labels}})
        assert (read.metadata.service_uid, read.template) == ("u", "t")
        assert parse(IsolationPod, RECORD).metadata.service_uid == ""

    def test_is_recalled_by_the_annotation_whatever_it_says(self) -> None:
        read = parse(IsolationPod, RECORD | {"metadata": {"name": "p", "annotations": {"soh.re/recall": ""}}})
        assert read.recalled
        assert not parse(IsolationPod, RECORD).recalled

    def test_is_assigned_once_it_names_a_proxy(self) -> None:
        assert parse(IsolationPod, RECORD | {"spec": RECORD["spec"] | {"proxy": "a-1"}}).assigned
        assert not parse(IsolationPod, RECORD).assigned


def pod(status: dict[str, Any], **metadata: Any) -> Pod:
    return parse(Pod, {"metadata": {"name": "p"} | metadata, "status": status})


READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
WILD = "password\x1b[2J\x1b[1;1H\r\nn/s: Ready=True\x07" + "A" * 3000
WORKING: dict[str, Any] = {"phase": "Running", "podIP": "10.0.0.1", "conditions": [READY]}


class TestPod:
    def test_is_ready_with_the_condition_and_an_address(self) -> None:
        assert pod(WORKING).ready

    @pytest.mark.parametrize(
        "changed",
        [
            {"conditions": []},
            {"conditions": [READY | {"status": "False"}]},
            {"conditions": [READY | {"status": "Unknown"}]},
            {"podIP": ""},
            {"phase": "Failed"},
            {"phase": "Succeeded"},
            {"containerStatuses": [{"name": "main", "restartCount": 1}]},
        ],
    )
    def test_is_not_ready_otherwise(self, changed: dict[str, Any]) -> None:
        assert not pod(WORKING | changed).ready

    def test_is_not_ready_once_it_is_being_deleted(self) -> None:
        read = pod(WORKING, deletionTimestamp="2026-01-01T00:00:00Z")
        assert (read.ready, read.ending, read.terminal, read.over) == (False, True, True, False)

    def test_without_a_status_is_pending(self) -> None:
        read = parse(Pod, {"metadata": {"name": "p"}})
        assert (read.status.phase, read.ready, read.terminal, read.trouble) == ("Pending", False, False, "")

    @pytest.mark.parametrize(
        ("status", "trouble"),
        [
            (WORKING, ""),
            ({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, ""),
            (
                {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}]},
                "ErrImagePull: no such image",
            ),
            (
                {"containerStatuses": [{"state": {"terminated": {"reason": "Error", "exitCode": 127}}}]},
                "Error (exit code 127)",
            ),
            ({"phase": "Failed", "reason": "Evicted", "message": "the node was low on memory"}, "Evicted: the node"),
            (
                {
                    "conditions": [
                        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}
                    ]
                },
                "Unschedulable: 0/3",
            ),
        ],
    )
    def test_says_what_ails_it(self, status: dict[str, Any], trouble: str) -> None:
        assert pod(status).trouble.startswith(trouble)
        assert bool(pod(status).trouble) == bool(trouble)

    @pytest.mark.parametrize(
        "status",
        [
            {"containerStatuses": [{"state": {"terminated": {"reason": "Error", "message": WILD}}}]},
            {"containerStatuses": [{"state": {"waiting": {"reason": WILD}}}]},
            {"phase": "Failed", "reason": "Evicted", "message": WILD},
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": WILD}]},
        ],
    )
    def test_says_it_in_one_short_line(self, status: dict[str, Any]) -> None:
        said = pod(status).trouble
        assert said.isprintable()
        assert "n/s: Ready=True" in said
        assert len(said) <= MOST_SAID + len("Unschedulable: ")

    def test_of_a_service_is_told_from_its_proxies_by_its_role(self) -> None:
        labels = {"soh.re/service-uid": "u"}
        assert pod({}, labels=labels | {"soh.re/role": "pod"}).isolated
        assert not pod({}, labels=labels | {"soh.re/role": "proxy"}).isolated
        assert not pod({}, labels=labels).isolated


class TestLease:
    def made(self, **annotations: str) -> ProxyLease:
        told = {f"soh.re/{name.replace('_', '-')}": value for name, value in annotations.items()}
        manifest = lease_manifest(service_name="s", service_uid="u", instance="pod-1", annotations=told)
        return parse(ProxyLease, manifest)

    def test_says_whose_it_is(self) -> None:
        lease = self.made()
        assert (lease.instance, lease.metadata.service_uid, lease.metadata.name) == ("pod-1", "u", "s-pod-1")
        assert lease.spec.lease_duration_seconds == 15

    def test_is_named_as_one_of_a_proxy_is(self) -> None:
        assert self.made().well_formed

    def test_that_no_instance_can_hold_is_nobodys(self) -> None:
        def held(instance: str) -> ProxyLease:
            return parse(
                ProxyLease, lease_manifest(service_name="s", service_uid="u", instance=instance, annotations={})
            )

        assert held("x" * 63).instance == "x" * 63
        assert held("x" * 63).well_formed
        assert held("x" * 64).instance == ""
        assert not held("x" * 64).well_formed

    def test_goes_with_its_service(self) -> None:
        assert self.made().metadata.owner_uid("DedicatedService") == "u"

    def test_says_what_its_proxy_has_and_lacks(self) -> None:
        lease = self.made(queued="3", held="2", claimed="1", grace_seconds="60", listen="a:1", listen_error="in use")
        assert (lease.queued, lease.held, lease.claimed, lease.grace_seconds) == (3, 2, 1, 60)
        assert (lease.listen, lease.listen_error) == ("a:1", "in use")
        assert not lease.draining
        assert self.made(draining="true").draining
        assert self.made(ended="true").ended

    @pytest.mark.parametrize("listen", ["x" * 281, "a:1\x1b[2J", "a:1\n", "a  b:1"])
    def test_names_no_address_that_can_be_none(self, listen: str) -> None:
        assert self.made(listen=listen).listen == ""
        assert self.made(listen="x" * 280).listen == "x" * 280

    def test_says_why_it_cannot_listen_in_one_line(self) -> None:
        assert self.made(listen_error="in\r\nuse\x1b[2J").listen_error == "in use [2J"
        assert len(self.made(listen_error="x" * 40_000).listen_error) == 256

    def test_is_not_believed_that_it_will_go_on_for_years(self) -> None:
        assert self.made(grace_seconds="999999999").grace_seconds == LONGEST_GRACE_SECONDS

    @pytest.mark.parametrize("nonsense", ["", "-1", "1.5", "many", "9" * 10, "²", "٣", " 1"])
    def test_is_not_trusted_with_numbers_that_are_none(self, nonsense: str) -> None:
        assert self.made(queued=nonsense, held=nonsense, claimed=nonsense, grace_seconds=nonsense).queued == 0
