"""``python -m test.fuzz [--seconds N] [TARGET...]``: give targets inputs that are made by the branches they reach.

Each target has a process of its own, which ends at the first input that breaks it. That input is kept in the folder of
the target's seeds, as ``crash-...``, ``timeout-...`` or ``oom-...``: call it after what it is once the fault is mended.
"""

import argparse
import subprocess
import sys
import tempfile
from importlib.util import find_spec

from test.fuzz.targets import NAMES, SEEDS

MOST_BYTES = 16_384
"""Of an input: more takes longer, and reaches nothing else."""
MOST_SECONDS = 20
"""For one input, on a busy machine."""
MOST_MEMORY = 1024
"""MiB of a process: much more than any input needs."""


def main() -> int:
    """Run what the command line asks for; returns 1 if a target broke, 2 where none can be run."""
    options = _options()
    if find_spec("atheris") is None:
        print("fuzz: there is no atheris for this machine and this Python (see setup.py)", file=sys.stderr)
        return 2
    broken = [name for name in options.targets or NAMES if not _fuzz(name, options.seconds)]
    for name in broken:
        print(f"fuzz: {name} is broken by what is now in {SEEDS / name}", file=sys.stderr)
    return 1 if broken else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m test.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(NAMES)}; all, if there is none")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(NAMES):
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    return options


def _fuzz(name: str, seconds: int) -> bool:
    """Fuzz one target; returns whether it held."""
    with tempfile.TemporaryDirectory(prefix="isoproxy-fuzz-") as found:
        flags = [
            f"-max_total_time={seconds}",
            f"-max_len={MOST_BYTES}",
            f"-timeout={MOST_SECONDS}",
            f"-rss_limit_mb={MOST_MEMORY}",
            f"-artifact_prefix={SEEDS / name}/",
            "-print_final_stats=1",
            found,
            str(SEEDS / name),
        ]
        command = [sys.executable, "-m", "test.fuzz.engine", name, *flags]
        done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    _tell(name, done)
    return done.returncode == 0


def _tell(name: str, done: "subprocess.CompletedProcess[str]") -> None:
    stats = dict(line[6:].split(": ", 1) for line in done.stderr.splitlines() if line.startswith("stat::"))
    inputs, memory = stats.get("number_of_executed_units", "?").strip(), stats.get("peak_rss_mb", "?").strip()
    print(f"fuzz: {name}: {inputs} inputs, {memory} MiB at most")
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
