"""The traps that were found on paper, each played out: what is written here happens, the rest is undisturbed."""

from collections.abc import Callable, Mapping
from typing import Any

from isoproxy.kube.errors import WatchExpired
from isoproxy.kube.resources import ISOLATION_PODS, LEASES, PODS, Json
from test.simulation.happenings import let_happen
from test.simulation.happenings.users import delete_pod, delete_record, edit, touch
from test.simulation.processes import ProxyProcess
from test.simulation.script import Happening, Script
from test.simulation.visitors import Manner
from test.simulation.world import GRACE, NAMESPACE, World

Scenario = Callable[[World], None]
LEASE_SECONDS = 15.0
START_SECONDS = 5.0


def script(**options: Any) -> Script:
    """A script in which nothing happens, with one service."""
    spec = {"image": "good:1", "replicas": 4} | options.pop("spec", {})
    return Script(seed=options.pop("seed", 1), services=(spec,), happenings=(), **options)


def come(
    world: World, proxy: ProxyProcess | None = None, *, manner: Manner = Manner.CLOSES, stay: float = 60.0
) -> None:
    """Let a client come."""
    world.visit(proxy or world.proxies[0], manner, stay)


def happen(world: World, kind: str, which: float = 0.0, amount: float = 0.5) -> None:
    """Let something happen now."""
    let_happen(world, Happening(world.timeline.now, kind, which, amount))


def stock(world: World, proxy: ProxyProcess) -> list[Json]:
    """What is assigned to a proxy, and unused as far as is written."""
    records = world.server.objects(ISOLATION_PODS)
    mine = [one for one in records if one["spec"]["proxy"].startswith(proxy.home + "-")]
    return [one for one in mine if one["status"]["phase"] == "Idle"]


def usable(world: World) -> int:
    """How many Ready pods nobody uses, that clients can come to."""
    homes = {proxy.home for proxy in world.proxies}
    found = 0
    for record in world.server.objects(ISOLATION_PODS):
        holder = record["spec"]["proxy"].rpartition("-")[0]
        program = world.nodes.of(record["metadata"]["name"])
        found += (
            record["status"]["phase"] == "Idle"
            and (not holder or holder in homes)
            and program is not None
            and program.ready
            and program.alive
        )
    return found


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


def a_watch_of_leases_that_hangs(world: World) -> None:
    """Nothing changes, everybody lives: silence is no evidence."""
    world.run(START_SECONDS)
    come(world, stay=200.0)
    world.operators[0].api.link.deaf_to = LEASES.plural
    world.run(90.0)
    world.operators[0].api.link.deaf_to = ""


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


def a_proxy_cut_off_for_longer_than_its_grace(world: World) -> None:
    """Clients still reach it, while its pods' addresses are given to others."""
    world.run(START_SECONDS)
    lone = world.proxies[0]
    come(world, lone, stay=200.0)
    world.run(2.0)
    lone.api.link.cut = True
    for _ in range(int(LEASE_SECONDS + GRACE) // 5 + 9):
        world.run(5.0)
        come(world, world.proxies[1], stay=1.0)
        come(world, world.proxies[1], stay=1.0)
    world.run(2.5)
    for _ in range(6):
        come(world, lone, stay=2.0)
    world.run(10.0)


def a_lease_that_comes_back(world: World) -> None:
    world.run(START_SECONDS)
    come(world)
    world.proxies[0].api.link.cut = True
    world.run(20.0)
    world.proxies[0].api.link.cut = False
    for _ in range(4):
        come(world, stay=5.0)
    world.run(60.0)


def a_lease_deleted_by_hand(world: World) -> None:
    world.run(START_SECONDS)
    come(world)
    happen(world, "delete lease")
    world.run(60.0)


def a_node_that_reboots(world: World) -> None:
    world.run(START_SECONDS)
    come(world)
    for node in (0.0, 0.4, 0.7):
        happen(world, "reboot node", node)
        for _ in range(3):
            come(world, stay=1.0)
        world.run(0.5)


def a_service_made_anew_among_its_remains(world: World) -> None:
    world.run(START_SECONDS)
    come(world, stay=3.0)
    world.server.collects = False
    happen(world, "make anew", amount=0.0)
    world.run(3.0)
    come(world, stay=3.0)
    world.run(20.0)
    world.server.collects = True


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
        edit(world, "s0", replicas=12)
        while not any(_is_bare(world, record) for record in world.server.objects(ISOLATION_PODS)):
            if not world.timeline.step(world.timeline.now + 60.0):
                break
        world.retire(world.operators[0])
        world.start_operator()
        edit(world, "s0", replicas=0)
        world.run(1.0)


def _is_bare(world: World, record: Json) -> bool:
    return world.server.find(PODS, NAMESPACE, record["metadata"]["name"]) is None


def clients_that_shut_down_while_they_wait(world: World) -> None:
    world.run(START_SECONDS)
    edit(world, "s0", replicas=0)
    world.run(5.0)
    for manner in (Manner.HANGS_UP, Manner.ASKS_AND_SHUTS, Manner.GIVES_UP, Manner.ASKS_AND_SHUTS):
        world.operators[0].machine.stop()
        come(world, manner=manner, stay=1.0)
        world.run(1.0)
        world.operators[0].machine.go_on()
        world.run(5.0)


def a_pod_that_is_ready_and_refuses(world: World) -> None:
    edit(world, "s0", image="refuses:1")
    world.run(START_SECONDS)
    for _ in range(3):
        come(world, stay=1.0)
    world.run(30.0)


def one_pod_at_most_that_ends_slowly(world: World) -> None:
    edit(world, "s0", replicas=1, maxPods=1)
    world.run(START_SECONDS)
    for _ in range(8):
        come(world, stay=0.2)
        world.run(0.4)
    world.run(30.0)


def all_proxies_parted_at_once(world: World) -> None:
    """None is taken for dead by time; sessions and stock go on for the grace."""
    world.run(START_SECONDS)
    come(world, stay=300.0)
    world.run(2.0)
    for proxy in world.proxies:
        proxy.api.link.cut = True
    world.run(20.0)
    come(world, stay=200.0)
    world.run(LEASE_SECONDS + GRACE + 60.0)
    for proxy in world.proxies:
        proxy.api.link.cut = False


def a_proxy_dies_and_the_pool_is_warm_again(world: World) -> None:
    world.run(START_SECONDS)
    happen(world, "kill proxy", 0.0, 0.999)
    world.run(LEASE_SECONDS + GRACE - 5.0)
    if usable(world) < 4:
        world.history.wrong(f"warm: {usable(world)} pods can be used, while those of a proxy that died are waited for")


def an_operator_away_with_the_api_server(world: World) -> None:
    """I7: without either, connections and stock go on."""
    world.run(START_SECONDS)
    come(world, stay=100.0)
    world.run(2.0)
    world.server.up = False
    world.retire(world.operators[0])
    served = world.oracle.counts["served"]
    warm = len(stock(world, world.proxies[0]))
    for _ in range(warm):
        world.run(2.0)
        come(world, stay=50.0)
    world.run(1.0)
    if world.oracle.counts["served"] != served + warm:
        world.history.wrong(
            f"I7: {world.oracle.counts['served'] - served} of {warm} warm pods served without a cluster"
        )
    world.server.up = True


def pods_deleted_by_the_dozen(world: World) -> None:
    world.run(START_SECONDS)
    for pod in list(world.server.objects(PODS)):
        delete_pod(world, pod)
    come(world, stay=1.0)
    world.run(20.0)


def isolation_pods_deleted_by_hand(world: World) -> None:
    world.run(START_SECONDS)
    for record in stock(world, world.proxies[0]):
        delete_record(world, record)
    world.run(20.0)


SCENARIOS: Mapping[str, tuple[Script, Scenario]] = {
    scenario.__name__: (script(**options), scenario)
    for scenario, options in (
        (an_assignment_without_an_answer_beside_a_scale_down, {"proxies": 1}),
        (a_watch_of_leases_that_hangs, {}),
        (a_watch_of_assignments_that_hangs, {}),
        (a_new_leader_that_lists_slowly, {}),
        (a_proxy_cut_off_for_longer_than_its_grace, {"proxies": 3, "spec": {"replicas": 9}}),
        (a_lease_that_comes_back, {}),
        (a_lease_deleted_by_hand, {}),
        (a_node_that_reboots, {}),
        (a_service_made_anew_among_its_remains, {}),
        (a_relist_between_claim_and_record, {"proxies": 1}),
        (a_crash_between_the_two_creates, {}),
        (clients_that_shut_down_while_they_wait, {"proxies": 1}),
        (a_pod_that_is_ready_and_refuses, {}),
        (one_pod_at_most_that_ends_slowly, {"proxies": 1}),
        (all_proxies_parted_at_once, {}),
        (a_proxy_dies_and_the_pool_is_warm_again, {}),
        (an_operator_away_with_the_api_server, {"proxies": 1}),
        (pods_deleted_by_the_dozen, {}),
        (isolation_pods_deleted_by_hand, {}),
    )
}
