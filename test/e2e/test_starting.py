"""Starts: when all is there /readyz says so, and what keeps it from being there the exit status."""

import os
import sys
from pathlib import Path

from test.running.api import Api
from test.running.harness import Local, dedicated_service, fetch, write_kubeconfig, write_manifests
from test.running.process import Process
from test.running.waiting import eventually

# As bin/twistd, where a part fails before the reactor runs.
BROKEN = """
import sys
from isoproxy.app import Application
from twisted.scripts.twistd import run
def fail(self, client):
    raise OSError("no more of something")
Application._start_proxies = fail
sys.argv[0] = "twistd"
run()
"""


def test_it_is_ready_when_there_is_somebody_to_serve_clients_and_not_before(tmp_path: Path) -> None:
    manifest = write_manifests(tmp_path, dedicated_service("echo", ["echo"], replicas=1))
    with Local(manifest) as machine:
        answers: list[tuple[int, str]] = []

        def is_ready() -> bool:
            answers.append(fetch(machine.metrics_address(), "/readyz"))
            return answers[-1] == (200, "ok\n")

        eventually(is_ready, "it is ready")
        assert "default/echo listens on" in machine.log
        assert (503, "not ready: process: still starting\n") in answers
        machine.stop()


def test_what_comes_up_while_it_starts_ends_it_with_nothing_left_behind(tmp_path: Path) -> None:
    manifest = write_manifests(tmp_path, dedicated_service("echo", ["echo"], replicas=1))
    taken = tmp_path / f"isoproxy-{os.getuid()}"
    taken.write_text("no folder")
    with Local(manifest, TMPDIR=str(tmp_path)) as machine:
        assert machine.wait() == 1
        assert "isoproxy cannot start: " in machine.log
        assert "Traceback" not in machine.log
        machine.check_nothing_left()


def test_what_comes_up_before_the_reactor_runs_ends_it_too(tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path, Api("http://127.0.0.1:1"))
    pidfile = tmp_path / "pid"
    program = [sys.executable, "-c", BROKEN, "--nodaemon", f"--pidfile={pidfile}", "isoproxy", "--role=all"]
    with Process([*program, f"--kubeconfig={kubeconfig}"]) as process:
        assert process.wait() == 1
        assert "isoproxy cannot start: no more of something" in process.log
        assert "Traceback" not in process.log
        process.check_nothing_left()
    assert not pidfile.exists()
