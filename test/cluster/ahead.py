"""What takes minutes the first time, made before anybody waits for it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from test.cluster.gotool import BuildError
from test.cluster.images import built, catalogue, ours
from test.cluster.images.debian import AptError
from test.cluster.images.python import PythonError
from test.cluster.programs import build, cache_folder, program

FAILURES = (AptError, BuildError, built.EngineError, PythonError)


def make(modules: Iterable[str], *, images: bool, dockerfile: bool) -> Iterator[Path]:
    """Make what was not made before: the programs of modules, and if they are wanted, images, and the Dockerfile's.

    Gives each folder and archive once it is there; raises one of FAILURES.
    """
    yield from map(build, sorted(modules))
    folder = cache_folder() / "images"
    if images:
        yield from catalogue.archives(folder, program("tool"))
        yield ours.archive(folder)
    if dockerfile:
        yield built.archive(folder)
