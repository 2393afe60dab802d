"""Which Events a pass calls for: what is wrong since the last one, and that nothing is any more. Pure."""

from collections.abc import Sequence

from isoproxy.model.event import EventType, News
from isoproxy.model.pod import Condition
from isoproxy.operator.troubles import Trouble

ACTION = "Reconcile"
RECOVERED = News(EventType.NORMAL, "Recovered", ACTION, "nothing is wrong any more")

Told = frozenset[tuple[str, str]]
"""Reasons and causes of what is wrong and has been told."""


def news(
    troubles: Sequence[Trouble], told: Told | None, conditions: Sequence[Condition]
) -> tuple[tuple[News, ...], Told]:
    """Return what to tell, and what has been told then.

    ``told`` is what the last pass came to. In a first pass it is None: then what the ``conditions`` on the object say
    was told by an operator before this one.
    """
    if told is None:
        told = _told_before(troubles, conditions)
    wrong = {(trouble.reason, trouble.cause): trouble for trouble in troubles}
    found = tuple(_warning(trouble) for fact, trouble in wrong.items() if fact not in told)
    return ((RECOVERED,) if told and not wrong else found), frozenset(wrong)


def _warning(trouble: Trouble) -> News:
    return News(EventType.WARNING, trouble.reason, ACTION, trouble.gist or trouble.message)


def _told_before(troubles: Sequence[Trouble], conditions: Sequence[Condition]) -> Told:
    return frozenset(
        (trouble.reason, trouble.cause)
        for trouble in troubles
        for condition in conditions
        if condition.type == "Degraded"
        and condition.status == "True"
        and (trouble.gist or trouble.message) in condition.message
    )
