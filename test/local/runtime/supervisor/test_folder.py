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


def test_a_folder_that_a_program_has_shut_is_opened_again(base: str) -> None:
    os.chmod(base, 0)
    folder.prepare(base)
    assert os.stat(base).st_mode & 0o777 == 0o700


def test_leftovers_go_and_what_is_in_use_stays(base: str) -> None:
    left, used = folder.claim(base), folder.claim(base)
    Path(left.path, "file").touch()
    Path(base, "somebody-elses").mkdir()
    os.close(left.lock)
    folder.clear_leftovers(base)
    assert sorted(os.listdir(base)) == sorted([os.path.basename(used.path), "somebody-elses"])
    os.close(used.lock)
