"""What measures an API server with isoproxy's own client does what it says, and leaves nothing behind."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.machinery import SERVICE, manifest
from test.running.api import Api
from test.running.harness import Local, write_kubeconfig, write_manifests
from test.running.process import TREE
from test.running.waiting import eventually

SECONDS = 0.5


def run(module: str, folder: Path, api: Api, *arguments: str) -> Any:
    command = [sys.executable, "-m", f"bench.{module}", str(write_kubeconfig(folder, api)), SERVICE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=TREE, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("options", [[], ["--run"]])
def test_a_bare_loop_makes_six_writes_for_each_life_of_a_pod_and_deletes_it(tmp_path: Path, options: list[str]) -> None:
    with Local("--role=none", write_manifests(tmp_path, manifest())) as machine:
        came_to = run("bare", tmp_path, machine.api, f"--seconds={SECONDS}", "--parallel=3", *options)
        assert came_to["lives"] >= 3
        assert len(came_to["writes"]) == 6 * came_to["lives"]
        assert len(came_to["starts"]) == (came_to["lives"] if options else 0)
        assert came_to["seconds"] >= SECONDS
        assert came_to["cpu"] > 0
        assert machine.api.records(SERVICE) == []
        eventually(lambda: machine.api.pods(SERVICE) == [], "no pod is left")
        machine.stop()


def test_a_replacement_is_timed_from_the_end_of_each_connection(tmp_path: Path) -> None:
    service = manifest()
    service["spec"] |= {"replicas": 2}
    with Local(write_manifests(tmp_path, service)) as whole:
        whole.api.wait_for_base(SERVICE, 2)
        _, port = whole.listening(SERVICE)
        taken = run("replacement", tmp_path, whole.api, str(port), "--count=3")
        assert len(taken) == 3
        assert all(seconds > 0 for seconds in taken)
        assert whole.outcomes(SERVICE, 3) == ["completed"] * 3
        whole.stop()
