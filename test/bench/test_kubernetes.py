"""Where there can be no cluster, the benchmark says why."""

import subprocess
import sys
from pathlib import Path

from test.running.process import TREE


def test_what_a_cluster_lacks_here_is_said_and_nothing_fails(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--quick", "kubernetes"]
    environment = {"PATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, cwd=TREE, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "left out: no Kubernetes here without " in done.stdout
    assert "unshare (Debian: apt-get install util-linux)" in done.stdout
