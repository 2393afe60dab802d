"""Which Events are written, as flat scripts of what is heard when."""

from isoproxy.model.event import EventType, News, Regarding
from isoproxy.observe import telling
from isoproxy.observe.telling import (
    ALL_BURST,
    MOST_KEPT,
    OBJECT_BURST,
    OBJECT_SECONDS,
    REPEAT_SECONDS,
    WINDOW_SECONDS,
    Teller,
    Telling,
)


class Ears:
    """A teller, what it is told at what time, and what it makes of it."""

    def __init__(self) -> None:
        self.teller = Teller()
        self.now = 1000.0
        self._made = 0

    def hear(self, note: str = "n", *, reason: str = "R", uid: str = "u") -> Telling | None:
        """The names of Events are n1, n2, ..., one for each time that something is heard."""
        self._made += 1
        news = News(EventType.WARNING, reason, "Act", note)
        return self.teller.hear(Regarding("v1", "K", "ns", "o", uid), news, self.now, f"n{self._made}")

    def wait(self, seconds: float) -> "Ears":
        self.now += seconds
        return self


def test_a_fact_is_told_once_and_its_repeats_are_counted() -> None:
    ears = Ears()
    assert ears.hear() == Telling("n1")
    assert [ears.wait(1).hear() for _ in range(5)] == [None] * 5
    assert ears.wait(REPEAT_SECONDS).hear() == Telling("n1", 7)


def test_a_count_is_brought_up_to_date_only_so_often() -> None:
    ears = Ears()
    ears.hear()
    written = [told for _ in range(int(10 * REPEAT_SECONDS)) if (told := ears.wait(1).hear())]
    assert [told.count for told in written] == [1 + int(REPEAT_SECONDS) * number for number in range(1, 11)]


def test_other_words_another_reason_or_another_object_are_another_fact() -> None:
    ears = Ears()
    told = [ears.hear(), ears.hear("other"), ears.hear(reason="Other"), ears.hear(uid="v")]
    assert told == [Telling(f"n{number}") for number in (1, 2, 3, 4)]


def test_a_fact_that_repeats_all_the_time_leaves_room_for_others() -> None:
    ears = Ears()
    for _ in range(3600):
        ears.wait(1).hear()
    told = [ears.hear(f"note {number}") for number in range(OBJECT_BURST - 1)]
    assert None not in told


def test_what_was_not_heard_for_long_is_told_anew() -> None:
    ears = Ears()
    ears.hear()
    assert ears.wait(WINDOW_SECONDS).hear() == Telling("n1", 2)
    assert ears.wait(WINDOW_SECONDS + 1).hear() == Telling("n3")


def test_about_one_object_only_so_much_is_told() -> None:
    ears = Ears()
    told = [ears.hear(f"note {number}") for number in range(3 * OBJECT_BURST)]
    assert sum(one is not None for one in told) == OBJECT_BURST
    assert ears.hear(uid="another") is not None
    told = [ears.wait(OBJECT_SECONDS).hear(f"later {number}") for number in range(5)]
    assert None not in told


def test_a_budget_does_not_grow_without_end() -> None:
    ears = Ears()
    ears.hear()
    ears.wait(1_000_000)
    told = [ears.hear(f"note {number}") for number in range(3 * OBJECT_BURST)]
    assert sum(one is not None for one in told) == OBJECT_BURST


def test_in_all_only_so_much_is_told_whatever_is_wrong() -> None:
    ears = Ears()
    told = [ears.hear(uid=f"u{number}") for number in range(3 * ALL_BURST)]
    assert sum(one is not None for one in told) == ALL_BURST
    assert ears.wait(telling.ALL_SECONDS).hear(uid="late") is not None


def test_what_there_was_no_room_to_tell_is_told_when_it_repeats_and_there_is() -> None:
    ears = Ears()
    for number in range(OBJECT_BURST):
        ears.hear(f"note {number}")
    assert ears.hear("the one") is None
    assert ears.wait(OBJECT_SECONDS).hear("the one") is not None


def test_memory_is_bounded_and_the_longest_unheard_of_is_forgotten() -> None:
    ears = Ears()
    for number in range(2 * MOST_KEPT):
        ears.wait(telling.ALL_SECONDS).hear(uid=f"u{number}")
        ears.hear(uid="steady")
    sizes = [len(kept) for kept in vars(ears.teller).values() if hasattr(kept, "__len__")]
    assert sizes == [MOST_KEPT, MOST_KEPT]
    last = ears.wait(REPEAT_SECONDS).hear(uid="steady")
    assert last is not None
    assert last.count > MOST_KEPT
