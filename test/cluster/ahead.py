"""What takes minutes the first time, made before anybody waits for it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from test.cluster.gotool import BuildError
from test.cluster.images import catalogue, ours
from test.cluster.images.debian import AptError
from test.cluster.images.python import PythonError
from test.cluster.programs import build, cache_folder, program

FAILURES = (AptError, BuildError, PythonError)


def make(modules: Iterable[str], *, images: bool) -> Iterator[Path]:
    """Make what was not made before: the programs of modules, and images if they are wanted.

    Gives each folder and archive once it is there; raises one of FAILURES.
    """
    yield from map(build, sorted(modules))
    if images:
        folder = cache_folder() / "images"
        yield from catalogue.archives(folder, program("tool"))
        yield ours.archive(folder)
