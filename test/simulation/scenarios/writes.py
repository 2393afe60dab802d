"""An operator whose writes take effect without that it hears so, or long before it does."""

from isoproxy.kube.resources import ISOLATION_PODS
from test.simulation.happenings.users import delete_record, edit
from test.simulation.scenarios.playing import START_SECONDS, come, scenarios
from test.simulation.world import World


def creations_without_an_answer_at_the_ceiling(world: World) -> None:
    """Each of them may have made a pod: no more are made than there may be."""
    link = world.operators[0].api.link
    for number in range(150):
        link.trouble = 0.4
        edit(world, "s0", replicas=0 if number % 2 else 4)
        if not world.run(2.0):
            return
        link.trouble = 0.0
        world.run(1.0)


def an_operator_that_does_not_hear_of_what_it_makes(world: World) -> None:
    """It has asked for all that there may be, and goes by that."""
    world.run(START_SECONDS)
    edit(world, "s0", replicas=4)
    while not world.server.objects(ISOLATION_PODS) and world.timeline.step(world.timeline.now + 1.0):
        pass
    link = world.operators[0].api.link
    link.deaf = True
    world.run(20.0)
    link.deaf = False
    world.operators[0].api.resume_watches()
    world.run(10.0)


def pods_gone_before_the_answer_to_their_creation(world: World) -> None:
    """The watch has shown them come and go when the answer to their creation arrives: they are not waited for."""
    world.run(START_SECONDS)
    world.operators[0].api.link.slow = 0.7
    for _ in range(10):
        known = {one["metadata"]["uid"] for one in world.server.objects(ISOLATION_PODS)}
        come(world, stay=0.1)
        for _ in range(10):
            world.run(0.5)
            for record in world.server.objects(ISOLATION_PODS):
                if record["metadata"]["uid"] not in known:
                    delete_record(world, record)
    world.operators[0].api.link.slow = 0.0
    world.run(20.0)


SCENARIOS = scenarios(
    (creations_without_an_answer_at_the_ceiling, {"proxies": 1, "spec": {"maxPods": 4}}),
    (an_operator_that_does_not_hear_of_what_it_makes, {"proxies": 1, "spec": {"replicas": 0, "maxPods": 4}}),
    (pods_gone_before_the_answer_to_their_creation, {"proxies": 1, "spec": {"replicas": 2}}),
)
