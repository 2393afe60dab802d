"""The command for people: ``python -m test.cluster up``, ``exec``, ``status``, ``logs``, ``down`` and ``build``."""

import argparse
import os
import sys
from collections.abc import Callable
from subprocess import SubprocessError

from test.cluster import ahead, network
from test.cluster.cluster import Cluster, checked
from test.cluster.health import Unhealthy
from test.cluster.images import built
from test.cluster.level import Level
from test.cluster.levels import up
from test.cluster.programs import RECIPES, program

_DEFAULT = "default"


def main() -> int:
    """Do what the command line says; return the exit status."""
    arguments = _parser().parse_args()
    try:
        status: int = arguments.do(arguments)
    except (*ahead.FAILURES, Unhealthy, OSError, SubprocessError, AssertionError) as error:
        print(f"test.cluster: {error}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m test.cluster", description=__doc__)
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument(
        "--name", type=_name, default=_DEFAULT, help="which cluster; each is apart from all others [default]"
    )
    commands = parser.add_subparsers(required=True)

    def add(verb: str, do: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
        command = commands.add_parser(verb, help=about, parents=[named] if do is not _build else [])
        command.set_defaults(do=do)
        return command

    one = add("up", _up, "start a new cluster, in place of an older one of that name")
    one.add_argument("--level", choices=[level.value for level in Level], default=Level.NODE.value)
    one = add("exec", _exec, "run a command in the cluster's network, as its administrator")
    one.add_argument("--at", default="", choices=["", network.CLIENT, network.INTERNET], help="where [the node]")
    one.add_argument("command", nargs=argparse.REMAINDER)
    add("status", _status, "say which parts run")
    one = add("logs", _logs, "print what a part has printed")
    one.add_argument("part")
    add("down", _down, "end the cluster")
    one = add("build", _build, "build the programs of these modules, or all there are and the images; takes no rights")
    one.add_argument("module", nargs="*", choices=[*RECIPES, []], default=[])
    return parser


def _name(text: str) -> str:
    try:
        return checked(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _command(verb: str, arguments: argparse.Namespace) -> str:
    """Return what to type for the cluster that was meant."""
    return f"python -m test.cluster {verb}" + (f" --name {arguments.name}" if arguments.name != _DEFAULT else "")


def _up(arguments: argparse.Namespace) -> int:
    cluster = up(arguments.name, Level(arguments.level))
    print(f"KUBECONFIG={cluster.files.kubeconfig()}")
    print(f"It can be reached from its own network only: {_command('exec', arguments)} kubectl get namespaces")
    return 0


def _exec(arguments: argparse.Namespace) -> int:
    cluster = _existing(arguments)
    programs = f"{program('kubectl').parent}:{os.environ['PATH']}"
    environment = {"KUBECONFIG": str(cluster.files.kubeconfig()), "PATH": programs}
    wanted = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    command = cluster.sandbox.visiting(arguments.at, *(wanted or ["sh"]))
    os.execvpe(command[0], command, os.environ | environment)


def _status(arguments: argparse.Namespace) -> int:
    cluster = _existing(arguments)
    for name in cluster.processes.names():
        pid = cluster.processes.pid(name)
        print(f"{name:24} {'ended' if pid is None else f'runs, pid {pid}'}")
    return 0


def _logs(arguments: argparse.Namespace) -> int:
    cluster = _existing(arguments)
    parts = cluster.processes.names()
    if arguments.part not in parts:
        raise OSError(f"there is no part called {arguments.part}; there are {', '.join(parts)}")
    print(cluster.log(arguments.part), end="")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    if (cluster := Cluster.find(arguments.name)) is not None:
        cluster.down()
    return 0


def _build(arguments: argparse.Namespace) -> int:
    everything = not arguments.module
    for made in ahead.make(arguments.module or RECIPES, images=everything, dockerfile=everything and built.can_build()):
        print(made, flush=True)
    return 0


def _existing(arguments: argparse.Namespace) -> Cluster:
    cluster = Cluster.find(arguments.name)
    if cluster is None or not cluster.sandbox.running:
        raise OSError(f"there is no cluster called {arguments.name}; {_command('up', arguments)} makes it")
    return cluster


if __name__ == "__main__":
    sys.exit(main())
