"""The network between our processes and the API server fails, and so does that server."""

from isoproxy.kube.errors import NotSent, WatchBroken, WatchExpired
from isoproxy.kube.resources import DEDICATED_SERVICES, ISOLATION_PODS, LEASES, PODS
from test.simulation.happenings.kind import Happen, Kind, choose, seconds
from test.simulation.processes import Process
from test.simulation.world import World

LONGEST_AWAY = 20.0  # seconds
_WATCHED = (None, ISOLATION_PODS, ISOLATION_PODS, PODS, LEASES, DEDICATED_SERVICES)


def _process(world: World, which: float) -> Process | None:
    return choose(world.processes(), which)


def _part(world: World, which: float, amount: float) -> None:
    if (process := _process(world, which)) is not None:
        link = process.api.link
        link.cut = True
        if amount * 10 % 2 < 1:
            process.api.break_watches(WatchBroken("reset"))
        _heal_later(world, process, amount, cut=False)


def _deafen(world: World, which: float, amount: float) -> None:
    """To everything, or to one kind of objects while it hears of the others."""
    if (process := _process(world, which)) is not None:
        kind = choose(_WATCHED, (amount * 10) % 1.0)
        process.api.link.deaf, process.api.link.deaf_to = kind is None, kind.plural if kind is not None else ""
        _heal_later(world, process, amount, deaf=False, deaf_to="")


def _afflict(kind: str) -> Happen:
    """What makes one of a link's likelihoods high for a while."""

    def afflict(world: World, which: float, amount: float) -> None:
        if (process := _process(world, which)) is not None:
            setattr(process.api.link, kind, amount)
            _heal_later(world, process, (amount * 7) % 1.0, **{kind: 0.0})

    return afflict


def _heal_later(world: World, process: Process, amount: float, **healthy: float | bool | str) -> None:
    def heal() -> None:
        for name, value in healthy.items():
            setattr(process.api.link, name, value)
        process.api.resume_watches()

    world.timeline.after(seconds(amount), heal)


def _server_away(world: World, which: float, amount: float) -> None:
    world.server.up = False
    for process in world.processes():
        process.api.break_watches(NotSent("connection reset"))

    def back() -> None:
        world.server.up = True

    world.timeline.after(seconds(amount, LONGEST_AWAY), back)


def _forget_history(world: World, which: float, amount: float) -> None:
    world.server.forget_history()


def _break_watches(world: World, which: float, amount: float) -> None:
    if (process := _process(world, which)) is not None:
        process.api.break_watches(WatchBroken("reset") if amount < 0.5 else WatchExpired())


def _garbage_waits(world: World, which: float, amount: float) -> None:
    world.server.collects = False

    def go_on() -> None:
        world.server.collects = True

    world.timeline.after(seconds(amount), go_on)


HAPPENINGS = {
    "part": Kind(1.5, _part),
    "deafen": Kind(1.5, _deafen),
    "trouble": Kind(3.0, _afflict("trouble")),
    "trouble watches": Kind(3.0, _afflict("watch_trouble")),
    "slow down": Kind(1.0, _afflict("slow")),
    "server away": Kind(0.7, _server_away),
    "forget history": Kind(1.0, _forget_history),
    "break watches": Kind(1.5, _break_watches),
    "garbage waits": Kind(0.7, _garbage_waits),
}
