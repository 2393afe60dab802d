"""What is shipped: built here from a copy of the tree with what is installed, so no network is used.

``make wheel-test`` goes further: it installs the wheel into an empty venv and passes a connection through it.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import isoproxy

TREE = Path(__file__).parent.parent
SHIPPED = ["setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "CHANGELOG.md", "LICENSE"]
FOLDERS = ["isoproxy", "crds", "twisted", "docs", "examples", "requirements"]


def run(*command: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run a command to its end and return what it printed; a failure shows that too."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and with the wheel that was built from it."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in SHIPPED:
        shutil.copy(TREE / name, source)
    for name in FOLDERS:
        shutil.copytree(TREE / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), cwd=source)
    return out


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as archive:
        yield archive


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def locked(file: str) -> dict[str, str]:
    """The packages of a lock, name to version."""
    pins = re.findall(r"^([a-z0-9.-]+)==(\S+)", (TREE / "requirements" / file).read_text(), re.MULTILINE)
    return dict(pins)


def tree_files(*globs: str) -> set[str]:
    return {path.relative_to(TREE).as_posix() for glob in globs for path in TREE.glob(glob)}


def test_the_wheel_holds_every_module_the_plugin_and_every_crd_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    crds = {f"isoproxy/{name}" for name in tree_files("crds/*.yaml")}
    assert crds
    expected = tree_files("isoproxy/**/*.py", "isoproxy/py.typed", "twisted/plugins/*.py") | crds
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == expected


def test_twisted_stays_a_directory_that_is_not_a_package() -> None:
    assert tree_files("twisted/**/__init__.py") == set()


def test_the_source_distribution_has_what_a_wheel_is_built_from_and_the_documents(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert tree_files("docs/*.md", "examples/*.yaml", "requirements/*.txt") | {"LICENSE", "CHANGELOG.md"} <= names


def test_the_metadata_says_what_the_package_says(metadata: Message) -> None:
    assert (metadata["Name"], metadata["Version"]) == ("isoproxy", isoproxy.__version__)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"


def test_the_installed_wheel_gives_twistd_a_command_and_finds_its_crds(dist: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    run(*pip, *map(str, dist.glob("*.whl")), cwd=tmp_path)
    env = os.environ | {"PYTHONPATH": str(site)}
    listed = run(sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "--help", cwd=tmp_path, env=env)
    assert re.search(r"^ +isoproxy +\S", listed, re.MULTILINE)
    script = "import isoproxy; from isoproxy.model import crds; print(isoproxy.__file__, len(crds.load()))"
    where, count = run(sys.executable, "-c", script, cwd=tmp_path, env=env).split()
    assert where.startswith(str(site))
    assert int(count) == len(tree_files("crds/*.yaml"))


@pytest.mark.parametrize(("file", "extras"), [("lock.txt", [""]), ("lock-dev.txt", ["", "test", "dev"])])
def test_a_lock_pins_all_that_setup_py_asks_for_within_its_range(
    metadata: Message, file: str, extras: list[str]
) -> None:
    pins = locked(file)
    for text in metadata.get_all("Requires-Dist", []):
        requirement = Requirement(text)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), text


def test_the_tests_run_on_the_versions_that_users_run_on() -> None:
    assert locked("lock.txt").items() <= locked("lock-dev.txt").items()


def test_a_lock_names_no_place_to_download_from() -> None:
    assert not [name for name in ("lock.txt", "lock-dev.txt") if "://" in (TREE / "requirements" / name).read_text()]
