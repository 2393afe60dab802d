"""The programs of a cluster, built from their Go modules into a cache outside the tree, once per version.

Each folder of ``go/`` is a Go module that names programs of other modules as its tools, or has a short main of its own.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from test.cluster.gotool import MODULES, go_is_new_enough, run_go

KUBERNETES_VERSION = "1.35.4"
ASSETS = "KUBEBUILDER_ASSETS"
"""Names a folder whose etcd, kube-apiserver, ..., as far as it has them, are used instead of building them."""

_KEPT = 2  # of a module: what is of use now, and what was before, for whoever goes back and forth


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
    "promql": Recipe(("promql",), target="."),
    "tool": Recipe(("tool",), target="."),
}
_MODULE_OF = {name: module for module, recipe in RECIPES.items() for name in recipe.programs}


def program(name: str) -> Path:
    """Return a program, built now if need be; raises BuildError."""
    return _given(name) or build(_MODULE_OF[name]) / name


def modules_of(names: Iterable[str]) -> set[str]:
    """Return the modules that the programs are built from, but for those that are given."""
    return {_MODULE_OF[name] for name in names if _given(name) is None}


def obtainable(names: Iterable[str]) -> bool:
    """Whether the programs can be had here: those that are not built yet take Go."""
    return all(_place(module).is_dir() for module in modules_of(names)) or go_is_new_enough()


def _given(name: str) -> Path | None:
    """Return where a program is that somebody has brought, if so."""
    assets = os.environ.get(ASSETS)
    if not assets or _MODULE_OF[name] not in ("etcd", "kubernetes"):
        return None
    path = Path(assets) / name
    return path if path.is_file() else None


def cache_folder() -> Path:
    """Where everything built is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "isoproxy" / "cluster"


def build(module: str) -> Path:
    """Return the folder with the programs of ``module``, built now if that was not done before; raises BuildError.

    Its assets are in the folder too, each below the last part of its name. Another process that builds it is waited
    for.
    """
    built = _place(module)
    if not built.is_dir():
        with _alone_with(module):
            if not built.is_dir():
                _build(module, built)
    with suppress(PermissionError):  # where another user has built it
        os.utime(built)
    return built


def _place(module: str) -> Path:
    """Return where the programs of ``module`` are, or are to be: its name tells all that they depend on.

    But for Go itself, so that they are of use where there is none, or a newer one.
    """
    digest = hashlib.sha256(repr((RECIPES[module], platform.machine())).encode())
    folder = MODULES / module
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".go", ".mod", ".sum"):
            digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return cache_folder() / f"{module}-{digest.hexdigest()[:16]}"


def _build(module: str, built: Path) -> None:
    print(f"building {module} (once)", file=sys.stderr, flush=True)
    recipe, folder = RECIPES[module], MODULES / module
    with tempfile.TemporaryDirectory(dir=built.parent, prefix=f".{module}-") as name:
        made = Path(name) / "made"
        made.mkdir()
        flags = " ".join(["-s", "-w", *(f"-X {variable}" for variable in recipe.variables)])
        output = f"{made}/{recipe.programs[0] if len(recipe.programs) == 1 else ''}"
        run_go("build", "-trimpath", "-ldflags", flags, "-o", output, recipe.target, folder=folder)
        for source, part in recipe.assets:
            origin = Path(run_go("list", "-m", "-f", "{{.Dir}}", source, folder=folder).strip())
            shutil.copytree(origin / part, made / Path(part).name)
        made.rename(built)
        for number, old in enumerate(_by_last_use(module)[_KEPT:]):
            old.rename(Path(name) / f"old-{number}")  # so that nobody finds half of it


def _by_last_use(module: str) -> list[Path]:
    """Return the folders that were built of ``module``, the latest used first."""
    return sorted(cache_folder().glob(f"{module}-*"), key=lambda path: path.stat().st_mtime, reverse=True)


@contextmanager
def _alone_with(module: str) -> Iterator[None]:
    """Hold a module: two builds at once would do the same work twice."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{module}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
