"""Where the programs of a cluster come from."""

import os
import stat
from pathlib import Path

import pytest

from test.cluster import gotool
from test.cluster.gotool import BuildError, go_is_new_enough, oldest_go
from test.cluster.level import Level
from test.cluster.programs import ASSETS, RECIPES, build, modules_of, obtainable, program

MAIN = "package main\n\nfunc main() {}\n"


@pytest.fixture
def no_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("test.cluster.programs.go_is_new_enough", go_is_new_enough.__wrapped__)


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache of our own; Go keeps its own, which XDG_CACHE_HOME would move too."""
    folder = tmp_path / "cache"
    monkeypatch.setattr("test.cluster.programs.cache_folder", lambda: folder)
    return folder


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with what people have of envtest."""
    folder = tmp_path / "assets"
    folder.mkdir()
    for name in Level.API.programs:
        (folder / name).touch()
    monkeypatch.setenv(ASSETS, str(folder))
    return folder


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_cache: Path) -> Path:
    """The only file of a module called tool."""
    folder = tmp_path / "go" / "tool"
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module example\n\ngo 1.25.0\n")
    monkeypatch.setattr("test.cluster.programs.MODULES", folder.parent)
    return folder / "main.go"


def test_what_is_given_is_used_and_not_built(no_go: None, empty_cache: Path, given: Path) -> None:
    assert [program(name) for name in Level.API.programs] == [given / name for name in Level.API.programs]
    assert obtainable(Level.API.programs)


def test_what_is_not_among_the_given_is_built(no_go: None, empty_cache: Path, given: Path) -> None:
    assert modules_of(Level.CONTROL.programs) == {"kubernetes"}
    assert not obtainable(Level.CONTROL.programs)
    with pytest.raises(BuildError, match=f"there is no Go; {oldest_go()} or newer is needed"):
        program("kube-scheduler")


def test_no_module_wants_a_newer_go_than_is_asked_for() -> None:
    asked = {f"go {oldest_go()}"}
    lines = {line for path in gotool.MODULES.glob("*/go.mod") for line in path.read_text().splitlines()}
    wanted = {line for line in lines if line.startswith("go ")}
    assert sorted(wanted, key=lambda line: [int(part) for part in line[3:].split(".")])[-1:] == sorted(asked)


@pytest.mark.needs_program("go")
def test_every_module_is_known_with_all_of_its_tools() -> None:
    assert {path.parent.name for path in gotool.MODULES.glob("*/go.mod")} == set(RECIPES)
    for name, recipe in RECIPES.items():
        assert {path.name for path in build(name).iterdir() if path.is_file()} == set(recipe.programs)


@pytest.mark.needs_program("go")
def test_what_was_built_is_not_built_again_and_takes_no_go(source: Path, request: pytest.FixtureRequest) -> None:
    source.write_text(MAIN)
    built = build("tool")
    first = (built / "tool").stat()
    request.getfixturevalue("no_go")
    assert obtainable(["tool"])
    assert build("tool") == built
    assert (built / "tool").stat() == first


@pytest.mark.needs_program("go")
def test_of_a_module_the_two_that_were_used_last_are_kept(source: Path, empty_cache: Path) -> None:
    made = []
    for number in range(3):
        source.write_text(f"{MAIN}\nconst number = {number}\n")
        made.append(build("tool"))
        os.utime(made[-1], (number, number))
    first, second, _ = made
    assert [path.is_dir() for path in made] == [False, True, True]
    source.write_text(f"{MAIN}\nconst number = 1\n")
    assert build("tool") == second
    source.write_text(f"{MAIN}\nconst number = 0\n")
    assert build("tool") == first
    assert [path.is_dir() for path in made] == [True, True, False]
    assert {path.name for path in empty_cache.iterdir()} == {first.name, second.name, "tool.lock"}


@pytest.mark.needs_program("go")
def test_a_module_that_cannot_be_built_says_why(source: Path) -> None:
    source.write_text("package main\n\nfunc main() { no }\n")
    with pytest.raises(BuildError, match=r"tool: go build: (?s:.*)undefined: no"):
        build("tool")


@pytest.mark.parametrize(("version", "enough"), [("1.0.1", False), ("99.1", True)])
def test_an_old_go_is_as_good_as_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, enough: bool
) -> None:
    go = tmp_path / "go"
    go.write_text(f"#!/bin/sh\necho go version go{version} linux/amd64\n")
    go.chmod(go.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert go_is_new_enough.__wrapped__() is enough
