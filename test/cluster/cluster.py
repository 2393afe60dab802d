"""A cluster as what there is of it on this machine: namespaces, a folder, and the parts that run."""

import os
import re
import shlex
import shutil
import stat
import tempfile
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from test.cluster import mounts, network
from test.cluster.cgroups import make_cgroup, remove_cgroup
from test.cluster.health import Unhealthy, until_healthy
from test.cluster.identities import write_identities
from test.cluster.layout import Layout
from test.cluster.parts.part import Part
from test.cluster.processes import Processes
from test.cluster.sandbox import Sandbox

_START_SECONDS = 60.0
_LAST_LINES = 20
_NOBODY = 0  # no process has this id


class Cluster:
    """One cluster, found by its name."""

    def __init__(self, files: Layout, sandbox: Sandbox) -> None:
        self.files = files
        self.sandbox = sandbox
        self.processes = Processes(files, sandbox)

    @classmethod
    def create(cls, name: str, *, owned: bool) -> "Cluster":
        """Make a cluster without parts, in place of what is left of an older one of that name.

        One that is ``owned`` ends with this process at the latest. Raises OSError.
        """
        if (old := cls.find(name)) is not None:
            old.down()
        files = Layout(_base_folder(make=True) / checked(name))
        for folder in files.folders:
            folder.mkdir(mode=0o700)
        cluster = cls(files, Sandbox.start(files.folder, owned=owned))
        try:
            cluster._furnish()
        except BaseException:
            cluster.down()
            raise
        return cluster

    def _furnish(self) -> None:
        for path, text in mounts.files(self.files).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        script = [*mounts.commands(self.files), *network.commands()]
        self.sandbox.run("sh", "-ec", "\n".join(map(shlex.join, script)))
        make_cgroup(self.files.cgroup)
        write_identities(self.files)

    @staticmethod
    def names() -> list[str]:
        """Return the names of all clusters of which there is anything."""
        base = _base_folder()
        return sorted(folder.name for folder in base.iterdir()) if base.is_dir() else []

    @classmethod
    def find(cls, name: str) -> "Cluster | None":
        """Return what there is of the cluster called ``name``, whether it runs or not."""
        files = Layout(_base_folder() / checked(name))
        sandbox = Sandbox.find(files.folder)
        if sandbox is None and not files.folder.is_dir():
            return None
        return cls(files, sandbox or Sandbox(_NOBODY, files.folder))

    def joined(self, host: str = "") -> AbstractContextManager[None]:
        """Have this thread, and what it starts, in the network of the node or another host."""
        return self.sandbox.joined(host)

    def start(self, *parts: Part) -> None:
        """Start parts, at the same time, and wait until they work; raises Unhealthy."""
        for part in parts:
            for path, text in part.files.items():
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
            self.processes.start(part.name, part.command, part.environment)
        with self.joined():
            for part in parts:
                self._until_healthy(part)

    def _until_healthy(self, part: Part) -> None:
        try:
            until_healthy(part.health, lambda: self.processes.has_ended(part.name), within=_START_SECONDS)
        except Unhealthy as error:
            raise Unhealthy(f"{part.name}: {error}\n{self.log(part.name, lines=_LAST_LINES)}") from error

    def log(self, name: str, *, lines: int | None = None) -> str:
        """Return what a part has printed, or the last lines of that."""
        text = self.files.log(name).read_text(errors="replace")
        return text if lines is None else "\n".join(text.splitlines()[-lines:])

    def down(self) -> None:
        """End everything; nothing of the cluster is left."""
        self.sandbox.end()
        self.processes.collect()
        remove_cgroup(self.files.cgroup)
        shutil.rmtree(self.files.folder, onerror=_unless_gone)
        with suppress(OSError):  # other clusters are there
            self.files.folder.parent.rmdir()


def _unless_gone(_function: object, _path: str, error: tuple[type[BaseException], BaseException, object]) -> None:
    """Raise what kept a file from being removed, unless somebody else has just removed it."""
    if not isinstance(error[1], FileNotFoundError):
        raise error[1]


def checked(name: str) -> str:
    """Return the name of a cluster; raises ValueError for what would lead elsewhere, or be too long for a socket."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", name):
        raise ValueError(f"{name!r} is no name for a cluster: at most 32 of a-z, 0-9 and '-'")
    return name


def _base_folder(*, make: bool = False) -> Path:
    """Return the folder of all clusters of this user, which must be nobody else's."""
    base = Path(tempfile.gettempdir()) / f"isoproxy-cluster-{os.getuid()}"
    if make:
        base.mkdir(mode=0o700, exist_ok=True)
    with suppress(FileNotFoundError):
        found = base.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise PermissionError(f"{base} is not this user's alone: somebody else may have made it")
    return base
