"""Where the programs of a cluster come from."""

from pathlib import Path

import pytest

from test.cluster.level import Level
from test.cluster.programs import ASSETS, RECIPES, BuildError, build, missing_programs, program


@pytest.fixture
def no_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with what people have of envtest."""
    folder = tmp_path / "assets"
    folder.mkdir()
    for name in ("etcd", "kube-apiserver", "kubectl"):
        (folder / name).touch()
    monkeypatch.setenv(ASSETS, str(folder))
    return folder


def test_what_is_given_is_used_and_not_built(no_go: None, given: Path) -> None:
    assert [program(name) for name in Level.API.programs] == [given / name for name in Level.API.programs]
    assert missing_programs(Level.API.programs) == []


def test_what_is_not_among_the_given_is_missing(given: Path) -> None:
    wanted = {"kube-controller-manager", "kube-scheduler"}
    assert set(missing_programs(Level.CONTROL.programs)) == wanted
    with pytest.raises(BuildError, match=f"there is no kube-scheduler in {given}"):
        program("kube-scheduler")


@pytest.mark.needs_program("go")
def test_every_module_is_known_with_all_of_its_tools() -> None:
    for name, recipe in RECIPES.items():
        assert {path.name for path in build(name).iterdir() if path.is_file()} == set(recipe.programs)


@pytest.mark.needs_program("go")
def test_what_was_built_is_not_built_again() -> None:
    first = {path: path.stat().st_mtime_ns for path in build("tool").iterdir()}
    assert {path: path.stat().st_mtime_ns for path in build("tool").iterdir()} == first


@pytest.mark.needs_program("go")
def test_a_module_that_cannot_be_built_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool" / "go.mod").write_text("module broken\n\ngo 1.25.0\n")
    (tmp_path / "tool" / "main.go").write_text("package main\n\nfunc main() { no }\n")
    monkeypatch.setattr("test.cluster.programs.MODULES", tmp_path)
    with pytest.raises(BuildError, match=r"tool: go build: (?s:.*)undefined: no"):
        build("tool")
