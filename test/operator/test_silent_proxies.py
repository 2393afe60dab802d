"""Proxies that fall silent, and those that say that they have ended: what the control loop makes of it."""

from isoproxy.kube.resources import ISOLATION_PODS, LEASES, PODS
from isoproxy.model.proxylease import lease_manifest
from isoproxy.operator.housekeeping import READS_AT_ONCE
from test.operator.reconciling import World, names_of


def test_a_silent_proxy_is_expired_by_reads_alone_and_its_pods_end_after_the_grace(world: World) -> None:
    service = world.service(replicas=3)
    for instance in ("a-1", "b-1", "c-1"):
        world.proxy(service, instance, held="1")
    world.settle(5)
    doomed = names_of(world.assigned("a-1"))
    assert doomed
    in_use = world.assigned("a-1")[0]
    world.write_phase(in_use, "InUse")
    began = world.clock.seconds()
    while names_of(world.all(ISOLATION_PODS)) & doomed:
        for instance in ("b-1", "c-1"):
            world.proxy(service, instance, held=str(len(world.assigned(instance))))
        world.settle(1)
        assert world.clock.seconds() - began < 200
    assert world.clock.seconds() - began > 60 + 15
    world.settle(20)
    assert "s-a-1" not in names_of(world.all(LEASES))


def test_leases_made_up_for_no_service_do_not_hold_up_the_end_of_a_proxy_that_died(world: World) -> None:
    service = world.service(replicas=3)
    for number in range(5):
        made_up = lease_manifest(service_name="made-up", service_uid="x", instance=f"x-{number}", annotations={})
        del made_up["metadata"]["ownerReferences"]  # by which the API server would delete it
        world.do(world.hand.create(LEASES, made_up, namespace="n"))
    for instance in ("a-1", "b-1", "c-1"):
        world.proxy(service, instance, held="1")
    world.settle(5)
    began = world.clock.seconds()
    while world.assigned("a-1"):
        for instance in ("b-1", "c-1"):
            world.proxy(service, instance, held=str(len(world.assigned(instance))))
        world.settle(1)
        assert world.clock.seconds() - began < 200


def test_reads_of_many_silent_leases_leave_room_for_other_requests(world: World) -> None:
    """Whoever may write Leases somewhere can have any number of them read."""
    for number in range(5 * READS_AT_ONCE):
        made_up = lease_manifest(service_name="made-up", service_uid="x", instance=f"x-{number}", annotations={})
        del made_up["metadata"]["ownerReferences"]  # by which the API server would delete it
        world.do(world.hand.create(LEASES, made_up, namespace="n"))
    faults = world.api.faults
    faults.holds = lambda verb, resource, name: (verb, resource) == ("get", LEASES)
    world.settle(15)
    assert len(faults.held) == READS_AT_ONCE, "as long as none of them is answered"
    faults.holds = lambda verb, resource, name: False
    for read in faults.held:
        read.callback(None)
    world.settle(60)
    assert len(world.all(LEASES)) == 5 * READS_AT_ONCE
    world.settle(180, 0.5)
    assert world.all(LEASES) == [], "each is read in the end, and known to be nobody's"


def test_a_proxy_that_says_it_has_ended_is_believed_at_once(world: World) -> None:
    service = world.service(replicas=2)
    world.proxy(service, "a-1", held="2")
    world.settle()
    before = names_of(world.assigned("a-1"))
    world.proxy(service, "a-1", held="0", draining="true", ended="true")
    world.settle(25)
    assert not names_of(world.all(ISOLATION_PODS)) & before
    assert world.all(LEASES) == []
    assert len(world.all(PODS)) == 2
