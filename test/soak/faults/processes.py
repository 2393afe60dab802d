"""Processes that die, are asked to end, or stand still: ours, and those of the control plane."""

import signal
from collections.abc import Sequence
from random import Random

from test.cluster.parts import controlplane
from test.cluster.parts.part import Part
from test.cluster.programs import program
from test.soak.faults.fault import API, Begun, Fault, leave_alone, mortals, someone
from test.soak.seat import Seat
from test.soak.world import World

_LONGEST_AWAY = 6.0
_LONGEST_STILL = 10.0
_OPERATOR_STILL = 20.0
"""Longer than the leader's Lease is valid."""


def _kill(world: World, random: Random, seats: Sequence[Seat]) -> Begun:
    seat = someone(world, random, mortals(seats))
    seat.kill()
    return Begun(seat.name, random.uniform(0, _LONGEST_AWAY), seat.start)


def _end(world: World, random: Random, seats: Sequence[Seat]) -> Begun:
    seat = someone(world, random, mortals(seats))
    seat.ask_to_end()

    def follow() -> None:
        seat.check_end()
        seat.start()

    return Begun(seat.name, random.uniform(0, _LONGEST_AWAY), follow)


def _freeze(world: World, random: Random, seats: Sequence[Seat], longest: float) -> Begun:
    seat = someone(world, random, seats)
    seat.freeze()
    return Begun(seat.name, random.uniform(0, longest), seat.thaw)


def api_server(world: World) -> Part:
    """Return the API server as it was started."""
    return controlplane.api_server(world.cluster.files, program("kube-apiserver"), controllers=True)


def store(world: World) -> Part:
    """Return etcd as it was started."""
    return controlplane.etcd(world.cluster.files, program("etcd"))


def _kill_part(world: World, random: Random, part: Part) -> Begun:
    leave_alone(world)
    world.cluster.processes.end(part.name, signal.SIGKILL)
    return Begun(API, random.uniform(0, _LONGEST_AWAY), lambda: world.cluster.start(part), part.name)


def _freeze_part(world: World, random: Random, part: Part) -> Begun:
    leave_alone(world)
    processes = world.cluster.processes
    processes.send(part.name, signal.SIGSTOP)
    return Begun(API, random.uniform(0, _LONGEST_STILL), lambda: processes.send(part.name, signal.SIGCONT), part.name)


FAULTS = (
    Fault("kill operator", 2, lambda world, random: _kill(world, random, world.operators)),
    Fault("end operator", 1, lambda world, random: _end(world, random, world.operators)),
    Fault("freeze operator", 2, lambda world, random: _freeze(world, random, world.operators, _OPERATOR_STILL)),
    Fault("kill proxy", 3, lambda world, random: _kill(world, random, world.proxies)),
    Fault("end proxy", 2, lambda world, random: _end(world, random, world.proxies)),
    Fault("freeze proxy", 2, lambda world, random: _freeze(world, random, world.proxies, _LONGEST_STILL)),
    Fault("kill API server", 1, lambda world, random: _kill_part(world, random, api_server(world))),
    Fault("freeze API server", 1, lambda world, random: _freeze_part(world, random, api_server(world))),
    Fault("kill etcd", 1, lambda world, random: _kill_part(world, random, store(world))),
    Fault("freeze etcd", 1, lambda world, random: _freeze_part(world, random, store(world))),
)
