"""DedicatedServices, by the definition that ships with isoproxy."""

from typing import Any

import pytest
import pytest_twisted

from isoproxy.kube.api import PatchKind
from isoproxy.kube.errors import ApiError, Invalid
from isoproxy.kube.resources import DEDICATED_SERVICES, Json
from test.contract.cluster import Space
from test.contract.ours import service
from test.contract.tables import TABLE, narrow, row

pytestmark = pytest.mark.usefixtures("definitions")

EVERYTHING: Json = {
    "command": ["run"],
    "args": ["--all"],
    "env": [
        {"name": "A", "value": "b"},
        {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
        {"name": "D", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
    ],
    "resources": {"limits": {"cpu": 1, "memory": "64Mi"}, "requests": {"cpu": "100m"}},
    "imagePullPolicy": "Never",
    "imagePullSecrets": [{"name": "s"}],
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}],
    "affinity": {"podAntiAffinity": {"anything": [{"goes": 1}]}},
    "runtimeClassName": "sandboxed",
    "volumes": [{"name": "v", "emptyDir": {"medium": "Memory"}}],
    "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": True}],
    "readinessProbe": {"tcpSocket": {"port": 8080}},
    "securityContext": {"runAsUser": 1000},
    "containerSecurityContext": {"capabilities": {"drop": ["ALL"]}},
    "priorityClassName": "high",
    "podLabels": {"team": "shop", "app.kubernetes.io/part-of": "mall"},
    "podAnnotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
    "maxPods": 9,
    "replicas": 0,
    "service": {"type": "NodePort", "port": 0, "annotations": {"a": "b"}},
    "proxy": {
        "replicas": 2,
        "resources": {"limits": {"cpu": 1}},
        "nodeSelector": {"net": "fast"},
        "tolerations": [{"key": "k", "operator": "Exists"}],
        "priorityClassName": "high",
        "podLabels": {"team": "shop"},
        "podAnnotations": {"sidecar.istio.io/inject": "false"},
    },
    "session": {"connectTimeoutSeconds": 1, "idleTimeoutSeconds": 5, "maxDurationSeconds": 6},
    "queue": {"timeoutSeconds": 1, "maxLength": 0},
    "network": {"allowDNS": True, "allowedCIDRs": ["10.0.0.0/8", "fd00::/8"]},
    "terminationGracePeriodSeconds": 0,
    "port": 1,
}


@pytest_twisted.ensureDeferred
async def test_a_service_needs_nothing_but_an_image(space: Space) -> None:
    made = await space.create(DEDICATED_SERVICES, service(), strict=True)
    defaults = {
        "port": 8080,
        "replicas": 1,
        "terminationGracePeriodSeconds": 1,
        "service": {"type": "ClusterIP", "port": 9090},
        "queue": {"timeoutSeconds": 30, "maxLength": 1000},
        "session": {"connectTimeoutSeconds": 5},
        "network": {"allowDNS": False, "allowedCIDRs": []},
    }
    assert made["spec"] == made["spec"] | defaults | service()["spec"]
    counts = ("totalTargets", "availableTargets", "inUse", "queued", "observedGeneration")
    assert made["status"] == dict.fromkeys(counts, 0) | {"endpoints": [], "conditions": []}


@pytest_twisted.ensureDeferred
async def test_every_field_is_kept_as_it_was_written(space: Space) -> None:
    made = await space.create(DEDICATED_SERVICES, service(**EVERYTHING), strict=True)
    assert made["spec"] == made["spec"] | service(**EVERYTHING)["spec"]


@pytest_twisted.ensureDeferred
async def test_a_null_is_a_field_left_out(space: Space) -> None:
    wanted = service(maxPods=None, queue=None, nodeSelector={"disk": None}, session={"idleTimeoutSeconds": None})
    made = await space.create(DEDICATED_SERVICES, wanted, strict=True)
    assert "maxPods" not in made["spec"]
    assert made["spec"]["queue"] == {"timeoutSeconds": 30, "maxLength": 1000}
    assert made["spec"]["nodeSelector"] == {}
    assert made["spec"]["session"] == {"connectTimeoutSeconds": 5}


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("spec", "field", "words"),
    [
        ({"image": None}, "spec.image", "Required value"),
        ({"image": ""}, "spec.image", "should be at least 1 chars long"),
        ({"image": 3}, "spec.image", "must be of type string"),
        ({"replicas": -1}, "spec.replicas", "should be greater than or equal to 0"),
        ({"replicas": "3"}, "spec.replicas", "must be of type integer"),
        ({"replicas": 5, "maxPods": 2}, "spec", "maxPods must not be less than replicas"),
        ({"port": 0}, "spec.port", "should be greater than or equal to 1"),
        ({"command": "ls"}, "spec.command", "must be of type array"),
        ({"args": ["a", None]}, "spec.args[1]", "must be of type string"),
        ({"env": [{"value": "A"}]}, "spec.env[0].name", "Required value"),
        ({"env": [{"name": "A"}, {"name": "A"}]}, "spec.env[1]", "Duplicate value"),
        ({"resources": {"limits": {"cpu": 1.5}}}, "spec.resources.limits.cpu", "must be of type integer,string"),
        ({"nodeSelector": {"disk": 1}}, "spec.nodeSelector.disk", "must be of type string"),
        ({"podLabels": {"soh.re/role": "proxy"}}, "spec.podLabels", "are the operator's"),
        ({"podLabels": {"app.kubernetes.io/component": "proxy"}}, "spec.podLabels", "are the operator's"),
        ({"podAnnotations": {"soh.re/recall": "now"}}, "spec.podAnnotations", "are the operator's"),
        ({"podLabels": {"team": "x" * 64}}, "spec.podLabels.team", "Too long"),
        ({"podLabels": {f"l{number}": "" for number in range(101)}}, "spec.podLabels", "Too many: 101"),
        ({"proxy": {"podLabels": {"soh.re/role": "pod"}}}, "spec.proxy.podLabels", "are the operator's"),
        ({"proxy": {"podAnnotations": {"soh.re/a": "b"}}}, "spec.proxy.podAnnotations", "are the operator's"),
        ({"imagePullPolicy": "Perhaps"}, "spec.imagePullPolicy", "supported values"),
        ({"volumeMounts": [{"name": "v"}]}, "spec.volumeMounts[0].mountPath", "Required value"),
        ({"service": {"type": "Public"}}, "spec.service.type", 'supported values: "ClusterIP", "LoadBalancer"'),
        ({"queue": {"timeoutSeconds": 0}}, "spec.queue.timeoutSeconds", "should be greater than or equal to 1"),
        ({"network": {"allowedCIDRs": ["any"]}}, "spec.network.allowedCIDRs[0]", "should match"),
    ],
)
async def test_a_service_that_cannot_be_is_refused_with_the_path(
    space: Space, spec: Json, field: str, words: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await space.create(DEDICATED_SERVICES, service(**spec))
    causes = {cause["field"]: cause["message"] for cause in reversed(caught.value.details["causes"])}
    assert words in causes[field]


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("name", ["x" * 51, "1st", "a.b"])
async def test_a_name_that_pods_could_not_be_named_after_is_refused(space: Space, name: str) -> None:
    with pytest.raises(Invalid, match=r"metadata.name is at most 50 characters"):
        await space.create(DEDICATED_SERVICES, service(name))


@pytest_twisted.ensureDeferred
async def test_a_misspelt_field_is_named(space: Space) -> None:
    with pytest.raises(ApiError) as caught:
        await space.create(DEDICATED_SERVICES, service(replica=3), strict=True)
    assert 'unknown field "spec.replica"' in caught.value.message


@pytest_twisted.ensureDeferred
async def test_a_manifest_is_applied_again_and_again(space: Space) -> None:
    wanted = service(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])
    made = await space.patch(DEDICATED_SERVICES, "shop", wanted, kind=PatchKind.APPLY)
    wanted = service(env=[{"name": "B", "value": "3"}], replicas=2)
    changed = await space.patch(DEDICATED_SERVICES, "shop", wanted, kind=PatchKind.APPLY)
    assert changed["spec"] == made["spec"] | {"env": [{"name": "B", "value": "3"}], "replicas": 2}
    assert changed["metadata"]["generation"] == 2


@pytest_twisted.ensureDeferred
async def test_who_scales_does_not_touch_the_rest(space: Space) -> None:
    made = await space.create(DEDICATED_SERVICES, service())
    await space.patch(DEDICATED_SERVICES, "shop", {"status": {"totalTargets": 4}}, subresource="status")
    scale: Any = await space.patch(DEDICATED_SERVICES, "shop", {"spec": {"replicas": 7}}, subresource="scale")
    assert (scale["kind"], scale["spec"], scale["status"]) == ("Scale", {"replicas": 7}, {"replicas": 4})
    assert (await space.get(DEDICATED_SERVICES, "shop"))["spec"] == made["spec"] | {"replicas": 7}
    for count, field in ((-1, "spec.replicas"), (10001, "spec.replicas")):
        with pytest.raises(Invalid) as caught:
            await space.patch(DEDICATED_SERVICES, "shop", {"spec": {"replicas": count}}, subresource="scale")
        assert caught.value.details["causes"][0]["field"] == field


@pytest_twisted.ensureDeferred
async def test_its_status_is_the_operators_and_its_spec_the_users(space: Space) -> None:
    made = await space.create(DEDICATED_SERVICES, service() | {"status": {"totalTargets": 99}})
    assert made["status"]["totalTargets"] == 0
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Serving",
        "message": "",
        "lastTransitionTime": "2024-01-01T00:00:00Z",
        "observedGeneration": 1,
    }
    patch = {"spec": {"replicas": 9}, "status": {"availableTargets": 2, "conditions": [condition]}}
    reported = await space.patch(DEDICATED_SERVICES, "shop", patch, subresource="status")
    assert (reported["spec"], reported["metadata"]["generation"]) == (made["spec"], 1)
    assert reported["status"] == made["status"] | {"availableTargets": 2, "conditions": [condition]}
    for wrong, field in (
        (condition | {"status": "Perhaps"}, "status.conditions[0].status"),
        (condition | {"lastTransitionTime": "yesterday"}, "status.conditions[0].lastTransitionTime"),
        (condition | {"reason": ""}, "status.conditions[0].reason"),
    ):
        patch = {"status": {"conditions": [wrong]}}
        with pytest.raises(Invalid) as caught:
            await space.patch(DEDICATED_SERVICES, "shop", patch, subresource="status")
        assert caught.value.details["causes"][0]["field"] == field


@pytest_twisted.ensureDeferred
async def test_a_table_shows_what_there_is_and_what_is_free(space: Space) -> None:
    await space.create(DEDICATED_SERVICES, service())
    condition = {"type": "Ready", "status": "True", "reason": "R", "message": ""}
    condition["lastTransitionTime"] = "2024-01-01T00:00:00Z"
    status = {"totalTargets": 3, "availableTargets": 2, "inUse": 1, "endpoints": ["a:1"], "conditions": [condition]}
    await space.patch(DEDICATED_SERVICES, "shop", {"status": status}, subresource="status")
    table = (await space.cluster.raw("GET", space.path(DEDICATED_SERVICES), Accept=TABLE)).body
    assert narrow(table) == ["Name", "Image", "Total", "Available", "Age"]
    shown = row(table, "shop")
    assert shown.pop("Age").endswith("s")
    assert shown == {
        "Name": "shop",
        "Image": "registry.invalid/shop:1",
        "Total": 3,
        "Available": 2,
        "In-Use": 1,
        "Queued": 0,
        "Endpoints": '["a:1"]',
        "Ready": "True",
    }


@pytest_twisted.ensureDeferred
async def test_they_go_by_their_short_names(space: Space) -> None:
    served = (await space.cluster.raw("GET", "/apis/soh.re/v1alpha1")).body["resources"]
    names = {item["name"]: item.get("shortNames") for item in served}
    assert names == {
        "dedicatedservices": ["dedi"],
        "dedicatedservices/status": None,
        "dedicatedservices/scale": None,
        "isolationpods": ["ipod", "ipods"],
        "isolationpods/status": None,
    }
