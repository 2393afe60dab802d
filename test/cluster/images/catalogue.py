"""The images that the tests run. Another one is another ``Recipe``: packages of Debian, files, a configuration."""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from test.cluster.images import debian
from test.cluster.images.archive import ROOT, Config, Layer, Owner, write_archive

PAUSE = "isoproxy.test/pause:1"
"""Does nothing: what containerd holds a pod's sandbox with."""
TOOL = "isoproxy.test/tool:1"
"""The tests' program, see ``go/tool/main.go``."""
REDIS = "isoproxy.test/redis:1"
"""Debian's redis-server and redis-cli."""
NAMES = (PAUSE, TOOL, REDIS)

_NOBODY: Owner = (65534, 65534)
_REDIS: Owner = (999, 999)
_USERS = {"root": ROOT, "redis": _REDIS, "nobody": _NOBODY}
_PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How an image is made: layers of packages and of trees, if any, and above them one of files.

    That one has an /etc/passwd and a /tmp too. A tree's name tells what is in it.
    """

    config: Config
    packages: Sequence[str] = ()
    trees: Sequence[Layer] = ()
    files: Mapping[str, Path] = field(default_factory=dict)  # by their paths in the image
    folders: Mapping[str, Owner] = field(default_factory=dict)  # empty ones, and whose they are


def recipes(tool: Path) -> dict[str, Recipe]:
    """Return how each image is made, by name; ``tool`` is the program."""
    return {
        PAUSE: Recipe(files={"tool": tool}, config=Config(entrypoint=["/tool", "pause"], user=_as(_NOBODY))),
        TOOL: Recipe(
            files={"tool": tool},
            config=Config(entrypoint=["/tool"], env=_PATH, user=_as(_NOBODY), exposed_ports=["8080/tcp"]),
        ),
        REDIS: Recipe(
            packages=["redis-server", "redis-tools"],
            folders={"data": _REDIS},
            config=Config(
                entrypoint=["redis-server"],
                env=_PATH,
                user=_as(_REDIS),
                working_dir="/data",
                exposed_ports=["6379/tcp"],
            ),
        ),
    }


def archives(cache: Path, tool: Path, names: Sequence[str] = NAMES) -> list[Path]:
    """Return an archive for each of these images, made now where its inputs have changed; raises ``AptError``."""
    cache.mkdir(parents=True, exist_ok=True)
    known = recipes(tool)
    return [archived(cache, name, known[name]) for name in names]


def archived(cache: Path, name: str, recipe: Recipe) -> Path:
    """Return the archive of an image, made now where its inputs have changed; raises ``AptError``."""
    packages = [debian.tree(recipe.packages, cache)] if recipe.packages else []
    path = cache / f"{name.split('/')[-1].replace(':', '-')}-{_key(name, recipe, packages)}.tar"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=cache, prefix=".files-") as folder:
            layers = [*map(Layer, packages), *recipe.trees, _fill(Path(folder), recipe)]
            write_archive(path, name, layers, recipe.config)
    return path


def _key(name: str, recipe: Recipe, packages: Sequence[Path]) -> str:
    """Return what an archive depends on, hashed: this code too."""
    folders = sorted(recipe.folders.items())
    trees = [tree.name for tree in (*packages, *(layer.root for layer in recipe.trees))]
    digest = hashlib.sha256(repr((name, recipe.config, folders, trees)).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    for path, source in sorted(recipe.files.items()):
        digest.update(path.encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def _fill(root: Path, recipe: Recipe) -> Layer:
    """Put into a folder what is in the layer of files."""
    _folder(root / "tmp", 0o1777)
    for name in ("etc", *recipe.folders):
        _folder(root / name, 0o755)
    users = "".join(f"{name}:x:{uid}:{gid}:{name}:/:/usr/sbin/nologin\n" for name, (uid, gid) in _USERS.items())
    groups = "".join(f"{name}:x:{gid}:\n" for name, (_, gid) in _USERS.items())
    for name, text in (("passwd", users), ("group", groups)):
        (root / "etc" / name).write_text(text)
        (root / "etc" / name).chmod(0o644)
    for name, source in recipe.files.items():
        shutil.copy(source, root / name)
        (root / name).chmod(0o755)
    return Layer(root, recipe.folders)


def _folder(path: Path, mode: int) -> None:
    path.mkdir()
    path.chmod(mode)  # whatever the umask


def _as(user: Owner) -> str:
    return ":".join(map(str, user))
