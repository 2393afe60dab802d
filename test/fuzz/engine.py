"""``python -m test.fuzz.engine TARGET FLAG...``: one target in libFuzzer, with the branches of the product counted."""

import sys
from random import Random
from typing import Any

import atheris

from test.fuzz.mutation import mutated
from test.fuzz.targets import target


def fuzz(name: str, flags: list[str]) -> None:
    """Give inputs to a target until the flags' time is over, or one breaks it; does not return."""
    with atheris.instrument_imports(include=["isoproxy"]):
        run = target(name)
    _forget_logging()
    atheris.Setup([sys.argv[0], *flags], run, custom_mutator=_mutate)
    atheris.Fuzz()


def _mutate(data: bytes, most: int, seed: int) -> bytes:
    """Change an input by what it is, or in the engine's own ways, which know what the product compares with."""
    chance = Random(seed)
    if chance.random() < 0.5:
        changed = mutated(data, chance)
        if len(changed) <= most:
            return changed
    engine: bytes = atheris.Mutate(data, most)
    return engine


def _forget_logging() -> None:
    """What is logged is looked at by the targets; without this Twisted prints what is critical."""
    from twisted.logger import globalLogBeginner

    nowhere: Any = lambda event: None  # noqa: E731
    globalLogBeginner.beginLoggingTo([nowhere], redirectStandardIO=False, discardBuffer=True)


if __name__ == "__main__":
    fuzz(sys.argv[1], sys.argv[2:])
