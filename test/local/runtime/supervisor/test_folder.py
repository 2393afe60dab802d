"""The folders that pods live in."""

import os
from pathlib import Path

import pytest

from isoproxy.local.runtime.supervisor import folder


@pytest.fixture
def base(tmp_path: Path) -> str:
    path = str(tmp_path / "base")
    folder.prepare(path)
    return path


def test_a_folder_is_this_users_alone_and_short(base: str) -> None:
    mine = folder.claim(base)
    assert os.stat(mine.path).st_mode & 0o777 == 0o700
    assert len(os.path.basename(mine.path)) <= 9
    os.close(mine.lock)


def test_a_folder_that_others_may_enter_is_not_used(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(folder.NotOurs, match="0700"):
        folder.prepare(str(tmp_path))
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(folder.NotOurs):
        folder.prepare(str(tmp_path / "link"))


def test_leftovers_go_and_what_is_in_use_stays(base: str) -> None:
    left, used = folder.claim(base), folder.claim(base)
    Path(left.path, "file").touch()
    Path(base, "somebody-elses").mkdir()
    os.close(left.lock)
    folder.clear_leftovers(base)
    assert sorted(os.listdir(base)) == sorted([os.path.basename(used.path), "somebody-elses"])
    os.close(used.lock)


def test_removal_takes_everything_and_follows_no_link(tmp_path: Path) -> None:
    outside, doomed = tmp_path / "outside", tmp_path / "doomed"
    (outside / "kept").mkdir(parents=True)
    (doomed / "a" / "b").mkdir(parents=True)
    (doomed / "a" / "b" / "file").touch()
    (doomed / "link").symlink_to(outside)
    (doomed / "broken").symlink_to(tmp_path / "nowhere")
    os.mkfifo(doomed / "pipe")
    (doomed / "a").chmod(0)
    folder.remove(str(doomed))
    assert not doomed.exists()
    assert (outside / "kept").exists()


def test_removal_can_be_done_bit_by_bit(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / "doomed" / str(number)).mkdir(parents=True)
    removal = folder.removing(str(tmp_path / "doomed"))
    next(removal)
    assert len(os.listdir(tmp_path / "doomed")) in (9, 10)
    assert len(list(removal)) >= 9
    assert os.listdir(tmp_path) == []


def test_what_is_not_there_is_removed_already(tmp_path: Path) -> None:
    folder.remove(str(tmp_path / "nowhere"))
