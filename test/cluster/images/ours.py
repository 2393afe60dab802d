"""Our own image, as the Dockerfile describes it, where there is neither registry nor container engine.

In place of Python's own image there is Debian's Python; upon it lie the same wheel and the same locked packages.
test_images_built.py compares it with what an engine makes of the Dockerfile.
"""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from test.cluster.images.archive import Config, Layer, Owner
from test.cluster.images.catalogue import Recipe, archived
from test.cluster.images.python import PYTHON, SITE, TREE, install, locked, making, run

ISOPROXY = "isoproxy.test/isoproxy:1"
"""isoproxy: operator or proxies, as its arguments say."""
USER: Owner = (65532, 65532)
PORTS = ("9090", "8080", "8081")
CONFIG = Config(
    entrypoint=["twistd", "--nodaemon", "--pidfile=", "isoproxy"],
    # Every pod has /dev/shm, whose root is read-only otherwise; credentials are files for a moment.
    env={"PATH": "/usr/local/bin:/usr/bin:/bin", "TMPDIR": "/dev/shm"},
    user=":".join(map(str, USER)),
    exposed_ports=[f"{port}/tcp" for port in PORTS],
    labels={
        "org.opencontainers.image.title": "isoproxy",
        "org.opencontainers.image.description": "Gives every TCP connection a Kubernetes pod of its own.",
        "org.opencontainers.image.licenses": "Apache-2.0",
    },
)
CACHE_PLUGINS = "from twisted.plugin import IPlugin, getPlugins; list(getPlugins(IPlugin))"
"""Has Twisted write down which plugins there are; at run time it could not."""
SOURCES = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "isoproxy", "crds", "twisted")
"""What a wheel is made of."""

_PLUGINS = frozenset([f"{SITE}/twisted/plugins/dropin.cache"])  # counts only if it is younger than they are
_PACKAGES = (PYTHON, "python3-minimal", "libstdc++6")  # the last for the rules of --local
_SUFFIXES = (".py", ".yaml", ".typed")  # of what is in their folders; the rest Python makes
_IGNORED = shutil.ignore_patterns("__pycache__", "dropin.cache")
_KEPT = 3  # of what every change of the sources makes anew


def archive(cache: Path) -> Path:
    """Return the image's archive, made now where its inputs have changed; raises AptError, PythonError."""
    cache.mkdir(parents=True, exist_ok=True)
    tree = Layer(_installed(cache), later=_PLUGINS)
    made = archived(cache, ISOPROXY, Recipe(packages=_PACKAGES, trees=[tree], config=CONFIG))
    keep_newest(cache, "isoproxy-1-*.tar")
    return made


def _installed(cache: Path) -> Path:
    """Return a folder with isoproxy and all it needs."""
    packages = locked(cache)
    digest = hashlib.sha256(packages.name.encode() + Path(__file__).read_bytes())
    for path in sources():
        digest.update(f"{path.relative_to(TREE)}\0".encode() + path.read_bytes())
    made = cache / f"isoproxy-{PYTHON}-{digest.hexdigest()[:16]}"
    if not made.is_dir():
        with making(made) as root, tempfile.TemporaryDirectory(dir=cache, prefix=".wheel-") as folder:
            # Links to what is there already: it is much, and nothing of it changes.
            shutil.copytree(packages, root, copy_function=os.link, symlinks=True)
            # By way of another folder: pip puts nothing into one that is there, such as Twisted's of plugins.
            own = Path(folder) / "own"
            install("--no-deps", "--no-index", str(_wheel(Path(folder))), into=own)
            shutil.copytree(own, root, symlinks=True, dirs_exist_ok=True)
            run("-S", "-c", CACHE_PLUGINS, folder=root, PYTHONPATH=str(root / SITE))
        keep_newest(cache, f"isoproxy-{PYTHON}-*")
    return made


def sources() -> list[Path]:
    """Return the files that a wheel is made of, in order."""
    return sorted(found for name in SOURCES for found in _files(TREE / name))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [found for found in path.rglob("*") if found.is_file() and found.suffix in _SUFFIXES]


def _wheel(folder: Path) -> Path:
    """Return a wheel, built from a copy of the sources, for a build leaves traces."""
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        if (TREE / name).is_dir():
            shutil.copytree(TREE / name, source / name, symlinks=True, ignore=_IGNORED)
        else:
            shutil.copy(TREE / name, source / name)
    run("-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source))
    (wheel,) = folder.glob("*.whl")
    return wheel


def keep_newest(cache: Path, pattern: str) -> None:
    """Remove what older sources have left: it is large."""
    found = sorted(cache.glob(pattern), key=lambda path: path.stat().st_mtime)
    for path in found[:-_KEPT]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
