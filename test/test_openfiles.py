"""The limit on open files."""

import resource
from collections.abc import Iterator

import pytest

from isoproxy import openfiles

MOST = 1000


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    """The limits of this process are as they were after the test."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_limit_in_force_is_raised_to_the_highest(limits: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST, limits[1]))
    openfiles.allow_many()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (limits[1], limits[1])


def test_the_last_quarter_is_spare(limits: tuple[int, int]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST, limits[1]))
    assert [number for number in range(MOST) if openfiles.is_spare(number)] == list(range(750, MOST))


def test_nothing_is_spare_where_there_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda _: endless)
    assert not openfiles.is_spare(1_000_000)
