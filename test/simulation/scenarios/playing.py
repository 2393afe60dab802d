"""What scenarios are written in: who comes, what happens, and what there is."""

from collections.abc import Callable, Mapping
from typing import Any

from isoproxy.kube.resources import ISOLATION_PODS, Json
from test.simulation.happenings import let_happen
from test.simulation.processes import ProxyProcess
from test.simulation.script import Happening, Script
from test.simulation.visitors import Manner
from test.simulation.world import World

Scenario = Callable[[World], None]
START_SECONDS = 5.0


def scenarios(*played: tuple[Scenario, Mapping[str, Any]]) -> Mapping[str, tuple[Script, Scenario]]:
    """Each scenario by its name, with a script in which nothing happens, and one service, as its options say."""
    return {scenario.__name__: (_script(**options), scenario) for scenario, options in played}


def _script(**options: Any) -> Script:
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


def expect_usable(world: World, count: int, when: str) -> None:
    """Note what is wrong if fewer pods can be used."""
    if (found := usable(world)) < count:
        world.history.wrong(f"warm: {found} pods can be used, {when}, not {count}")


def served(world: World) -> int:
    """How many clients have been served."""
    return world.oracle.counts.get("served", 0)
