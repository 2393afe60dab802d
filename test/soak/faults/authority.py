"""The authority of a cluster is exchanged while all runs: the next is trusted too, then signs, then is the only one."""

import ssl
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from test.cluster import layout
from test.cluster.certificates import Authority, write
from test.cluster.identities import API_HOSTS
from test.cluster.parts import controlplane
from test.cluster.programs import program
from test.running.waiting import eventually
from test.soak.faults.fault import API, Begun, Fault, leave_alone
from test.soak.world import World

_LONGEST = 20.0
_RELOADED_SECONDS = 90.0
"""The API server looks each minute, where it is not told."""


def exchange_authority(world: World, random: Random) -> Begun:
    """Let the next authority sign for the API server; the one before is trusted for a while longer."""
    leave_alone(world)
    keys = world.cluster.files.keys
    with TemporaryDirectory() as name:
        folder = Path(name)
        Authority(folder).sign("apiserver", user="kube-apiserver", hosts=API_HOSTS)
        following = (folder / "ca.crt").read_bytes()
        write(keys / "ca.crt", (keys / "ca.crt").read_bytes() + following)
        for file in ("apiserver.key", "apiserver.crt"):
            write(keys / file, (folder / file).read_bytes())
    _restart_controllers(world)
    shown = (keys / "apiserver.crt").read_text()
    eventually(lambda: _served() == shown, "the API server shows its certificate", within=_RELOADED_SECONDS)
    return Begun(API, random.uniform(0, _LONGEST), lambda: write(keys / "ca.crt", following))


def _served() -> str:
    return ssl.get_server_certificate((layout.NODE_IP, layout.API_PORT))


def _restart_controllers(world: World) -> None:
    """Start those anew that read once whom they trust."""
    files = world.cluster.files
    for part in (
        controlplane.controller_manager(files, program("kube-controller-manager")),
        controlplane.scheduler(files, program("kube-scheduler")),
    ):
        world.cluster.processes.end(part.name)
        world.cluster.start(part)


FAULTS = (Fault("exchange authority", 0.7, exchange_authority),)
