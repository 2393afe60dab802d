"""What is told as Events by the control loop, once each."""

from isoproxy.kube.errors import Forbidden
from isoproxy.kube.resources import CONFIG_MAPS, EVENTS, ISOLATION_PODS, NETWORK_POLICIES, PODS, Resource
from test.operator.reconciling import World, told


def test_trouble_and_its_end_are_told_as_events_once_each_though_operators_come_and_go(world: World) -> None:
    taken = {"metadata": {"name": "s-pods"}, "spec": {"podSelector": {}}}
    world.do(world.hand.create(NETWORK_POLICIES, taken, namespace="n"))
    service = world.service()
    world.settle(10)
    world.operators[0].stopService()
    world.start_operator()
    world.settle(10)
    [(reason, note)] = told(world)
    assert reason == "NameTaken"
    assert "s-pods" in note
    [event] = world.all(EVENTS)
    assert event["involvedObject"]["uid"] == service["metadata"]["uid"]
    world.do(world.hand.delete(NETWORK_POLICIES, "s-pods", namespace="n"))
    world.settle(40)
    assert [reason for reason, _ in told(world)] == ["NameTaken", "Recovered"]


def test_connections_that_a_limit_ended_are_told_as_one_event_of_their_service_that_names_nobody(world: World) -> None:
    service = world.service()
    world.proxy(service, "pod-1", held="3")
    world.settle()
    for record, outcome in zip(world.assigned("pod-1"), ("idle_timeout", "idle_timeout", "completed"), strict=True):
        ended = {"phase": "Released", "inUse": False, "client": "192.0.2.7:4711", "outcome": outcome}
        name = record["metadata"]["name"]
        world.do(world.hand.patch(ISOLATION_PODS, name, {"status": ended}, namespace="n", subresource="status"))
    world.settle(1)
    assert told(world) == [("SessionLimit", "a connection was ended by session.idleTimeoutSeconds")]
    [event] = world.all(EVENTS)
    assert event["involvedObject"]["uid"] == service["metadata"]["uid"]


def test_a_spec_that_cannot_be_understood_is_told_as_an_event(world: World) -> None:
    world.service(network={"allowedCIDRs": ["::ffff:10.0.0.0/120"]})
    world.settle(10)
    [(reason, note)] = told(world)
    assert reason == "InvalidSpec"
    assert "allowedCIDRs" in note


def test_events_that_may_not_be_written_hold_up_nothing(world: World) -> None:
    def refuse(verb: str, resource: Resource, name: str) -> None:
        if resource is EVENTS:
            raise Forbidden(403)

    world.api.before = refuse
    taken = {"metadata": {"name": "s-proxy"}}
    world.do(world.hand.create(CONFIG_MAPS, taken, namespace="n"))
    world.service()
    world.settle(5)
    world.do(world.hand.delete(CONFIG_MAPS, "s-proxy", namespace="n"))
    world.settle(40)
    assert len(world.all(PODS)) == 3
    assert told(world) == []
