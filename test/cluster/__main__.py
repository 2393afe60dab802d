"""The command for people: ``python -m test.cluster up``, ``exec``, ``status``, ``logs``, ``down`` and ``build``."""

import argparse
import os
import sys

from test.cluster.cluster import Cluster
from test.cluster.health import Unhealthy
from test.cluster.level import Level
from test.cluster.levels import up
from test.cluster.programs import RECIPES, BuildError, build, program
from test.needs import cluster_lacks


def main() -> int:
    """Do what the command line says; return the exit status."""
    arguments = _parser().parse_args()
    try:
        status: int = arguments.do(arguments)
    except (BuildError, Unhealthy, OSError) as error:
        print(f"test.cluster: {error}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m test.cluster", description=__doc__)
    parser.add_argument("--name", default="default", help="which cluster; each is apart from all others [default]")
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("up", help="start a new cluster, in place of an older one of that name")
    one.add_argument("--level", choices=[level.value for level in Level], default=Level.NODE.value)
    one.set_defaults(do=_up)
    one = commands.add_parser("exec", help="run a command in the cluster's network, as its administrator")
    one.add_argument("--at", default="", choices=["", "client", "internet"], help="where [the node]")
    one.add_argument("command", nargs=argparse.REMAINDER)
    one.set_defaults(do=_exec)
    commands.add_parser("status", help="say which parts run").set_defaults(do=_status)
    one = commands.add_parser("logs", help="print what a part has printed")
    one.add_argument("part")
    one.set_defaults(do=_logs)
    commands.add_parser("down", help="end the cluster").set_defaults(do=_down)
    one = commands.add_parser("build", help="build the programs, where that was not done before")
    one.add_argument("module", nargs="*", choices=[*RECIPES, []], default=[])
    one.add_argument("--if-of-use", action="store_true", help="do nothing where no cluster can be had")
    one.set_defaults(do=_build)
    return parser


def _up(arguments: argparse.Namespace) -> int:
    cluster = up(arguments.name, Level(arguments.level))
    print(f"KUBECONFIG={cluster.files.kubeconfig()}")
    print("It can be reached from its own network only: python -m test.cluster exec kubectl get nodes")
    return 0


def _exec(arguments: argparse.Namespace) -> int:
    cluster = _existing(arguments)
    programs = f"{program('kubectl').parent}:{os.environ['PATH']}"
    environment = {"KUBECONFIG": str(cluster.files.kubeconfig()), "PATH": programs}
    command = cluster.sandbox.at(arguments.at, *(arguments.command or ["sh"]))
    os.execvpe(command[0], command, os.environ | environment)


def _status(arguments: argparse.Namespace) -> int:
    cluster = _existing(arguments)
    for name in cluster.processes.names():
        pid = cluster.processes.pid(name)
        print(f"{name:24} {'ended' if pid is None else f'runs, pid {pid}'}")
    return 0


def _logs(arguments: argparse.Namespace) -> int:
    print(_existing(arguments).log(arguments.part), end="")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    if (cluster := Cluster.find(arguments.name)) is not None:
        cluster.down()
    return 0


def _build(arguments: argparse.Namespace) -> int:
    if arguments.if_of_use and (lacks := cluster_lacks(Level.NODE)):
        print(f"no cluster can be had here: {', '.join(sorted(lacks))} missing")
        return 0
    for module in arguments.module or RECIPES:
        print(f"{module:12} {build(module)}", flush=True)
    return 0


def _existing(arguments: argparse.Namespace) -> Cluster:
    cluster = Cluster.find(arguments.name)
    if cluster is None or not cluster.sandbox.running:
        raise OSError(f"there is no cluster called {arguments.name}; python -m test.cluster up makes it")
    return cluster


if __name__ == "__main__":
    sys.exit(main())
