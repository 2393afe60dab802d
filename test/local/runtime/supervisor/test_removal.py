"""What programs leave in their folders goes, however they have left it."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from isoproxy.local.runtime.supervisor import folder
from isoproxy.local.runtime.supervisor.removal import remove, removing

DEEP = 2500  # more than Python may call itself; as a path, longer than Linux takes


def make_deep(path: Path) -> None:
    """A folder in a folder in a folder, from the inside out: only so no path is long."""
    path.mkdir()
    (path / "a").mkdir()
    for _ in range(DEEP):
        (path / "b").mkdir()
        (path / "a").rename(path / "b" / "a")
        (path / "b").rename(path / "a")


@pytest.fixture
def no_rights() -> Iterator[None]:
    """Root could do what others cannot."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


def test_removal_takes_everything_and_follows_no_link(tmp_path: Path) -> None:
    outside, doomed = tmp_path / "outside", tmp_path / "doomed"
    (outside / "kept").mkdir(parents=True)
    (doomed / "a" / "b").mkdir(parents=True)
    (doomed / "a" / "b" / "file").touch()
    (doomed / "link").symlink_to(outside)
    (doomed / "broken").symlink_to(tmp_path / "nowhere")
    os.mkfifo(doomed / "pipe")
    (doomed / "a").chmod(0)
    remove(str(doomed))
    assert not doomed.exists()
    assert (outside / "kept").exists()


def test_a_link_in_the_place_of_the_folder_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    outside, doomed = tmp_path / "outside", tmp_path / "doomed"
    outside.mkdir(mode=0o750)
    (outside / "kept").touch()
    doomed.symlink_to(outside)
    remove(str(doomed))
    assert os.listdir(tmp_path) == ["outside"]
    assert os.listdir(outside) == ["kept"]
    assert outside.stat().st_mode & 0o777 == 0o750


def test_folders_go_however_deep_they_are(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make_deep(tmp_path / "doomed")
    assert sys.getrecursionlimit() < DEEP
    descriptors = len(os.listdir("/proc/self/fd"))
    for step, _ in enumerate(removing(str(tmp_path / "doomed"))):
        assert step % 1000 or len(os.listdir("/proc/self/fd")) <= descriptors + 4
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr().err == ""


def test_a_runtime_before_us_may_have_left_folders_however_deep(tmp_path: Path) -> None:
    base = str(tmp_path / "base")
    folder.prepare(base)
    left = folder.claim(base)
    make_deep(Path(left.path, "1"))
    os.close(left.lock)
    folder.clear_leftovers(base)
    assert os.listdir(base) == []


@pytest.mark.usefixtures("no_rights")
def test_folders_whose_rights_were_taken_away_go_too() -> None:
    doomed = Path(tempfile.mkdtemp())
    (doomed / "a" / "b" / "c").mkdir(parents=True)
    for path in (doomed / "a" / "b", doomed / "a", doomed):
        path.chmod(0)
    remove(str(doomed))
    assert not doomed.exists()


def test_removal_can_be_done_bit_by_bit(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / "doomed" / str(number)).mkdir(parents=True)
    removal = removing(str(tmp_path / "doomed"))
    next(removal)
    assert len(os.listdir(tmp_path / "doomed")) in (9, 10)
    assert len(list(removal)) >= 9
    assert os.listdir(tmp_path) == []


def test_what_is_not_there_is_removed_already(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    remove(str(tmp_path / "nowhere"))
    assert capfd.readouterr().err == ""


def test_what_cannot_be_removed_is_told_and_all_else_goes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "doomed" / "a" / "b").mkdir(parents=True)
    for path in ("kept", "a/b/gone", "a/gone"):
        (tmp_path / "doomed" / path).touch()
    unlink = os.unlink

    def refuse(name: str, **options: int) -> None:
        if name == "kept":
            raise PermissionError(1, "Operation not permitted", name)
        unlink(name, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        remove(str(tmp_path / "doomed"))
    assert os.listdir(tmp_path / "doomed") == ["kept"]
    complaint = capfd.readouterr().err
    assert complaint.count("\n") == 1
    assert "doomed' is left behind: PermissionError(1, 'Operation not permitted')" in complaint
