"""What the control loop makes of objects that have the names of its own: somebody else's, or an earlier service's."""

from isoproxy.kube.resources import CONFIG_MAPS, DEDICATED_SERVICES, EVENTS, NETWORK_POLICIES, PODS
from isoproxy.model.ownership import owner
from test.operator.reconciling import World, names_of


def test_a_deleted_service_leaves_nothing_and_one_of_its_name_begins_anew(world: World) -> None:
    old = world.service()
    world.settle()
    before = names_of(world.all(PODS))
    world.do(world.hand.delete(DEDICATED_SERVICES, "s", namespace="n"))
    new = world.service()
    world.settle(30)
    assert old["metadata"]["uid"] != new["metadata"]["uid"]
    assert not before & names_of(world.all(PODS))
    uids = {pod["metadata"]["labels"]["soh.re/service-uid"] for pod in world.all(PODS)}
    assert uids == {new["metadata"]["uid"]}
    assert len(world.all(PODS)) == 3
    assert len(world.all(NETWORK_POLICIES)) == len(world.all(CONFIG_MAPS)) == 1


def test_a_name_that_belongs_to_someone_else_is_waited_for_and_told(world: World) -> None:
    taken = {"metadata": {"name": "s-pods"}, "spec": {"podSelector": {}}}
    world.do(world.hand.create(NETWORK_POLICIES, taken, namespace="n"))
    world.service()
    world.settle(5)
    assert world.all(PODS) == []
    degraded = world.condition("Degraded")
    assert degraded["reason"] == "NameTaken"
    world.do(world.hand.delete(NETWORK_POLICIES, "s-pods", namespace="n"))
    world.settle(40)
    assert len(world.all(PODS)) == 3


def test_what_was_made_for_a_service_that_is_no_more_does_not_stand_in_the_way_of_the_next(world: World) -> None:
    """As when an operator that has not heard of the deletion yet makes its children once more."""
    world.api.collects = world.hand.collects = False
    world.service()  # and so it is looked at before they are deleted
    labels, owners = {"soh.re/service-uid": "gone", "soh.re/service": "s"}, [owner("s", "gone")]
    for resource, name in ((NETWORK_POLICIES, "s-pods"), (CONFIG_MAPS, "s-proxy")):
        manifest = {"metadata": {"name": name, "labels": labels, "ownerReferences": owners}}
        world.do(world.hand.create(resource, manifest, namespace="n"))
    world.settle(3)
    assert len(world.all(PODS)) == 3
    assert "NameTaken" not in {event["reason"] for event in world.all(EVENTS)}, "nobody else has the name"


def test_a_wall_that_somebody_opened_is_closed_again(world: World) -> None:
    world.service()
    world.settle()
    [before] = world.all(NETWORK_POLICIES)
    world.do(world.hand.patch(NETWORK_POLICIES, "s-pods", {"spec": {"egress": [{}]}}, namespace="n"))
    world.settle()
    [after] = world.all(NETWORK_POLICIES)
    assert after["spec"] == before["spec"]
