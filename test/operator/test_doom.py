"""For how long a namespace is taken to be going."""

from isoproxy.kube.errors import NamespaceTerminating, ServerError
from isoproxy.operator.doom import FIRST_SECONDS, LONGEST_SECONDS, Doom

REFUSED = [ServerError(500), NamespaceTerminating(403)]
FAILED = [ServerError(500)]


def least() -> float:
    return 0.0


def most() -> float:
    return 1.0


def refused(times: int) -> tuple[Doom, float]:
    """Be refused as soon as something new is tried; returns what is known then, and when the last time was."""
    doom, now = Doom(), 0.0
    for _ in range(times):
        now += doom.left(now)
        doom = doom.after(REFUSED, now, most)
    return doom, now


def test_nothing_is_known_at_first() -> None:
    assert not Doom().stands(1e9)
    assert Doom().after(FAILED, 1.0, least) == Doom().after([], 1.0, least) == Doom()


def test_a_refusal_stands_for_a_while_and_no_longer() -> None:
    doom, now = refused(1)
    assert doom.stands(now)
    assert doom.left(now) == FIRST_SECONDS
    assert not doom.stands(now + FIRST_SECONDS)


def test_each_further_one_stands_for_twice_as_long_up_to_a_bound() -> None:
    pauses = [doom.left(now) for doom, now in map(refused, (1, 2, 3, 4, 20, 2000))]
    assert pauses == [FIRST_SECONDS * factor for factor in (1, 2, 4, 8)] + [LONGEST_SECONDS] * 2


def test_those_that_are_refused_together_do_not_try_together() -> None:
    early, late = Doom().after(REFUSED, 0.0, least), Doom().after(REFUSED, 0.0, most)
    assert 2 * early.left(0.0) == late.left(0.0)


def test_a_try_that_succeeds_makes_it_forgotten() -> None:
    doom, now = refused(5)
    assert doom.after([], now + doom.left(now), least) == Doom()


def test_so_does_one_that_made_anything_new_whatever_else_was_refused() -> None:
    doom, now = refused(5)
    assert doom.after(REFUSED, now + doom.left(now), least, made=True) == Doom()


def test_a_try_that_fails_for_another_reason_proves_nothing() -> None:
    doom, now = refused(5)
    later = now + doom.left(now)
    again = doom.after(FAILED, later, least)
    assert not again.stands(later)
    assert again.after(REFUSED, later, most).left(later) == 32 * FIRST_SECONDS
