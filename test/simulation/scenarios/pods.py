"""Pods that end by others' hands, do not work, or are not to be many; and the nodes that they are on."""

from isoproxy.kube.resources import PODS
from test.simulation.happenings.nodes import drain_node, swap_addresses
from test.simulation.happenings.users import delete_pod, delete_record, edit
from test.simulation.nodes import NODES
from test.simulation.scenarios.playing import START_SECONDS, come, expect_usable, happen, scenarios, stock
from test.simulation.world import World

HEARD_SECONDS = 1.0
"""In which time a proxy is asked back what it must not use, where nothing fails."""


def a_node_that_reboots(world: World) -> None:
    world.run(START_SECONDS)
    come(world)
    for node in (0.0, 0.4, 0.7):
        happen(world, "reboot node", node)
        for _ in range(3):
            come(world, stay=1.0)
        world.run(0.5)


def a_node_that_swaps_two_addresses(world: World) -> None:
    """Of pods that are Ready all the while: a moment later nobody meets the one who means the other."""
    world.run(START_SECONDS)
    held = [world.nodes.of(record["metadata"]["name"]) for record in stock(world, world.proxies[0])]
    one, other = [program for program in held if program is not None][:2]
    swap_addresses(world, one, other, rest=HEARD_SECONDS)
    world.run(HEARD_SECONDS)
    for _ in range(4):
        come(world, stay=1.0)
    world.run(20.0)


def a_pod_that_is_ready_and_refuses(world: World) -> None:
    edit(world, "s0", image="refuses:1")
    world.run(START_SECONDS)
    for _ in range(3):
        come(world, stay=1.0)
    world.run(30.0)


def one_pod_at_most_that_ends_slowly(world: World) -> None:
    world.run(START_SECONDS)
    for _ in range(8):
        come(world, stay=0.2)
        world.run(0.4)
    world.run(30.0)


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


def every_node_drained_in_turn(world: World) -> None:
    """As for an upgrade: what is on it moves on, clients find pods all the while, and those elsewhere stay."""
    world.run(START_SECONDS)
    for _ in range(3):
        come(world, stay=300.0)
    for node in range(NODES):
        drain_node(world, node, grace=30)
        for _ in range(12):
            world.run(2.0)
            come(world, world.proxies[-1], stay=1.0)
        world.run(40.0)
        if left := [*world.nodes.on(node), *world.proxies_on(node)]:
            world.history.wrong(f"I4: node {node} is drained, and {len(left)} programs and proxies are still there")
        expect_usable(world, 6, f"node {node} being drained")
        world.nodes.uncordon(node)


def a_node_parted_with_sessions_open(world: World) -> None:
    """What runs there is deleted, and does not know it: its sessions go on until the node is back."""
    world.run(START_SECONDS)
    for _ in range(6):
        come(world, stay=100.0)
    world.run(2.0)
    happen(world, "part node", 0.4, 0.9)
    world.run(60.0)


SCENARIOS = scenarios(
    (a_node_that_reboots, {}),
    (a_node_that_swaps_two_addresses, {"proxies": 1}),
    (a_pod_that_is_ready_and_refuses, {}),
    (one_pod_at_most_that_ends_slowly, {"proxies": 1, "spec": {"replicas": 1, "maxPods": 1}}),
    (pods_deleted_by_the_dozen, {}),
    (isolation_pods_deleted_by_hand, {}),
    (every_node_drained_in_turn, {"spec": {"replicas": 6}}),
    (a_node_parted_with_sessions_open, {"spec": {"replicas": 6}}),
)
