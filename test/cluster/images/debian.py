"""Root file systems of Debian's packages, unpacked into a folder: no container engine, and no rights, needed.

What the packages would do when they are installed (users, alternatives, caches) is left undone. The packages are those
that the machine's own apt offers.
"""

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

_BOUND = 300.0  # seconds, for a download too
_NOTHING_INSTALLED = "Dir::State::status=/dev/null"
_MERGED = ("bin", "lib", "lib64", "sbin")  # links to the folders of that name in usr
_LEFT_OUT = ("doc", "info", "lintian", "locale", "man")  # of usr/share: nobody reads them in a container


class AptError(Exception):
    """Packages cannot be had; the message is apt's own."""


def tree(packages: Sequence[str], cache: Path) -> Path:
    """Return a folder below ``cache`` with what the packages and all that they need hold; raises ``AptError``.

    It is made now if need be, and named after the packages' versions. Where apt fails it is told once to look for news,
    since what it knows may be old; only root can do that.
    """
    try:
        return _unpacked(_closure(packages), cache)
    except AptError:
        _run("apt-get", "--quiet", "update")
        return _unpacked(_closure(packages), cache)


def _closure(packages: Sequence[str]) -> list[str]:
    """Return the packages and all that they need, in order, as ``name=version``."""
    # Simulated on a machine without a package. usr-is-merged says what _make_merged does, else perl would be fetched.
    options = ["--simulate", "--no-install-recommends", "-o", _NOTHING_INSTALLED]
    plan = _run("apt-get", *options, "install", "usr-is-merged", *packages)
    return sorted("=".join(found) for found in re.findall(r"^Inst (\S+) \((\S+) ", plan, re.MULTILINE))


def _unpacked(pinned: Sequence[str], cache: Path) -> Path:
    made = cache / f"debian-{hashlib.sha256(' '.join(pinned).encode()).hexdigest()[:16]}"
    if not made.is_dir():
        with tempfile.TemporaryDirectory(dir=cache, prefix=".debian-") as name:
            debs, root = Path(name, "debs"), Path(name, "root")
            debs.mkdir()
            _run("apt-get", "--quiet", "-o", "APT::Sandbox::User=root", "download", *pinned, folder=debs)
            _make_merged(root)
            for deb in sorted(debs.iterdir()):
                _unpack(deb, root)
            try:
                root.rename(made)
            except OSError:
                if not made.is_dir():  # else another process was quicker
                    raise
    return made


def _make_merged(root: Path) -> None:
    """Have one folder for programs and one for libraries, as on every Debian of today."""
    for name in _MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / "usr" / name).chmod(0o755)  # whatever the umask: not every package says it
        (root / name).symlink_to(f"usr/{name}")


def _unpack(deb: Path, root: Path) -> None:
    left_out = [f"--exclude=./usr/share/{name}" for name in _LEFT_OUT]
    tar = ["tar", "--extract", "--preserve-permissions", "--no-same-owner", "--keep-directory-symlink", *left_out]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as opened:
        unpacked = subprocess.run(
            [*tar, "--directory", root], stdin=opened.stdout, capture_output=True, text=True, check=False
        )
    if unpacked.returncode or opened.returncode:
        raise AptError(f"cannot unpack {deb.name}: {unpacked.stderr.strip()}")


def _run(*command: str, folder: Path | None = None) -> str:
    """Run apt to its end and return what it printed."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | {"LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=_BOUND,
            check=False,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise AptError(str(error)) from error
    if done.returncode:
        raise AptError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
