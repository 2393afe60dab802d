"""What a container engine makes of the Dockerfile: buildah, with neither a registry nor a network.

In place of Python's own image there is Debian's Python under its name, and pip finds in a folder what it would
download. Where the outcome differs from the image of ``ours.py`` is told by test_images_built.py.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from test.cluster.images import ours
from test.cluster.images.archive import Config
from test.cluster.images.catalogue import Recipe, archived
from test.cluster.images.python import PYTHON, TREE, downloaded

BUILT = "isoproxy.test/built:1"
"""isoproxy, as the Dockerfile has it."""
REVISION = "0123456789abcdef0123456789abcdef01234567"
"""What the build is told to be made from."""

_BASE = f"localhost/python:{PYTHON.removeprefix('python')}-slim"  # what the Dockerfile begins with, fetched already
_PACKAGES = ("dash", "coreutils", "python3-venv", "libstdc++6")  # what it needs of that
_CONTEXT = ("Dockerfile", ".dockerignore", "CHANGELOG.md", "MANIFEST.in", "requirements", *ours.SOURCES)
_MADE = ("__pycache__", "dropin.cache")  # what Python and Twisted leave beside sources: the Dockerfile does not see it
_PIP = "/etc/xdg/pip"  # where pip looks for its configuration
_NAMESPACES = ("--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc")
_ALONE = ("setpriv", "--pdeathsig=KILL", "unshare", *_NAMESPACES)  # whatever it mounts or starts ends with us
# It remembers there what it has seen of images, and no option says otherwise.
_PRIVATE = 'mount -t tmpfs tmpfs /var/lib && exec buildah "$@"'


class EngineError(Exception):
    """There is no image; the message is buildah's own."""


def can_build() -> bool:
    """Whether this machine has what it takes."""
    return shutil.which("buildah") is not None and os.geteuid() == 0


@cache
def archive(folder: Path) -> Path:
    """Return the image's archive, made now where its inputs have changed; raises AptError, EngineError, PythonError.

    That takes a minute or two: a process does it once, whatever becomes of the sources meanwhile.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = Config(cmd=["python3"], env={"PATH": "/usr/local/bin:/usr/bin:/bin"})
    base, wheels = archived(folder, _BASE, Recipe(packages=_PACKAGES, config=config)), downloaded(folder, _PIP)
    digest = hashlib.sha256(f"{base.name} {wheels.name}".encode() + Path(__file__).read_bytes())
    for path in _inputs():
        digest.update(f"{path.relative_to(TREE)}\0".encode() + path.read_bytes())
    made = folder / f"built-1-{digest.hexdigest()[:16]}.tar"
    if not made.exists():
        _build(made, base, wheels)
        ours.keep_newest(folder, "built-1-*.tar")
    return made


def _inputs() -> list[Path]:
    """Return the files that the Dockerfile sees, and itself, in order."""
    found = [path for name in _CONTEXT for path in (TREE / name, *(TREE / name).rglob("*")) if path.is_file()]
    return sorted(path for path in found if not set(_MADE) & set(path.relative_to(TREE).parts))


def _build(made: Path, base: Path, wheels: Path) -> None:
    """Build in a store that is there for this alone: what it holds is large, and of use to nobody else."""
    with tempfile.TemporaryDirectory(dir=made.parent, prefix=".built-") as name:
        store = Path(name)
        context = store / "context"
        _copy_sources(context)
        _buildah(store, "pull", f"docker-archive:{base}")
        mounted = ("--volume", f"{wheels}:{_PIP}:ro")
        told = ("--build-arg", f"REVISION={REVISION}")
        _buildah(store, "build", "--pull-never", *mounted, *told, "--tag", BUILT, str(context))
        _buildah(store, "push", BUILT, f"docker-archive:{store / 'archive'}")
        (store / "archive").rename(made)


def _copy_sources(context: Path) -> None:
    """Keep the sources as they are: a build takes so long that somebody may change them."""
    context.mkdir()
    for name in _CONTEXT:
        if (TREE / name).is_dir():
            shutil.copytree(TREE / name, context / name, symlinks=True)
        else:
            shutil.copy(TREE / name, context / name)


def _buildah(store: Path, *arguments: str) -> None:
    """Run buildah to a good end, or raise EngineError."""
    settings = {"TMPDIR": str(store), "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
    roots = ("--root", str(store / "images"), "--runroot", str(store / "run"))
    done = subprocess.run(
        [*_ALONE, "sh", "-c", _PRIVATE, "buildah", *roots, *arguments],
        env=os.environ | settings,
        umask=0o022,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise EngineError(f"buildah {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
