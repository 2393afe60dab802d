"""The machine's Go, with which everything in ``go/`` is built."""

import os
import re
import subprocess
from functools import cache
from pathlib import Path

MODULES = Path(__file__).with_name("go")


class BuildError(Exception):
    """A program cannot be built; the message says which, and what the Go tool said."""


def run_go(*arguments: str, folder: Path | None = None) -> str:
    """Run the Go tool to its end, in a module if one is given, and return what it printed; raises BuildError."""
    settings = {"CGO_ENABLED": "0", "GOGC": os.environ.get("GOGC", "400"), "GOWORK": "off"}
    try:
        done = subprocess.run(
            ["go", *arguments], cwd=folder, env=os.environ | settings, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise BuildError(f"there is no Go; {oldest_go()} or newer is needed") from error
    if done.returncode:
        place = f"{folder.name}: " if folder is not None else ""
        raise BuildError(f"{place}go {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


@cache
def oldest_go() -> str:
    """Return the version that every module is content with, such as "1.26.0"."""
    wanted = [re.search(r"^go ([\d.]+)$", path.read_text(), re.MULTILINE) for path in MODULES.glob("*/go.mod")]
    return max((found[1] for found in wanted if found is not None), key=_numbers)


@cache
def go_is_new_enough() -> bool:
    """Whether there is a Go that builds every module as it is; it might also fetch a newer one, but not everywhere."""
    try:
        found = re.search(r"go(\d[\d.]*)", run_go("version"))
    except BuildError:
        return False
    return found is not None and _numbers(found[1]) >= _numbers(oldest_go())


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.rstrip(".").split(".")))
