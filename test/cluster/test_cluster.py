"""The test cluster itself: it is all there, it is nobody else's business, and it leaves nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from test.cluster.cluster import Cluster
from test.cluster.level import Level
from test.cluster.levels import up
from test.cluster.parts.controlplane import api_server, etcd
from test.cluster.programs import ASSETS, program
from test.cluster.target import remove_orphans
from test.e2e.process import TREE
from test.e2e.waiting import eventually

pytestmark = pytest.mark.needs_cluster("node")

NAME = f"harness-{os.getpid()}"


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Hold each test to an end that leaves nothing of its cluster."""
    yield
    if (left := Cluster.find(NAME)) is not None:
        left.down()
    assert leftovers() == []


def leftovers() -> list[str]:
    """Return what there is of the cluster on this machine: processes, mounts, control groups, files."""
    found = [line for line in Path("/proc/self/mounts").read_text().splitlines() if f"/{NAME}" in line]
    for pattern in ("", "*/"):  # version 2 and 1
        found += map(str, Path("/sys/fs/cgroup").glob(f"{pattern}isoproxy-{NAME}"))
    found += map(str, Path("/tmp").glob(f"isoproxy-cluster-*/{NAME}"))
    return found + processes(f"/{NAME}/")


def processes(text: str) -> list[str]:
    """Return the command lines of all processes that have ``text`` in them."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in command:
            found.append(f"{entry} {command}")
    return found


def network() -> dict[str, str]:
    """Return what this machine's own network is made of."""
    commands = {
        "addresses": "ip -brief address",
        "routes": "ip route show table all",
        "rules": "nft list ruleset",
        "hosts": "ip netns list",
    }
    return {
        what: subprocess.run(command.split(), capture_output=True, text=True, check=True).stdout
        for what, command in commands.items()
    } | {"forwarding": Path("/proc/sys/net/ipv4/ip_forward").read_text()}


def command(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command for people."""
    return subprocess.run(
        [sys.executable, "-m", "test.cluster", f"--name={NAME}", *arguments],
        cwd=TREE,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_node_runs_a_pod_that_both_hosts_beside_it_reach_and_leaves_nothing() -> None:
    before = network()
    assert command("up", "--level=node").returncode == 0
    run = ["run", "one", "--image=isoproxy.test/tool:1", "--port=8080", "--expose", "--restart=Never", "--", "who"]
    assert command("exec", "kubectl", *run).returncode == 0
    ready = command("exec", "kubectl", "wait", "pod/one", "--for=condition=Ready", "--timeout=30s")
    assert ready.stdout == "pod/one condition met\n", ready
    address = command("exec", "kubectl", "get", "service/one", "--output=jsonpath={.spec.clusterIP}").stdout
    for host in ("", "client", "internet"):
        ask = f"exec 3<>/dev/tcp/{address}/8080; echo who >&3; read answer <&3; echo $answer"
        asked = command("exec", f"--at={host}", "bash", "-c", ask)
        assert asked.stdout.startswith("one "), (host, asked)
    assert network() == before
    cluster = Cluster.find(NAME)
    assert cluster is not None
    assert_apart(cluster)
    assert command("down").returncode == 0
    assert leftovers() == []
    assert network() == before


def assert_apart(cluster: Cluster) -> None:
    """Hold every process of a cluster to being in networks of the cluster's: none listens anywhere else."""
    ours = os.readlink("/proc/self/ns/net")
    pids = [int(entry) for entry in filter(str.isdigit, os.listdir("/proc")) if cluster.sandbox.holds(int(entry))]
    networks = {os.readlink(f"/proc/{pid}/ns/net") for pid in pids}
    assert len(pids) > len(cluster.processes.names())
    assert ours not in networks


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
    assert not cluster.sandbox.running


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

    def hang() -> None:
        door = int((cluster.files.pids / "etcd").read_text())
        cluster.processes.send("etcd", signal.SIGSTOP)
        eventually(lambda: "\nState:\tT" in Path(f"/proc/{door}/status").read_text(), "what waits for it hangs too")

    hang()
    cluster.processes.send("etcd", signal.SIGCONT)
    hang()
    cluster.processes.end("etcd", signal.SIGKILL)
    cluster.start(etcd(cluster.files, program("etcd")))
    hang()
    cluster.down()
    assert leftovers() == []


def test_a_part_that_does_not_start_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    for name in Level.API.programs:
        (tmp_path / name).symlink_to(program(name))
    (tmp_path / "kube-apiserver").unlink()
    (tmp_path / "kube-apiserver").write_text("#!/bin/sh\necho I will not\nexit 1\n")
    (tmp_path / "kube-apiserver").chmod(0o755)
    failed = command("up", "--level=api", **{ASSETS: str(tmp_path)})
    assert failed.returncode == 1
    assert failed.stderr == "test.cluster: kube-apiserver: it has ended\nI will not\n"


def test_programs_that_people_have_are_used_and_no_others(tmp_path: Path) -> None:
    for name in Level.API.programs:
        (tmp_path / name).symlink_to(program(name))
    assets = {ASSETS: str(tmp_path)}
    assert command("up", "--level=api", **assets).returncode == 0
    assert processes(f"{tmp_path}/kube-apiserver ")
    failed = command("up", "--level=control", **assets)
    assert failed.stderr == f"test.cluster: there is no kube-controller-manager in {tmp_path} ({ASSETS})\n"


@pytest.mark.parametrize("verb", ["status", "exec", "logs"])
def test_without_a_cluster_every_command_says_how_to_make_one(verb: str) -> None:
    failed = command(verb, *(["etcd"] if verb == "logs" else []))
    assert failed.returncode == 1
    assert failed.stderr == f"test.cluster: there is no cluster called {NAME}; python -m test.cluster up makes it\n"
