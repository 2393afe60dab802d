from hypothesis import given, settings
from hypothesis import strategies as st

from isoproxy.local.apiserver.history import Change, History
from isoproxy.local.apiserver.store import Key, Stored

BIG = 1 << 30


def change(version: int, size: int = 1) -> Change:
    return Change(version, Key("", "one"), None, Stored({"metadata": "x" * size}, version))


def history(count: int, capacity: int) -> History:
    made = History(capacity, BIG, 100)
    for version in range(101, 101 + count):
        made.add(change(version))
    return made


def versions(changes: list[Change] | None) -> list[int] | None:
    return None if changes is None else [item.version for item in changes]


def test_what_came_after_a_version_is_known() -> None:
    assert versions(history(5, 10).after(103)) == [104, 105]
    assert versions(history(5, 10).after(100)) == [101, 102, 103, 104, 105]
    assert versions(history(5, 10).after(999)) == []


def test_before_its_beginning_nothing_is_known() -> None:
    assert history(5, 10).after(99) is None


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(1, 50))
def test_the_newest_changes_are_kept_and_the_floor_says_which_are_not(count: int, capacity: int) -> None:
    made = history(count, capacity)
    kept = versions(made.after(made.floor))
    assert kept == list(range(made.floor + 1, 101 + count))
    assert min(count, capacity) <= len(kept) <= capacity + capacity // 4 + 1
    assert made.floor == 100 or made.after(made.floor - 1) is None


@settings(deadline=None)
@given(st.lists(st.integers(1, 400), max_size=60))
def test_it_is_bounded_in_bytes(sizes: list[int]) -> None:
    made = History(1_000, 2_000, 0)
    for version, size in enumerate(sizes, 1):
        made.add(change(version, size))
    assert sum(item.size for item in made.after(made.floor) or ()) <= 2_000


def test_positions_stay_valid_while_old_changes_go() -> None:
    made = history(10, 8)
    position = made.position_after(108)
    assert position is not None
    for version in range(111, 114):
        made.add(change(version))
    assert versions(made.read(position, 2)) == [109, 110]
    for version in range(114, 125):
        made.add(change(version))
    assert made.read(position, 2) is None
    assert made.end == 24


def test_what_is_shown_differently_later_is_counted_as_it_came() -> None:
    made = History(1_000, 2_000, 0)
    kept = [change(version, 100) for version in range(1, 11)]
    for one in kept:
        made.add(one)
    for one in kept:
        assert one.after is not None
        one.after.reread({"metadata": "x" * 5_000})
    for version in range(11, 2_000):
        made.add(change(version, 100))
    assert 5 <= len(made.after(made.floor) or ()) <= 20
