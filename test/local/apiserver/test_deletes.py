from isoproxy.local.apiserver.options import DeleteOptions, ListOptions
from test.local.apiserver.objects import START, Server, config_map, pod, refused, widget


def test_what_nobody_holds_goes_at_once(server: Server) -> None:
    server.create(server.widgets, widget())
    stored, gone = server.core.delete(server.widgets, "default", "one")
    assert gone
    assert stored.object["metadata"]["name"] == "one"
    assert server.names(server.widgets) == []


def test_a_deletion_of_what_is_not_there_finds_nothing(server: Server) -> None:
    assert refused(server.core.delete, server.widgets, "default", "one").code == 404


def test_preconditions_have_to_hold(server: Server) -> None:
    made = server.create(server.widgets, widget())["metadata"]
    server.patch(server.widgets, "one", {"spec": {"size": 2}})
    wrong = refused(server.core.delete, server.widgets, "default", "one", DeleteOptions(uid="another"))
    stale = refused(
        server.core.delete, server.widgets, "default", "one", DeleteOptions(resource_version=made["resourceVersion"])
    )
    assert (wrong.code, stale.code) == (409, 409)
    assert "UID in precondition: another" in wrong.message
    assert "ResourceVersion in precondition" in stale.message
    now = server.get(server.widgets, "one")["metadata"]["resourceVersion"]
    assert server.core.delete(server.widgets, "default", "one", DeleteOptions(uid=made["uid"], resource_version=now))[1]


def test_a_dry_run_deletes_nothing(server: Server) -> None:
    server.create(server.widgets, widget())
    server.core.delete(server.widgets, "default", "one", DeleteOptions(dry_run=True))
    assert server.names(server.widgets) == ["one"]


def test_finalizers_hold_an_object_until_the_last_is_gone(server: Server) -> None:
    server.create(server.config_maps, config_map(finalizers=["a.example/x", "b.example/y"]))
    stored, gone = server.core.delete(server.config_maps, "default", "one")
    assert not gone
    assert stored.object["metadata"]["deletionTimestamp"] == "2023-11-14T22:13:20Z"
    server.patch(server.config_maps, "one", {"metadata": {"finalizers": ["b.example/y"]}})
    assert server.names(server.config_maps) == ["one"]
    server.patch(server.config_maps, "one", {"metadata": {"finalizers": None}})
    assert server.names(server.config_maps) == []


def test_no_finalizer_can_be_added_to_what_is_going(server: Server) -> None:
    server.create(server.config_maps, config_map(finalizers=["a.example/x"]))
    server.core.delete(server.config_maps, "default", "one")
    patch = {"metadata": {"finalizers": ["a.example/x", "b.example/y"]}}
    assert "no new finalizers can be added" in refused(server.patch, server.config_maps, "one", patch).message


def test_a_pod_without_a_node_goes_at_once(server: Server) -> None:
    server.create(server.pods, pod())
    assert server.core.delete(server.pods, "default", "one")[1]


def test_a_pod_on_a_node_waits_for_its_runtime(server: Server) -> None:
    server.create(server.pods, pod(terminationGracePeriodSeconds=7))
    server.core.bind(server.pods, "default", "one", "here")
    generation = server.get(server.pods, "one")["metadata"]["generation"]
    stored, gone = server.core.delete(server.pods, "default", "one")
    metadata = stored.object["metadata"]
    assert not gone
    assert metadata["deletionGracePeriodSeconds"] == 7
    assert metadata["deletionTimestamp"] == "2023-11-14T22:13:27Z"
    assert metadata["generation"] == generation + 1
    assert server.core.delete(server.pods, "default", "one", DeleteOptions(grace_period_seconds=0))[1]
    assert server.names(server.pods) == []


def test_a_second_deletion_can_only_shorten_the_wait(server: Server) -> None:
    server.create(server.pods, pod())
    server.core.bind(server.pods, "default", "one", "here")
    server.core.delete(server.pods, "default", "one", DeleteOptions(grace_period_seconds=10))
    before = server.get(server.pods, "one")
    server.now.seconds = START + 1
    server.core.delete(server.pods, "default", "one", DeleteOptions(grace_period_seconds=20))
    assert server.get(server.pods, "one") == before
    server.core.delete(server.pods, "default", "one", DeleteOptions(grace_period_seconds=3))
    metadata = server.get(server.pods, "one")["metadata"]
    assert metadata["deletionGracePeriodSeconds"] == 3
    assert metadata["deletionTimestamp"] == "2023-11-14T22:13:24Z"


def test_a_pod_that_has_ended_goes_at_once(server: Server) -> None:
    server.create(server.pods, pod())
    server.core.bind(server.pods, "default", "one", "here")
    server.patch(server.pods, "one", {"status": {"phase": "Failed"}}, subresource="status")
    assert server.core.delete(server.pods, "default", "one")[1]


def test_a_deleted_pod_with_a_finalizer_outlives_its_runtime(server: Server) -> None:
    body = pod()
    body["metadata"]["finalizers"] = ["a.example/x"]
    server.create(server.pods, body)
    server.core.bind(server.pods, "default", "one", "here")
    server.core.delete(server.pods, "default", "one", DeleteOptions(grace_period_seconds=0))
    assert server.names(server.pods) == ["one"]
    server.patch(server.pods, "one", {"metadata": {"finalizers": []}})
    assert server.names(server.pods) == []


def test_the_default_namespace_stays(server: Server) -> None:
    assert refused(server.core.delete, server.kind("namespaces"), "", "default").code == 403


def test_a_collection_is_deleted_by_its_selectors(server: Server) -> None:
    for name, color in (("one", "red"), ("two", "blue"), ("three", "red")):
        server.create(server.widgets, widget(name, color=color))
    server.core.delete_collection(server.widgets, "default", ListOptions(field_selector="spec.color=red"))
    assert server.names(server.widgets) == ["two"]
