"""Each case: an object, and the cells of its row, in the order of the columns."""

from typing import Any

import pytest

from isoproxy.local.apiserver.kinds.kind import Column
from test.local.apiserver.objects import START, Server, widget, widget_crd

Json = dict[str, Any]

MADE = {"name": "one", "creationTimestamp": "2023-11-14T22:13:20Z"}


def cells(columns: tuple[Column, ...], obj: Json) -> list[Any]:
    return [column.value({"metadata": MADE} | obj, START + 90) for column in columns]


def pod(status: Json, **metadata: Any) -> Json:
    spec = {"containers": [{"name": "a"}, {"name": "b"}], "nodeName": "node-1"}
    return {"metadata": MADE | metadata, "spec": spec, "status": status}


def container(ready: bool = False, restarts: int = 0, last: Json | None = None, **state: Json) -> Json:
    return {"ready": ready, "restartCount": restarts, "state": state, "lastState": last or {}}


RUNNING = container(True, running={})


@pytest.mark.parametrize(
    ("obj", "shown"),
    [
        (pod({"phase": "Pending"}), ("0/2", "Pending", "0")),
        (pod({"phase": "Running", "containerStatuses": [RUNNING, RUNNING]}), ("2/2", "Running", "0")),
        (
            pod(
                {"phase": "Running", "containerStatuses": [RUNNING, container(waiting={"reason": "CrashLoopBackOff"})]}
            ),
            ("1/2", "CrashLoopBackOff", "0"),
        ),
        (
            pod({"phase": "Failed", "containerStatuses": [container(terminated={"reason": "Error", "exitCode": 1})]}),
            ("0/2", "Error", "0"),
        ),
        (
            pod({"phase": "Failed", "containerStatuses": [container(terminated={"exitCode": 3})]}),
            ("0/2", "ExitCode:3", "0"),
        ),
        (
            pod({"phase": "Failed", "containerStatuses": [container(terminated={"signal": 9})]}),
            ("0/2", "Signal:9", "0"),
        ),
        (
            pod({"phase": "Succeeded", "containerStatuses": [container(terminated={"reason": "Completed"})]}),
            ("0/2", "Completed", "0"),
        ),
        (pod({"phase": "Failed", "reason": "Evicted"}), ("0/2", "Evicted", "0")),
        (pod({"phase": "Running"}, deletionTimestamp="2023-11-14T22:13:30Z"), ("0/2", "Terminating", "0")),
        (pod({"phase": "Pending", "initContainerStatuses": [container(), container()]}), ("0/2", "Init:0/2", "0")),
        (
            pod({"phase": "Pending", "initContainerStatuses": [container(terminated={"exitCode": 1})]}),
            ("0/2", "Init:ExitCode:1", "0"),
        ),
        (
            pod(
                {
                    "phase": "Running",
                    "containerStatuses": [
                        container(True, 2, {"terminated": {"finishedAt": "2023-11-14T22:14:00Z"}}, running={})
                    ],
                }
            ),
            ("1/2", "Running", "2 (50s ago)"),
        ),
    ],
)
def test_a_pods_state_in_a_word(obj: Json, shown: tuple[str, str, str]) -> None:
    assert cells(Server().pods.columns, obj)[:5] == ["one", *shown, "90s"]


def test_wide_pods_show_where_they_are() -> None:
    row = cells(Server().pods.columns, pod({"phase": "Running", "podIP": "127.0.0.9"}))
    assert row[5:] == ["127.0.0.9", "node-1", "<none>", "<none>"]


@pytest.mark.parametrize(
    ("plural", "group", "obj", "row"),
    [
        ("configmaps", "", {"data": {"a": ""}, "binaryData": {"b": ""}}, ["one", 2, "90s"]),
        ("secrets", "", {"type": "Opaque", "data": {"a": ""}}, ["one", "Opaque", 1, "90s"]),
        ("namespaces", "", {"status": {"phase": "Active"}}, ["one", "Active", "90s"]),
        ("leases", "coordination.k8s.io", {"spec": {"holderIdentity": "me"}}, ["one", "me", "90s"]),
        ("networkpolicies", "networking.k8s.io", {"spec": {"podSelector": {}}}, ["one", "<none>", "90s"]),
        (
            "networkpolicies",
            "networking.k8s.io",
            {
                "spec": {
                    "podSelector": {
                        "matchLabels": {"a": "b"},
                        "matchExpressions": [{"key": "c", "operator": "In", "values": ["d", "e"]}],
                    }
                }
            },
            ["one", "a=b,c in (d,e)", "90s"],
        ),
        (
            "services",
            "",
            {"spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30000}], "selector": {"a": "b"}}},
            ["one", "NodePort", "<none>", "<none>", "80:30000/TCP", "90s", "a=b"],
        ),
        (
            "nodes",
            "",
            {
                "metadata": MADE | {"labels": {"node-role.kubernetes.io/worker": ""}},
                "spec": {"unschedulable": True},
                "status": {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": "v1"}},
            },
            [
                "one",
                "Ready,SchedulingDisabled",
                "worker",
                "90s",
                "v1",
                "<none>",
                "<none>",
                "<unknown>",
                "<unknown>",
                "<unknown>",
            ],
        ),
        (
            "events",
            "",
            {
                "involvedObject": {"kind": "Pod", "name": "p"},
                "reason": "R",
                "type": "Normal",
                "message": " m ",
                "eventTime": "2023-11-14T22:14:40Z",
                "reportingComponent": "c",
            },
            ["10s", "Normal", "R", "pod/p", "", "c", "m", "10s", 1, "one"],
        ),
        (
            "endpoints",
            "",
            {"subsets": [{"addresses": [{"ip": "1.2.3.4"}], "ports": [{"port": 80}]}]},
            ["one", "1.2.3.4:80", "90s"],
        ),
        ("customresourcedefinitions", "apiextensions.k8s.io", {}, ["one", "2023-11-14T22:13:20Z"]),
    ],
)
def test_rows_of_built_in_kinds(plural: str, group: str, obj: Json, row: list[Any]) -> None:
    assert cells(Server().kind(plural, group).columns, obj) == row


def test_rows_of_custom_kinds_follow_their_definition() -> None:
    columns = [
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
        {"name": "Wrong", "type": "boolean", "jsonPath": ".spec.size"},
        {"name": "Tags", "type": "string", "jsonPath": ".spec.tags"},
        {"name": "Tag", "type": "string", "jsonPath": ".spec.tags[0]", "priority": 1},
        {"name": "None", "type": "string", "jsonPath": ".spec.none"},
        {"name": "Never", "type": "date", "jsonPath": ".spec.none"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    server = Server()
    server.define(widget_crd(additionalPrinterColumns=columns))
    server.now.seconds += 5
    made = server.create(server.widgets, widget(tags=["a", "b"]))
    row = [column.value(made, START + 65) for column in server.widgets.columns]
    assert row == ["one", 1, None, '["a","b"]', "a", None, None, "60s"]
    assert [column.priority for column in server.widgets.columns] == [0, 0, 0, 0, 1, 0, 0, 0]


def test_without_columns_of_its_own_a_kind_shows_name_and_age(server: Server) -> None:
    assert [column.name for column in server.widgets.columns] == ["Name", "Age"]
