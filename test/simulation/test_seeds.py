"""Whatever happens to a cluster: no promise breaks, and all comes to rest. Most seeds are run by `make simulate`."""

import subprocess
import sys

SEEDS = 60


def test_no_seed_breaks_a_promise() -> None:
    command = [sys.executable, "-m", "test.simulation", "--seeds", str(SEEDS)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-20_000:] + ended.stderr[-5_000:]
