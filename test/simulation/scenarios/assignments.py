"""An operator that does not hear what became of its writes, or hears it late; proxies that do not see their pods."""

from isoproxy.kube.errors import WatchExpired
from isoproxy.kube.resources import ISOLATION_PODS, PODS, Json
from test.simulation.happenings.users import edit, touch
from test.simulation.scenarios.playing import START_SECONDS, come, scenarios, served, stock
from test.simulation.world import NAMESPACE, World


def an_assignment_without_an_answer_beside_a_scale_down(world: World) -> None:
    """The operator takes for unassigned what a proxy has claimed already."""
    world.run(START_SECONDS)
    link = world.operators[0].api.link
    link.deaf_to = ISOLATION_PODS.plural
    link.loses_guarded = True
    for _ in range(10):
        come(world, stay=20.0)
        world.run(0.4)
    edit(world, "s0", replicas=0)
    world.run(1.0)
    link.loses_guarded = False
    world.run(20.0)


def a_watch_of_assignments_that_hangs(world: World) -> None:
    """A live proxy that does not see what it is given; it renews, so its pods stay, and clients wait or are served."""
    world.run(START_SECONDS)
    world.proxies[0].api.link.deaf_to = ISOLATION_PODS.plural
    for _ in range(6):
        come(world, stay=30.0)
        world.run(1.0)
    world.run(60.0)
    world.proxies[0].api.link.deaf_to = ""


def a_new_leader_that_lists_slowly(world: World) -> None:
    world.run(START_SECONDS)
    come(world)
    world.run(2.0)
    world.retire(world.operators[0])
    world.start_operator().api.link.slow = 0.7
    edit(world, "s0", replicas=1)
    world.run(60.0)


def a_relist_between_claim_and_record(world: World) -> None:
    world.run(START_SECONDS)
    for _ in range(4):
        come(world, stay=0.9)
        world.server.forget_history()
        world.proxies[0].api.break_watches(WatchExpired())
        world.run(0.3)
        for record in stock(world, world.proxies[0]):
            touch(world, record, "between claim and record")
        world.run(0.1)
        for _ in range(4):
            come(world, stay=0.5)
        world.run(3.0)


def a_crash_between_the_two_creates(world: World) -> None:
    for _ in range(10):
        edit(world, "s0", replicas=0)
        world.run(1.0)
        edit(world, "s0", replicas=12)
        while not any(_is_bare(world, record) for record in world.server.objects(ISOLATION_PODS)):
            if not world.timeline.step(world.timeline.now + 60.0):
                break
        world.retire(world.operators[0])
        world.start_operator()


def _is_bare(world: World, record: Json) -> bool:
    return world.server.find(PODS, NAMESPACE, record["metadata"]["name"]) is None


def an_operator_away_with_the_api_server(world: World) -> None:
    """I7: without either, connections and stock go on."""
    world.run(START_SECONDS)
    come(world, stay=100.0)
    world.run(2.0)
    world.server.up = False
    world.retire(world.operators[0])
    before = served(world)
    warm = len(stock(world, world.proxies[0]))
    for _ in range(warm):
        world.run(2.0)
        come(world, stay=50.0)
    world.run(1.0)
    if (used := served(world) - before) != warm:
        world.history.wrong(f"I7: {used} of {warm} warm pods served without a cluster")
    world.server.up = True


SCENARIOS = scenarios(
    (an_assignment_without_an_answer_beside_a_scale_down, {"proxies": 1}),
    (a_watch_of_assignments_that_hangs, {}),
    (a_new_leader_that_lists_slowly, {}),
    (a_relist_between_claim_and_record, {"proxies": 1}),
    (a_crash_between_the_two_creates, {}),
    (an_operator_away_with_the_api_server, {"proxies": 1}),
)
