from isoproxy.local.apiserver.options import DeleteOptions
from test.local.apiserver.objects import Server, config_map, copied, owned_by, pod, refused, widget, widget_crd


def test_what_is_owned_goes_with_its_owner(server: Server) -> None:
    owner = server.create(server.widgets, widget())
    child = server.create(server.config_maps, config_map(ownerReferences=[owned_by(owner)]))
    server.create(server.pods, pod() | {"metadata": {"name": "p", "ownerReferences": [owned_by(child)]}})
    server.core.delete(server.widgets, "default", "one")
    assert server.names(server.config_maps) == ["one"]  # not by the deletion itself
    server.collect()
    assert (server.names(server.config_maps), server.names(server.pods)) == ([], [])


def test_an_object_lives_as_long_as_one_of_its_owners(server: Server) -> None:
    owners = [server.create(server.widgets, widget(name)) for name in ("one", "two")]
    server.create(server.config_maps, config_map(ownerReferences=[owned_by(owner) for owner in owners]))
    server.core.delete(server.widgets, "default", "one")
    server.collect()
    references = server.get(server.config_maps, "one")["metadata"]["ownerReferences"]
    assert [reference["name"] for reference in references] == ["two"]
    server.core.delete(server.widgets, "default", "two")
    server.collect()
    assert server.names(server.config_maps) == []


def test_an_owner_is_known_by_its_uid_alone(server: Server) -> None:
    owner = server.create(server.widgets, widget())
    server.create(server.config_maps, config_map(ownerReferences=[owned_by(owner)]))
    server.core.delete(server.widgets, "default", "one")
    server.create(server.widgets, widget())  # the same name, another life
    server.collect()
    assert server.names(server.config_maps) == []


def test_what_is_created_for_an_owner_that_is_gone_goes(server: Server) -> None:
    owner = server.create(server.widgets, widget())
    server.core.delete(server.widgets, "default", "one")
    server.create(server.config_maps, config_map(ownerReferences=[owned_by(owner)]))
    server.collect()
    assert server.names(server.config_maps) == []


def test_an_owner_in_another_namespace_is_none(server: Server) -> None:
    owner = server.create(server.widgets, widget(), "kube-system")
    server.create(server.config_maps, config_map(ownerReferences=[owned_by(owner)]))
    server.core.collect()
    assert server.names(server.config_maps) == ["one"]  # nobody has looked yet
    server.core.delete(server.widgets, "kube-system", "one")
    server.collect()
    assert server.names(server.config_maps) == []


def test_a_pod_on_a_node_is_given_its_grace_by_the_collector_too(server: Server) -> None:
    owner = server.create(server.widgets, widget())
    server.create(server.pods, pod() | {"metadata": {"name": "p", "ownerReferences": [owned_by(owner)]}})
    server.core.bind(server.pods, "default", "p", "here")
    server.core.delete(server.widgets, "default", "one")
    server.collect()
    assert server.get(server.pods, "p")["metadata"]["deletionGracePeriodSeconds"] == 30


def test_orphans_stay(server: Server) -> None:
    owner = server.create(server.widgets, widget())
    server.create(server.config_maps, config_map(ownerReferences=[owned_by(owner)]))
    server.core.delete(server.widgets, "default", "one", DeleteOptions(propagation="Orphan"))
    server.collect()
    assert server.names(server.widgets) == []
    assert "ownerReferences" not in server.get(server.config_maps, "one")["metadata"]


def test_in_the_foreground_the_owner_goes_last(server: Server) -> None:
    owner = server.create(server.widgets, widget())
    reference = owned_by(owner, blockOwnerDeletion=True)
    server.create(server.pods, pod() | {"metadata": {"name": "p", "ownerReferences": [reference]}})
    server.core.bind(server.pods, "default", "p", "here")
    server.core.delete(server.widgets, "default", "one", DeleteOptions(propagation="Foreground"))
    server.collect()
    assert server.names(server.widgets) == ["one"]
    assert "deletionTimestamp" in server.get(server.pods, "p")["metadata"]
    server.core.delete(server.pods, "default", "p", DeleteOptions(grace_period_seconds=0))
    server.collect()
    assert (server.names(server.pods), server.names(server.widgets)) == ([], [])


def test_an_owner_in_the_foreground_does_not_wait_for_what_another_owns_too(server: Server) -> None:
    owners = [server.create(server.widgets, widget(name)) for name in ("one", "two")]
    references = [owned_by(owner, blockOwnerDeletion=True) for owner in owners]
    server.create(server.config_maps, config_map(ownerReferences=references))
    server.core.delete(server.widgets, "default", "one", DeleteOptions(propagation="Foreground"))
    server.collect()
    assert server.names(server.widgets) == ["two"]
    found = server.get(server.config_maps, "one")["metadata"]["ownerReferences"]
    assert [reference["name"] for reference in found] == ["two"]


def test_a_namespace_goes_with_what_is_in_it(server: Server) -> None:
    namespaces = server.kind("namespaces")
    server.create(namespaces, {"metadata": {"name": "team"}})
    server.create(server.config_maps, config_map(), "team")
    server.core.delete(namespaces, "", "team")
    server.collect()
    assert "team" not in server.names(namespaces, None)
    assert server.names(server.config_maps, None) == []


def test_a_namespace_goes_when_it_is_empty(server: Server) -> None:
    namespaces = server.kind("namespaces")
    server.create(namespaces, {"metadata": {"name": "team"}})
    server.create(server.config_maps, config_map(), "team")
    server.create(server.pods, pod(), "team")
    server.core.bind(server.pods, "team", "one", "here")
    server.core.delete(namespaces, "", "team")
    server.collect()
    assert server.get(namespaces, "team")["status"]["phase"] == "Terminating"
    assert server.names(server.config_maps, "team") == ["one"]  # pods come first
    refusal = refused(server.create, server.config_maps, config_map("more"), "team")
    assert refusal.code == 403
    assert "it is being terminated" in refusal.message
    server.core.delete(server.pods, "team", "one", DeleteOptions(grace_period_seconds=0))
    server.collect()
    assert "team" not in server.names(namespaces, None)
    assert server.names(server.config_maps, "team") == []


def test_objects_go_with_their_definition(server: Server) -> None:
    crds = server.kind("customresourcedefinitions", "apiextensions.k8s.io")
    kind = server.widgets
    server.create(kind, widget())
    server.core.delete(crds, "", "widgets.example.com")
    server.collect()
    assert server.names(crds, None) == []
    assert refused(server.kind, "widgets", "example.com").code == 404
    server.define(widget_crd())
    assert server.names(server.widgets) == []


def test_collection_is_bounded_each_time() -> None:
    server = Server(garbage_batch=3)
    owner = server.create(server.config_maps, config_map())
    for number in range(10):
        server.create(server.config_maps, config_map(f"child-{number}", ownerReferences=[owned_by(owner)]))
    server.core.delete(server.config_maps, "default", "one")
    server.core.collect()
    assert len(server.names(server.config_maps)) == 7
    server.collect()
    assert server.names(server.config_maps) == []


def test_ownership_can_be_handed_on(server: Server) -> None:
    first, second = (server.create(server.widgets, widget(name)) for name in ("one", "two"))
    child = server.create(server.config_maps, config_map(ownerReferences=[owned_by(first)]))
    moved = copied(child)
    moved["metadata"]["ownerReferences"] = [owned_by(second)]
    server.core.replace(server.config_maps, "default", "one", moved)
    server.core.delete(server.widgets, "default", "one")
    server.collect()
    assert server.names(server.config_maps) == ["one"]
