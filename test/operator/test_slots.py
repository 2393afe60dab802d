"""Places for the work of many: who takes long waits for itself."""

from collections import Counter

from twisted.internet.defer import Deferred

from isoproxy.operator.slots import Slots


class Works:
    """Works that end when the test says so."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self.running: list[tuple[str, Deferred[None]]] = []
        self.done: list[Deferred[None]] = []

    def begin(self, key: str, how_many: int = 1) -> None:
        self.done += [self._slots.run(key, lambda: self._work(key)) for _ in range(how_many)]

    async def _work(self, key: str) -> None:
        self.running.append((key, Deferred()))
        await self.running[-1][1]

    def end(self, key: str) -> None:
        [one, *_] = [one for one in self.running if one[0] == key]
        self.running.remove(one)
        one[1].callback(None)

    @property
    def counts(self) -> Counter[str]:
        return Counter(key for key, _ in self.running)


def test_one_key_has_no_more_places_than_one_may_have() -> None:
    works = Works(Slots(total=9, each=3, spare=0))
    works.begin("a", 5)
    assert works.counts == {"a": 3}
    works.end("a")
    assert works.counts == {"a": 3}
    works.end("a")
    works.end("a")
    works.end("a")
    assert works.counts == {"a": 1}


def test_the_last_places_are_for_keys_that_have_none() -> None:
    works = Works(Slots(total=6, each=4, spare=2))
    works.begin("a", 9)
    works.begin("b", 9)
    assert works.counts == {"a": 4, "b": 1}
    works.begin("c", 9)
    assert works.counts == {"a": 4, "b": 1, "c": 1}


def test_a_place_that_becomes_free_goes_to_who_has_the_fewest() -> None:
    works = Works(Slots(total=4, each=4, spare=0))
    works.begin("a", 9)
    works.begin("b", 9)
    assert works.counts == {"a": 4}
    works.end("a")
    works.end("a")
    assert works.counts == {"a": 2, "b": 2}


def test_keys_have_their_turns_one_after_another() -> None:
    works = Works(Slots(total=1, each=1, spare=0))
    works.begin("z")
    for key in "abc":
        works.begin(key, 2)
    works.end("z")
    turns = ""
    while works.running:
        [(key, _)] = works.running
        turns += key
        works.end(key)
    assert turns == "abcabc"


def test_what_is_dropped_is_never_begun_and_what_runs_goes_on() -> None:
    slots = Slots(total=1, each=1, spare=0)
    works = Works(slots)
    works.begin("a", 3)
    slots.drop("a")
    assert works.counts == {"a": 1}
    works.end("a")
    assert works.running == []
    assert all(done.result is None for done in works.done)


def test_any_number_of_works_that_end_at_once_may_wait_for_a_place() -> None:
    slots = Slots(total=1, each=1, spare=0)
    works = Works(slots)
    works.begin("a")

    async def at_once() -> None:
        pass

    done = [slots.run("a", at_once) for _ in range(5000)]
    works.end("a")
    assert all(one.called for one in done)
