"""Python packages as a folder: what the project locks, in the places where Debian's Python finds it."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TREE = Path(__file__).parents[3]
LOCK = "requirements/lock.txt"
LOCK_DEV = "requirements/lock-dev.txt"
LOCKED = ("--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", LOCK)
COMPILED = ("--invalidation-mode", "unchecked-hash")
"""Compiled files that stay of use whatever becomes of the times of files: those of an image are all the same."""
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
"""This Python's version, which Debian's must have too."""
SITE = f"usr/local/lib/{PYTHON}/dist-packages"
"""Where Debian's Python looks for what is not Debian's."""


class PythonError(Exception):
    """A Python program failed; the message is its own."""


def locked(cache: Path) -> Path:
    """Return a folder with the locked packages, and twistd; made now where the lock has changed.

    That takes a minute or two. Raises PythonError.
    """
    digest = hashlib.sha256((TREE / LOCK).read_bytes() + Path(__file__).read_bytes())
    made = cache / f"locked-{PYTHON}-{digest.hexdigest()[:16]}"
    if not made.is_dir():
        with making(made) as root:
            install(*LOCKED, into=root)
            programs = root / "usr" / "local" / "bin"
            programs.mkdir()
            # What pip writes at its head is where this Python is.
            _, _, script = (root / SITE / "bin" / "twistd").read_text().partition("\n")
            (programs / "twistd").write_text(f"#!/usr/bin/{PYTHON}\n{script}")
            (programs / "twistd").chmod(0o755)
            shutil.rmtree(root / SITE / "bin")
    return made


def downloaded(cache: Path, place: str) -> Path:
    """Return a folder with the wheels of both locks; made now where they have changed.

    Mounted at ``place``, where pip looks for its configuration, it is all that pip knows of. Raises PythonError.
    """
    digest = hashlib.sha256(Path(__file__).read_bytes() + place.encode())
    for lock in (LOCK, LOCK_DEV):
        digest.update((TREE / lock).read_bytes())
    made = cache / f"wheels-{PYTHON}-{digest.hexdigest()[:16]}"
    if not made.is_dir():
        with making(made) as root:
            run("-m", "pip", "download", "--quiet", "--dest", str(root), *LOCKED, "-r", LOCK_DEV)
            (root / "pip.conf").write_text(f"[global]\nno-index = true\nfind-links = {place}\n")
    return made


def install(*arguments: str, into: Path) -> None:
    """Install into a root, and compile what was installed for the place where it will be; raises PythonError."""
    site = into / SITE
    run("-m", "pip", "install", "--quiet", "--no-compile", "--target", str(site), *arguments)
    run("-m", "compileall", "-q", "-j", "0", *COMPILED, "-s", str(into), "-p", "/", str(site))


def run(*arguments: str, folder: Path = TREE, **environment: str) -> None:
    """Run this Python to a good end; raises PythonError."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"} | environment,
        umask=0o022,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PythonError(f"{' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")


@contextmanager
def making(made: Path) -> Iterator[Path]:
    """Give a folder that is put in its place when it is complete, unless another process was quicker."""
    with tempfile.TemporaryDirectory(dir=made.parent, prefix=f".{made.name}-") as folder:
        root = Path(folder) / "root"
        yield root
        try:
            root.rename(made)
        except OSError:
            if not made.is_dir():
                raise
