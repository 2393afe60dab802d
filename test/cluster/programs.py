"""The programs of a cluster, built from their Go modules into a cache outside the tree, once per version.

Each folder of ``go/`` is a Go module that names programs of other modules as its tools, or has a short main of its own.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MODULES = Path(__file__).with_name("go")
KUBERNETES_VERSION = "1.35.4"
ASSETS = "KUBEBUILDER_ASSETS"
"""Names a folder whose etcd, kube-apiserver, ... are used instead of building them."""

_OLDEST_GO = (1, 25)


class BuildError(Exception):
    """A program cannot be built; the message says which, and what the Go tool said."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the programs of a module are made."""

    programs: tuple[str, ...]
    target: str = "tool"  # what to build: the module's tools, or "." for a main of its own
    variables: tuple[str, ...] = ()  # NAME=VALUE, set by the linker
    assets: tuple[tuple[str, str], ...] = ()  # (module, folder): files that the programs want beside them


_MAJOR, _MINOR, _ = KUBERNETES_VERSION.split(".")
_VERSION = {"Version": f"v{KUBERNETES_VERSION}", "Major": _MAJOR, "Minor": _MINOR}
RECIPES = {
    "calico": Recipe(
        ("calico", "calico-felix"), assets=(("github.com/projectcalico/calico", "libcalico-go/config/crd"),)
    ),
    "cni": Recipe(("host-local", "loopback")),
    "cyclonus": Recipe(("cyclonus",), target="."),
    "etcd": Recipe(("etcd",)),
    "helm": Recipe(("helm",)),
    "kubernetes": Recipe(
        ("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet"),
        # Without these it says of itself that it is v0.0.0, and clients believe it.
        variables=tuple(f"k8s.io/component-base/version.git{name}={value}" for name, value in _VERSION.items()),
    ),
    "kwok": Recipe(("kwok",), assets=(("sigs.k8s.io/kwok", "kustomize/stage"),)),
    "tool": Recipe(("tool",), target="."),
}
_MODULE_OF = {name: module for module, recipe in RECIPES.items() for name in recipe.programs}


def program(name: str) -> Path:
    """Return a program, built now if need be; raises BuildError."""
    if (given := _given(name)) is None:
        return build(_MODULE_OF[name]) / name
    if not given.is_file():
        raise BuildError(f"there is no {name} in {given.parent} ({ASSETS})")
    return given


def missing_programs(names: Iterable[str]) -> list[str]:
    """Return what cannot be had here of the programs; ``go`` stands for all that are to be built."""
    given = {name: path for name in names if (path := _given(name)) is not None}
    missing = [name for name, path in given.items() if not path.is_file()]
    return missing if given.keys() == set(names) or _go_is_new_enough() else ["go", *missing]


def _given(name: str) -> Path | None:
    """Return where a program is to be that is not built."""
    assets = os.environ.get(ASSETS)
    return Path(assets) / name if assets and _MODULE_OF[name] in ("etcd", "kubernetes") else None


@cache
def _go_is_new_enough() -> bool:
    try:
        found = re.search(r"go(\d+)\.(\d+)", _go("version"))
    except BuildError:
        return False
    return found is not None and (int(found[1]), int(found[2])) >= _OLDEST_GO


def cache_folder() -> Path:
    """Where everything built is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "isoproxy" / "cluster"


def build(module: str) -> Path:
    """Return the folder with the programs of ``module``, built now if that was not done before; raises BuildError.

    Its assets are in the folder too, each below the last part of its name. Another process that builds is waited for.
    """
    recipe = RECIPES[module]
    built = cache_folder() / f"{module}-{_key(module, recipe)}"
    with _one_at_a_time():
        if not built.is_dir():
            _build(module, recipe, built)
    return built


def _key(module: str, recipe: Recipe) -> str:
    """Return what the programs depend on, hashed."""
    digest = hashlib.sha256(repr((recipe, _go("version"))).encode())
    for path in sorted((MODULES / module).rglob("*")):
        if path.suffix in (".go", ".mod", ".sum"):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _build(module: str, recipe: Recipe, built: Path) -> None:
    print(f"building {module} (once)", file=sys.stderr, flush=True)
    folder = MODULES / module
    with tempfile.TemporaryDirectory(dir=built.parent, prefix=f".{module}-") as name:
        made = Path(name) / "made"
        made.mkdir()
        flags = " ".join(["-s", "-w", *(f"-X {variable}" for variable in recipe.variables)])
        output = f"{made}/{recipe.programs[0] if len(recipe.programs) == 1 else ''}"
        _go("build", "-trimpath", "-ldflags", flags, "-o", output, recipe.target, folder=folder)
        for source, part in recipe.assets:
            origin = Path(_go("list", "-m", "-f", "{{.Dir}}", source, folder=folder).strip())
            shutil.copytree(origin / part, made / Path(part).name)
        made.rename(built)


def _go(*arguments: str, folder: Path | None = None) -> str:
    """Run the Go tool to its end and return what it printed."""
    settings = {"CGO_ENABLED": "0", "GOGC": os.environ.get("GOGC", "400"), "GOWORK": "off"}
    try:
        done = subprocess.run(
            ["go", *arguments], cwd=folder, env=os.environ | settings, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise BuildError("there is no Go; 1.25 or newer is needed") from error
    if done.returncode:
        place = f"{folder.name}: " if folder is not None else ""
        raise BuildError(f"{place}go {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold the cache: two builds at once would do the same work twice."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
