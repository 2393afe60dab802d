"""Obstacles are tried now and then, and known until they are overcome."""

from isoproxy.operator.actions import Child
from isoproxy.operator.observed import Obstacle
from isoproxy.operator.obstacles import OBSTACLE_SECONDS, Obstacles

ROLE = Child.ROLE
TAKEN, REFUSED = Obstacle("NameTaken", "t"), Obstacle("ChildRefused", "r")


def met(obstacle: Obstacle = TAKEN, at: float = 0.0, before: Obstacles | None = None) -> Obstacles:
    return (before or Obstacles()).after([ROLE], applied=[], met={ROLE: obstacle}, now=at)


def test_one_is_not_tried_again_for_a_while() -> None:
    assert met().standing(OBSTACLE_SECONDS - 0.1) == {ROLE: TAKEN}
    assert met().standing(OBSTACLE_SECONDS) == {}


def test_one_that_is_tried_again_is_known_until_it_is_overcome() -> None:
    later = OBSTACLE_SECONDS + 1
    failed_otherwise = met().after([ROLE], applied=[], met={}, now=later)
    assert failed_otherwise.known() == {ROLE: TAKEN}
    assert failed_otherwise.standing(later) == {}
    assert met(REFUSED, later, before=failed_otherwise).standing(later) == {ROLE: REFUSED}
    assert failed_otherwise.after([ROLE], applied=[ROLE], met={}, now=later).known() == {}


def test_one_whose_child_is_not_to_be_applied_any_more_is_forgotten() -> None:
    assert met().after([], applied=[], met={}, now=1.0).known() == {ROLE: TAKEN}
    assert met().after([], applied=[], met={}, now=OBSTACLE_SECONDS).known() == {}
