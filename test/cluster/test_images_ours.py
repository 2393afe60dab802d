"""Our own image: what is in it, and that the Dockerfile describes the same; test_images_run.py runs it."""

import json
import re
import shlex
from fnmatch import fnmatch
from pathlib import Path

import pytest

from test.cluster.images import ours
from test.cluster.images.contents import Entry, contents
from test.cluster.images.python import COMPILED, LOCKED, SITE, TREE
from test.cluster.programs import cache_folder

DEBIAN = pytest.mark.needs_program("apt-get", "dpkg-deb")
STAGES = 2


def instructions() -> list[tuple[str, str]]:
    """Return the steps of the Dockerfile, in order."""
    lines = [line for line in (TREE / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", "")
    return [(found[1], found[2].strip()) for found in re.finditer(r"^([A-Z]+) (.*)$", joined, re.MULTILINE)]


def said(instruction: str) -> list[str]:
    return [argument for name, argument in instructions() if name == instruction]


def options(step: str) -> list[str]:
    return [word for command in step.split("&&") for word in shlex.split(command)]


def contains(words: list[str], part: tuple[str, ...]) -> bool:
    return any(tuple(words[at : at + len(part)]) == part for at in range(len(words)))


def test_the_dockerfile_starts_the_same_program_as_the_same_user() -> None:
    assert json.loads(said("ENTRYPOINT")[0]) == list(ours.CONFIG.entrypoint)
    assert said("USER") == [ours.CONFIG.user]
    assert said("EXPOSE") == [" ".join(ours.PORTS)]
    assert f"TMPDIR={ours.CONFIG.env['TMPDIR']}" in said("ENV")
    labels = dict(word.split("=", 1) for word in shlex.split(said("LABEL")[0]))
    assert labels.items() >= ours.CONFIG.labels.items()


def test_the_dockerfile_installs_the_same_packages_by_their_hashes() -> None:
    installs = [options(step) for step in said("RUN") if " install " in step]
    assert [words for words in installs if contains(words, LOCKED)]
    assert all("--no-deps" in words for words in installs)
    assert all("--require-hashes" in words or "--no-index" in words for words in installs)
    assert [step for step in said("RUN") if contains(options(step), COMPILED)]
    assert ["python3", "-c", ours.CACHE_PLUGINS] in [json.loads(step) for step in said("RUN") if step.startswith("[")]


def test_the_dockerfile_leaves_behind_what_it_builds_with() -> None:
    steps = instructions()
    last = max(number for number, (name, _) in enumerate(steps) if name == "FROM")
    assert len(said("FROM")) == STAGES
    assert [argument for name, argument in steps[last:] if name == "COPY"] == [
        "--from=build /opt/isoproxy /opt/isoproxy"
    ]
    assert not [step for name, step in steps[last:] if name == "RUN" and "install" in step]


def test_a_build_is_given_all_that_a_wheel_is_made_of_and_nothing_that_python_left() -> None:
    rules = (TREE / ".dockerignore").read_text().split()
    assert rules[0] == "*"
    assert {f"!{name}" for name in (*ours.SOURCES, "requirements")} <= set(rules)
    for left in ("isoproxy/__pycache__", "twisted/plugins/dropin.cache"):
        assert any(fnmatch(left, rule) for rule in rules[1:])


@pytest.fixture(scope="module")
def archive() -> Path:
    return ours.archive(cache_folder() / "images")


@pytest.fixture(scope="module")
def entries(archive: Path) -> dict[str, Entry]:
    """What is in the image, by its path."""
    return contents(archive).entries()


@DEBIAN
def test_the_image_has_the_program_and_plugins_that_need_not_be_looked_for(entries: dict[str, Entry]) -> None:
    assert entries["usr/local/bin/twistd"].mode == 0o755
    plugins = f"{SITE}/twisted/plugins"
    times = {name: entry.time for name, entry in entries.items() if name.startswith(f"{plugins}/")}
    youngest = times.pop(f"{plugins}/dropin.cache")
    assert f"{plugins}/isoproxy_plugin.py" in times
    assert youngest > max(times.values())


@DEBIAN
def test_the_image_has_nothing_to_build_or_install_with(entries: dict[str, Entry]) -> None:
    programs = {Path(name).name for name, entry in entries.items() if entry.is_program or entry.link}
    assert not programs & {"gcc", "cc", "c99", "ld", "as", "make", "pip", "pip3", "apt-get", "curl", "wget"}
    assert not [name for name, entry in entries.items() if entry.is_file and entry.mode & 0o6000 and "python" in name]
