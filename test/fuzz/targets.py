"""The targets by name, and the inputs that each begins with. The product is imported with a target, not before."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

SEEDS: Final = Path(__file__).parent / "seeds"
NAMES: Final = tuple(sorted(folder.name for folder in SEEDS.iterdir()))


def target(name: str) -> Callable[[bytes], None]:
    """Return the function that is given inputs."""
    run: Callable[[bytes], None] = importlib.import_module(f"test.fuzz.{name}").run
    return run


def seeds(name: str) -> dict[str, bytes]:
    """Return a target's seeds by what they are called."""
    return {file.name: file.read_bytes() for file in sorted((SEEDS / name).iterdir())}
