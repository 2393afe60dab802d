"""What administrators do to a cluster, and what happens to one: credentials, definitions, a full disk."""

import signal
from random import Random

from test.cluster.layout import Layout
from test.e2e.oncluster import DEFINITIONS, prepare
from test.running.waiting import eventually
from test.soak.faults.fault import API, Begun, Fault, leave_alone
from test.soak.faults.processes import api_server, store
from test.soak.world import SERVICES, World

_LONGEST = 12.0
_WHOLE_DISK = "1g"


def expire_token(world: World, random: Random) -> Begun:
    """Let the token end some time before there is another."""
    leave_alone(world)
    world.account.expire(world.api)
    return Begun(API, random.uniform(0, 2 * _LONGEST), lambda: world.account.renew(world.api))


def delete_definition(world: World, random: Random) -> Begun:
    """Delete a CustomResourceDefinition, and with it all that there is of its kind."""
    leave_alone(world)
    name = random.choice(["dedicatedservices.soh.re", "isolationpods.soh.re"])
    for service in SERVICES:
        world.doings.about_to_end("service", service)
    path = f"{DEFINITIONS}/{name}"
    world.api.delete(path)

    def apply_again() -> None:
        eventually(lambda: not world.api.find(path), f"{name} is gone")
        prepare(world.api)
        world.create_missing()

    return Begun(API, random.uniform(0, _LONGEST), apply_again, name)


def fill_disk(world: World, random: Random) -> Begun:
    """Leave etcd no room; it may well end by that."""
    leave_alone(world)
    _resize(world, '$(df --output=used --block-size=1 "$0" | tail -n 1 | tr -d " ")')
    return Begun(API, random.uniform(1, _LONGEST), lambda: _make_room(world))


def _make_room(world: World) -> None:
    _resize(world, _WHOLE_DISK)
    for part in (store(world), api_server(world)):
        world.cluster.processes.end(part.name, signal.SIGKILL)
        world.cluster.start(part)


def _resize(world: World, size: str) -> None:
    folder = _store_folder(world.cluster.files)
    world.cluster.sandbox.run("sh", "-ec", f'mount -o "remount,size={size}" "$0"', folder)


def _store_folder(files: Layout) -> str:
    return str(files.data / "etcd")


FAULTS = (
    Fault("expired token", 1, expire_token),
    Fault("deleted definition", 0.5, delete_definition),
    Fault("full disk", 0.5, fill_disk),
)
