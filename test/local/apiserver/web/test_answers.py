"""Whatever is sent, the answer is an answer: nothing but a StatusError below 500 comes out."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from isoproxy.local.apiserver.changes import APPLY, JSON, MERGE, STRATEGIC
from isoproxy.local.apiserver.errors import StatusError
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.web.answers import Answer, Answers, Sent
from isoproxy.local.apiserver.web.requests import ResourcePath, parse
from test.local.apiserver.objects import Server, config_map, pod, refused, widget, widget_crd


def ask(
    server: Server, method: str, uri: str, body: Any = None, content_type: str = "application/json", accept: str = ""
) -> Answer:
    request = parse(method, uri.encode())
    path = request.path
    assert isinstance(path, ResourcePath)
    kind: Kind = server.core.kind(path.group, path.version, path.plural)
    sent = Sent(accept, content_type, "test/1", b"" if body is None else json.dumps(body).encode())
    return Answers(server.core).answer(request, path, kind, sent)


def parsed(answer: Answer) -> Any:
    return json.loads(answer.body)


WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
PODS = "/api/v1/namespaces/default/pods"


def test_codes_of_success(server: Server) -> None:
    assert ask(server, "POST", WIDGETS, widget()).code == 201
    assert ask(server, "GET", f"{WIDGETS}/one").code == 200
    assert ask(server, "PATCH", f"{WIDGETS}/one", {"spec": {"size": 2}}, MERGE).code == 200
    assert ask(server, "PATCH", f"{WIDGETS}/two?fieldManager=m", widget("two"), APPLY).code == 201
    assert ask(server, "DELETE", f"{WIDGETS}/one").code == 200


def test_a_deletion_answers_with_a_status_or_with_the_object(server: Server) -> None:
    uid = server.create(server.widgets, widget())["metadata"]["uid"]
    done = parsed(ask(server, "DELETE", f"{WIDGETS}/one"))
    assert (done["status"], done["details"]["uid"]) == ("Success", uid)
    server.create(server.config_maps, config_map(finalizers=["a.example/x"]))
    marked = parsed(ask(server, "DELETE", "/api/v1/namespaces/default/configmaps/one"))
    assert marked["metadata"]["deletionTimestamp"]
    server.create(server.pods, pod())
    assert parsed(ask(server, "DELETE", f"{PODS}/one"))["kind"] == "Pod"


def test_a_collection_is_deleted(server: Server) -> None:
    for name in ("one", "two"):
        server.create(server.config_maps, config_map(name, labels={"a": name}))
    gone = parsed(ask(server, "DELETE", "/api/v1/namespaces/default/configmaps?labelSelector=a%3Done"))
    assert [item["metadata"]["name"] for item in gone["items"]] == ["one"]
    assert server.names(server.config_maps) == ["two"]


def test_the_scale_is_an_object_of_its_own(server: Server) -> None:
    server.create(server.widgets, widget(selector="a=b"))
    shown = parsed(ask(server, "GET", f"{WIDGETS}/one/scale"))
    assert (shown["kind"], shown["spec"], shown["status"]) == (
        "Scale",
        {"replicas": 1},
        {"replicas": 0, "selector": ""},
    )
    shown["spec"]["replicas"] = 3
    assert parsed(ask(server, "PUT", f"{WIDGETS}/one/scale", shown))["spec"] == {"replicas": 3}
    assert refused(ask, server, "PUT", f"{WIDGETS}/one/scale", shown).code == 409
    assert parsed(ask(server, "PATCH", f"{WIDGETS}/one/scale", {"spec": {"replicas": 5}}, MERGE))["spec"] == {
        "replicas": 5
    }


def test_a_status_is_replaced(server: Server) -> None:
    made = server.create(server.widgets, widget())
    made["status"]["phase"] = "Busy"
    assert parsed(ask(server, "PUT", f"{WIDGETS}/one/status", made))["status"]["phase"] == "Busy"


def test_a_pod_is_bound(server: Server) -> None:
    server.create(server.pods, pod())
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "one"},
        "target": {"kind": "Node", "name": "here"},
    }
    assert ask(server, "POST", f"{PODS}/one/binding", binding).code == 201
    assert server.get(server.pods, "one")["spec"]["nodeName"] == "here"


def test_warnings_come_with_the_answer(server: Server) -> None:
    assert ask(server, "POST", WIDGETS, widget(shape="round")).warnings == ('unknown field "spec.shape"',)


def test_what_does_not_exist_is_refused(server: Server) -> None:
    server.create(server.widgets, widget())
    cases = [
        ("GET", f"{WIDGETS}/two", 404),
        ("GET", f"{WIDGETS}/one/log", 404),
        ("GET", "/apis/example.com/v1/widgets/one", 404),
        ("POST", "/apis/example.com/v1/widgets", 405),
        ("POST", f"{WIDGETS}/one/status", 405),
        ("DELETE", f"{WIDGETS}/one/status", 405),
        ("GET", f"{PODS}/one/binding", 405),
        ("GET", "/api/v1/namespaces/default/nodes", 404),
        ("PUT", "/api/v1/namespaces/default/finalize", 404),
    ]
    for method, uri, code in cases:
        assert refused(ask, server, method, uri, {}).code == code, uri


def test_a_custom_kind_takes_no_strategic_merge(server: Server) -> None:
    server.create(server.widgets, widget())
    assert refused(ask, server, "PATCH", f"{WIDGETS}/one", {}, STRATEGIC).code == 415


KEYS = st.sampled_from(
    """metadata name labels annotations ownerReferences finalizers managedFields uid kind spec status containers env
    ports size parts tags color op path value from apiVersion resourceVersion $patch $retainKeys target replicas
    $setElementOrder/containers $deleteFromPrimitiveList/finalizers versions schema openAPIV3Schema properties type rule
    x-kubernetes-validations names group scope a""".split()  # noqa: SIM905 - a list would fill a page
)
TEXTS = st.sampled_from(
    [
        "",
        "a",
        "one",
        "object",
        "array",
        "add",
        "copy",
        "/spec",
        "/metadata/name",
        "replace",
        "self.a",
        "\ud800",
        "merge",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=5),
    max_leaves=20,
)
SHAPES = st.sampled_from([widget("two"), pod("two"), config_map("two"), widget_crd(), {}])
TARGETS = st.sampled_from(
    [
        ("POST", WIDGETS, "application/json"),
        ("POST", PODS, "application/json"),
        ("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "application/json"),
        ("POST", "/apis/events.k8s.io/v1/namespaces/default/events", "application/json"),
        ("POST", f"{PODS}/one/binding", "application/json"),
        ("PUT", f"{WIDGETS}/one", "application/json"),
        ("PUT", f"{PODS}/one/status", "application/json"),
        ("PUT", f"{WIDGETS}/one/scale", "application/json"),
        ("DELETE", f"{PODS}/one", "application/json"),
        *(
            (("PATCH", f"{url}?fieldManager=m&force=true", kind))
            for url in (f"{WIDGETS}/one", f"{PODS}/one")
            for kind in (MERGE, JSON, STRATEGIC, APPLY)
        ),
        ("PATCH", f"{WIDGETS}/one/status?fieldManager=m", APPLY),
        ("PATCH", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com", MERGE),
    ]
)


@settings(deadline=None)
@given(TARGETS, SHAPES, VALUES, st.booleans())
def test_no_body_breaks_the_server(target: tuple[str, str, str], shape: Any, value: Any, mixed: bool) -> None:
    server = Server()
    server.define(widget_crd())
    server.create(server.widgets, widget())
    server.create(server.pods, pod())
    body = shape | value if mixed and isinstance(value, dict) else value
    try:
        ask(server, target[0], target[1], body, target[2])
    except StatusError as refusal:
        assert 400 <= refusal.code < 500  # noqa: PT017 - what is not refused is done
    server.collect()
    for kind in server.core.registry:
        json.dumps([stored.object for stored in server.core.list(kind, None).items])
