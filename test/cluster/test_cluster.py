"""The test cluster itself: it is all there, it is nobody else's business, and it leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from test.cluster import layout, mounts
from test.cluster.cluster import Cluster
from test.cluster.health import is_healthy
from test.cluster.level import Level
from test.cluster.levels import up
from test.cluster.parts.controlplane import api_server, etcd
from test.cluster.programs import ASSETS, program
from test.cluster.target import remove_orphans
from test.running import proc
from test.running.process import TREE
from test.running.waiting import BOUND, eventually

pytestmark = pytest.mark.needs_cluster("node")

NAME = f"harness-{os.getpid()}"
CLUSTER = (sys.executable, "-m", "test.cluster")
LONG = ("sleep", f"600.{os.getpid()}")
"""A command that goes on, and is nobody else's."""


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Hold each test to an end that leaves nothing of its cluster."""
    yield
    if (left := Cluster.find(NAME)) is not None:
        left.down()
    check_nothing_left()


def check_nothing_left() -> None:
    """Fail for what there is of the cluster on this machine: mounts, control groups, files, processes."""
    found = [line for line in Path("/proc/self/mounts").read_text().splitlines() if f"/{NAME}" in line]
    for pattern in ("", "*/"):  # version 2 and 1
        found += map(str, Path("/sys/fs/cgroup").glob(f"{pattern}isoproxy-{NAME}"))
    found += map(str, Path(tempfile.gettempdir()).glob(f"isoproxy-cluster-*/{NAME}"))
    assert found == []

    def no_process() -> bool:
        assert processes(f"/{NAME}/") == []
        return True

    eventually(no_process, "no process is left")  # who stands at a part's door ends after it


def processes(text: str) -> list[str]:
    """Return the command lines of all processes that have ``text`` in them."""
    return [f"{pid} {command}" for pid in proc.processes() if text in (command := proc.command(pid))]


def machine() -> dict[str, str]:
    """Return what a cluster must leave as it is: this machine's own network, and settings of its kernel."""
    commands = {
        "addresses": "ip -brief address",
        "routes": "ip route show table all",
        "rules": "nft --stateless list ruleset",
        "hosts": "ip netns list",
    }
    return {
        what: re.sub(r" expires \w+", "", subprocess.check_output(command.split(), text=True))
        for what, command in commands.items()
    } | {name: Path("/proc/sys", name).read_text() for name in ("net/ipv4/ip_forward", *mounts.KERNEL)}


def command(verb: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command for people."""
    return subprocess.run(
        [*CLUSTER, verb, f"--name={NAME}", *arguments],
        cwd=TREE,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_node_runs_a_pod_that_both_hosts_beside_it_reach_and_leaves_nothing() -> None:
    before = machine()
    assert command("up", "--level=node").returncode == 0
    run = ["run", "one", "--image=isoproxy.test/tool:1", "--port=8080", "--expose", "--restart=Never", "--", "who"]
    assert command("exec", "kubectl", *run).returncode == 0
    ready = command("exec", "kubectl", "wait", "pod/one", "--for=condition=Ready", "--timeout=60s")
    assert ready.stdout == "pod/one condition met\n", ready
    address = command("exec", "kubectl", "get", "service/one", "--output=jsonpath={.spec.clusterIP}").stdout
    ask = f"exec 3<>/dev/tcp/{address}/8080; echo who >&3; read answer <&3; echo $answer"

    def answers(host: str) -> bool:
        asked = command("exec", f"--at={host}", "bash", "-c", ask)
        assert asked.stdout.startswith("one "), asked
        return True

    for host in ("", "client", "internet"):
        eventually(partial(answers, host), f"the pod answers at its service's address, asked from {host or 'the node'}")
    assert machine() == before
    cluster = Cluster.find(NAME)
    assert cluster is not None
    networks = networks_of(cluster)
    assert os.readlink("/proc/self/ns/net") not in networks
    with (
        subprocess.Popen(cluster.sandbox.at("client", *LONG)) as guest,
        subprocess.Popen([*CLUSTER, "exec", f"--name={NAME}", "--at=client", "--", *LONG], cwd=TREE) as visitor,
    ):
        eventually(lambda: [proc.command(pid).split() for pid in proc.processes()].count([*LONG]) == 2, "both run")
        assert command("down").returncode == 0
        assert (guest.wait(BOUND), visitor.wait(BOUND)) == (-signal.SIGKILL, -signal.SIGKILL)
    check_nothing_left()
    assert networks.isdisjoint(networks_in_use(proc.processes()))
    assert machine() == before


def networks_of(cluster: Cluster) -> set[str]:
    """Return the networks of all processes of a cluster: none of them listens anywhere else."""
    pids = [pid for pid in proc.processes() if cluster.sandbox.holds(pid)]
    assert len(pids) > len(cluster.processes.names())
    return networks_in_use(pids)


def networks_in_use(pids: Iterable[int]) -> set[str]:
    """Return the networks of processes; any of these may have ended by now."""
    found = set()
    for pid in pids:
        with suppress(OSError):
            found.add(os.readlink(f"/proc/{pid}/ns/net"))
    return found


def test_a_cluster_ends_with_its_owner_however_that_ends() -> None:
    owner = f"""
from test.cluster.level import Level
from test.cluster.levels import up

up("{NAME}", Level.API, owned=True)
print("up", flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", owner], cwd=TREE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        cluster = Cluster.find(NAME)
        assert cluster is not None
        assert cluster.sandbox.running
        process.kill()
    eventually(lambda: not processes(f"/{NAME}/"), "no process of the cluster runs")
    eventually(lambda: not cluster.sandbox.running, "its namespaces are gone")  # whose holder ends after all others


def test_a_run_of_tests_removes_what_killed_ones_have_left_and_nothing_else() -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    orphan, living = (up(f"tests-{pid}", Level.API) for pid in (ended.pid, os.getppid()))
    try:
        os.kill(orphan.sandbox.holder, signal.SIGKILL)
        remove_orphans()
        assert Cluster.find(orphan.files.name) is None
        assert living.sandbox.running
    finally:
        living.down()


def test_a_next_one_takes_the_place_of_what_a_crash_has_left() -> None:
    first = up(NAME, Level.API)
    os.kill(first.sandbox.holder, signal.SIGKILL)
    second = up(NAME, Level.API)
    assert second.sandbox.holder != first.sandbox.holder
    assert second.processes.pid("kube-apiserver") is not None


def test_a_part_that_was_killed_is_started_again_with_all_that_it_kept() -> None:
    assert command("up", "--level=api").returncode == 0
    assert command("exec", "kubectl", "create", "namespace", "kept").returncode == 0
    cluster = Cluster.find(NAME)
    assert cluster is not None
    cluster.processes.end("kube-apiserver", signal.SIGKILL)
    assert "kube-apiserver           ended" in command("status").stdout
    cluster.start(api_server(cluster.files, program("kube-apiserver"), controllers=False))
    assert command("exec", "kubectl", "get", "namespace", "kept").returncode == 0


def test_a_part_that_hangs_can_go_on_be_killed_or_go_down_with_its_cluster() -> None:
    cluster = up(NAME, Level.API)

    def answers() -> bool:
        with cluster.joined():
            return is_healthy(f"{layout.ETCD_URL}/health")

    def hang() -> None:
        cluster.processes.send("etcd", signal.SIGSTOP)
        eventually(lambda: not answers(), "it hangs")

    hang()
    cluster.processes.send("etcd", signal.SIGCONT)
    eventually(answers, "it has gone on")
    hang()
    cluster.processes.end("etcd", signal.SIGKILL)
    cluster.start(etcd(cluster.files, program("etcd")))
    hang()
    cluster.down()
    check_nothing_left()


def test_a_part_that_does_not_start_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    for name in Level.API.programs:
        (tmp_path / name).symlink_to(program(name))
    (tmp_path / "kube-apiserver").unlink()
    (tmp_path / "kube-apiserver").write_text("#!/bin/sh\necho I will not\nexit 1\n")
    (tmp_path / "kube-apiserver").chmod(0o755)
    failed = command("up", "--level=api", **{ASSETS: str(tmp_path)})
    assert failed.returncode == 1
    assert failed.stderr == "test.cluster: kube-apiserver: it has ended\nI will not\n"


def test_programs_that_people_have_are_used_and_the_others_built(tmp_path: Path) -> None:
    for name in Level.API.programs:
        (tmp_path / name).symlink_to(program(name))
    assert command("up", "--level=control", **{ASSETS: str(tmp_path)}).returncode == 0
    assert processes(f"{tmp_path}/kube-apiserver ")
    assert processes(f"{program('kube-scheduler')} ")


@pytest.mark.parametrize("verb", ["status", "exec", "logs"])
def test_without_a_cluster_every_command_says_how_to_make_one(verb: str) -> None:
    failed = command(verb, *(["etcd"] if verb == "logs" else []))
    assert failed.returncode == 1
    assert failed.stderr == (
        f"test.cluster: there is no cluster called {NAME}; python -m test.cluster up --name {NAME} makes it\n"
    )


@pytest.mark.parametrize("name", ["..", "/", "", "A", "a" * 33, "-a"])
def test_a_name_that_would_lead_elsewhere_is_refused(name: str) -> None:
    for verb in ("up", "down"):
        failed = subprocess.run(
            [*CLUSTER, verb, f"--name={name}"], cwd=TREE, capture_output=True, text=True, check=False
        )
        assert failed.returncode == 2
        assert f"argument --name: {name!r} is no name for a cluster" in failed.stderr


def test_a_folder_that_somebody_else_may_have_made_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / f"isoproxy-cluster-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    failed = command("up", "--level=api", TMPDIR=str(tmp_path))
    assert failed.stderr.endswith("is not this user's alone: somebody else may have made it\n"), failed


def test_a_process_of_the_tests_ends_with_them(tmp_path: Path) -> None:
    """However these end; that of a cluster's network would keep it for ever."""
    starts = "from test.running.process import Process\nprint(Process(['sleep', '700']).pid, flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", starts], cwd=TREE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
    eventually(lambda: not Path(f"/proc/{pid}").exists(), "it has ended")
