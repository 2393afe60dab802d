"""Restarts and their back-off."""

import pytest

from isoproxy.local.runtime.facts import Exit
from isoproxy.local.runtime.podspec import RestartPolicy
from isoproxy.local.runtime.restarts import back_off, restarts


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [
        ("Never", 0, False),
        ("Never", 1, False),
        ("OnFailure", 0, False),
        ("OnFailure", 1, True),
        ("Always", 0, True),
        ("Always", 1, True),
    ],
)
def test_the_policy_decides(policy: RestartPolicy, code: int, again: bool) -> None:
    assert restarts(policy, Exit(code)) is again


def test_the_wait_doubles_up_to_five_minutes() -> None:
    waits: list[float] = []
    for _ in range(9):
        waits.append(back_off(waits[-1] if waits else None, ran_for=1.0))
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300, 300]


def test_ten_minutes_without_a_crash_are_a_clean_record() -> None:
    assert back_off(300.0, ran_for=600.0) == 0.0
